# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""ROS for the tests of the shells: a domain of their own on this machine only, one context."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Before rclpy is imported: other runs on this machine must not hear these tests, nor be heard.
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
if os.environ.get('ROS_DISTRO') == 'humble':
    os.environ['ROS_LOCALHOST_ONLY'] = '1'
# Domains above 101 use ports that Linux hands out to anybody.
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 101)

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.ros)


@pytest.fixture(scope='session')
def ros_context() -> Iterator[Any]:
    rclpy = pytest.importorskip('rclpy')
    from rclpy.context import Context

    from wla_ros.nodes.lifecycle import prefer_local_transport

    prefer_local_transport()
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


@pytest.fixture(autouse=True)
def ros_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What outlives a node of a test is no concern of the next one, nor of the user's nodes."""
    home = tmp_path / 'ros_home'
    monkeypatch.setenv('ROS_HOME', str(home))
    return home


@pytest.fixture
def graph(ros_context: Any, tmp_path: Path) -> Iterator[Any]:
    from nodes.graph import Graph

    opened = Graph(ros_context, tmp_path)
    try:
        yield opened
    finally:
        codes = opened.close()
    assert set(codes.values()) <= {0, 2}, f'exit codes {codes}'
