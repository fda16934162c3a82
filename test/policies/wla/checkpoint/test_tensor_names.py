# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Numbered layers with the same complaint share a line."""

from wla_ros.policies.wla.checkpoint.weights import collapse


def test_runs_and_gaps_of_numbers_are_joined():
    names = [f'layers.{i}.norm.weight' for i in (0, 1, 2, 5, 7, 8)]
    assert collapse(names) == ['layers.{0-2,5,7-8}.norm.weight']


def test_a_single_number_stays_as_it_is():
    assert collapse(['layers.3.weight', 'head.weight']) == ['layers.3.weight', 'head.weight']


def test_only_the_first_number_is_joined():
    names = [f'blocks.{i}.net.{j}.bias' for i in (0, 1) for j in (0, 2)]
    assert collapse(names) == ['blocks.{0-1}.net.0.bias', 'blocks.{0-1}.net.2.bias']
