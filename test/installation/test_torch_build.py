# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Machines without an NVIDIA card get the small build of torch, where its index can be reached."""

import pytest
import torch_build

PINS = ['numpy==2.3.0', 'torch==2.13.0']


@pytest.fixture
def card(tmp_path):
    device = tmp_path / 'version'
    device.touch()
    return device


def test_without_a_card_the_pinned_version_comes_from_the_cpu_index(tmp_path):
    arguments = torch_build.cpu_requirement(
        PINS, devices=(tmp_path / 'none',), answers=lambda _: True
    )
    assert arguments == ['torch==2.13.0', '--index-url', torch_build.CPU_INDEX]


def test_a_card_leaves_the_choice_to_pip(card):
    assert torch_build.cpu_requirement(PINS, devices=(card,), answers=lambda _: True) == []


def test_an_index_out_of_reach_leaves_the_choice_to_pip(tmp_path):
    nothing = (tmp_path / 'none',)
    assert torch_build.cpu_requirement(PINS, devices=nothing, answers=lambda _: False) == []


def test_without_a_pin_there_is_nothing_to_choose(tmp_path):
    nothing = (tmp_path / 'none',)
    assert torch_build.cpu_requirement(PINS[:1], devices=nothing, answers=lambda _: True) == []


def test_an_index_that_does_not_exist_does_not_answer():
    assert not torch_build._answers('http://127.0.0.1:9/torch/')
