# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The shipped Fast DDS profile is used unless somebody chose otherwise."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip('rclpy')

from wla_ros.base.parameter_files import find_configuration_file  # noqa: E402 - not without rclpy
from wla_ros.nodes.lifecycle import PROFILE_FILE  # noqa: E402
from wla_ros.nodes.lifecycle import local_transport_environment  # noqa: E402

NEW, OLD = 'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'
PROFILE = Path('/x/fastdds_local.xml')


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (NEW, OLD, 'RMW_IMPLEMENTATION', 'ROS_DISTRO'):
        monkeypatch.delenv(name, raising=False)


def test_the_new_name_is_set_alone_on_new_distributions() -> None:
    assert local_transport_environment(PROFILE) == {NEW: str(PROFILE)}


@pytest.mark.parametrize('distribution', ['humble', 'jazzy'])
def test_both_names_are_set_where_fast_dds_2_reads_the_old_one(
    monkeypatch: pytest.MonkeyPatch, distribution: str
) -> None:
    monkeypatch.setenv('ROS_DISTRO', distribution)
    assert set(local_transport_environment(PROFILE)) == {NEW, OLD}


@pytest.mark.parametrize(
    ('name', 'value'),
    [(NEW, '/own.xml'), (OLD, '/own.xml'), ('RMW_IMPLEMENTATION', 'rmw_cyclonedds_cpp')],
)
def test_the_operators_choice_wins(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert local_transport_environment(PROFILE) == {}


def test_the_profile_is_shipped_and_its_segment_holds_whole_images() -> None:
    path = find_configuration_file(PROFILE_FILE)
    assert path is not None
    sizes = [
        int(element.text or 0)
        for element in ElementTree.parse(path).iter()
        if element.tag.endswith('segment_size')
    ]
    assert sizes
    assert min(sizes) >= 10 * 640 * 480 * 3
