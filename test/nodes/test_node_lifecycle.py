# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Every node as a process: starts itself, deactivates, starts again, ends with exit code 0."""

import signal
from typing import Any

import pytest

pytest.importorskip('rclpy')

from lifecycle_msgs.msg import Transition  # noqa: E402 - not without rclpy
from nodes.graph import BIMANUAL  # noqa: E402
from nodes.graph import Graph  # noqa: E402

PARAMETERS: dict[str, dict[str, Any]] = {
    'sim_node': {'images': 'pattern'},
    'executor_node': {},
    'policy_node': {'policy.name': 'hold'},
    'recorder_node': {'folder': '.'},
}


@pytest.mark.parametrize('name', PARAMETERS)
def test_a_node_starts_deactivates_and_ends_well(graph: Graph, name: str) -> None:
    node = graph.start_active(name, BIMANUAL, PARAMETERS[name])

    assert graph.transition(name, Transition.TRANSITION_DEACTIVATE)
    graph.wait_for_state(node, 'inactive')
    assert graph.transition(name, Transition.TRANSITION_CLEANUP)
    graph.wait_for_state(node, 'unconfigured')
    assert graph.transition(name, Transition.TRANSITION_CONFIGURE)
    assert graph.transition(name, Transition.TRANSITION_ACTIVATE)
    graph.wait_for_state(node, 'active')

    assert node.stop(signal.SIGINT) == 0
    assert 'Traceback' not in node.output()


@pytest.mark.parametrize('name', PARAMETERS)
def test_without_autostart_a_node_waits_for_a_manager(graph: Graph, name: str) -> None:
    node = graph.start(name, BIMANUAL, {**PARAMETERS[name], 'autostart': False})
    graph.wait_for_state(node, 'unconfigured')

    assert node.stop(signal.SIGTERM) == 0
    assert 'Traceback' not in node.output()
