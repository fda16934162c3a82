# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A parameter file that cannot be used ends the node at start, with every mismatch listed."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy')

import yaml  # noqa: E402 - not without rclpy
from nodes.graph import BIMANUAL  # noqa: E402
from nodes.graph import CONFIG  # noqa: E402
from nodes.graph import Graph  # noqa: E402

EXIT_CONFIGURATION = 2


def _profile(folder: Path, **changes: Any) -> str:
    """Write the piper_ros profile with other command fields; return its path."""
    profile = yaml.safe_load((CONFIG / 'drivers' / 'piper_ros.yaml').read_text())
    profile['command'].update(changes)
    path = folder / 'changed.yaml'
    path.write_text(yaml.safe_dump(profile))
    return str(path)


def _refused(graph: Graph, name: str, parameters: dict[str, Any], *expected: str) -> None:
    node = graph.start(name, BIMANUAL, parameters)
    assert node.wait() == EXIT_CONFIGURATION, node.output()
    missing = [text for text in expected if text not in node.output()]
    assert not missing, node.output()
    assert 'Traceback' not in node.output()


def test_the_policy_node_lists_every_mismatch(graph: Graph) -> None:
    parameters = {
        'robot.driver_profile': _profile(
            graph.folder, joint_names=['joint1', 'joint2', 'joint3', 'joint4', 'joint5', 'gripper']
        ),
        'synchronisation.max_skew_ms': 25.0,  # wrong unit
        'synchronisation.joints.max_age_s': 100.0,  # milliseconds in a field of seconds
        'cameras.head.transport': 'jpeg',
        'polcy.name': 'hold',  # unknown key
        'status_rate_hz': 'fast',
    }
    _refused(
        graph,
        'policy_node',
        parameters,
        "synchronisation.max_skew_ms: unknown key (did you mean 'max_skew_s', in s?)",
        'synchronisation.joints.max_age_s: 100.0 lies outside [0.001, 10] s',
        "cameras.head.transport: 'jpeg' is not one of raw, compressed",
        "polcy: unknown key (did you mean 'policy'?)",
        "status_rate_hz: expected a number, got 'fast'",
        'joint and gripper names must be distinct texts',
    )


def test_the_policy_node_names_a_missing_camera(graph: Graph) -> None:
    parameters = {
        'synchronisation.cameras.chest.max_age_s': 0.2,
        'synchronisation.anchor_camera': 'chest',
        'policy.name': 'hold',
    }
    _refused(
        graph,
        'policy_node',
        parameters,
        'synchronisation.cameras.chest: there is no such camera',
        'cameras: head, left_wrist, right_wrist',
    )


def test_the_executor_lists_every_mismatch(graph: Graph) -> None:
    parameters = {
        'robot.driver_profile': _profile(graph.folder, velocity='radians'),
        'execution.rate_khz': 0.2,
        'execution.arms.left.home_deg': [0.0, 27.0, -34.0, 0.0, 42.0, 0.0],
        'limits.gripper_max_m': 70.0,  # millimetres
    }
    _refused(
        graph,
        'executor_node',
        parameters,
        "execution.rate_khz: unknown key (did you mean 'rate_hz', in Hz?)",
        "execution.arms.left.home_deg: unknown key (did you mean 'home_rad', in rad?)",
        'limits.gripper_max_m: 70.0 lies outside [0.001, 0.1] m',
        "command.velocity: 'radians' is not one of",
    )


def test_the_executor_checks_arms_and_home_together(graph: Graph) -> None:
    parameters = {
        'execution.arms.middle.action_latency_s': 0.1,
        'execution.arms.left.home_rad': [0.0, 27.0, -34.0, 0.0, 42.0, 0.0],  # degrees
        'mounts.middle.y_m': 0.0,
        'limits.velocity_rad_s': 180.0,  # degrees
    }
    _refused(
        graph,
        'executor_node',
        parameters,
        'execution.arms.middle: no such arm',
        'execution.arms.left.home_rad[1]: 27 lies outside the limits',
        'mounts.middle: no such arm',
        'limits.velocity_rad_s: 180.0 lies outside',
    )


def test_simulated_time_is_refused_for_an_executor_of_real_arms(graph: Graph) -> None:
    _refused(
        graph,
        'executor_node',
        {'robot.driver_profile': 'piper_ros', 'use_sim_time': True},
        'use_sim_time: true, but real drivers stamp with wall-clock time',
    )


def test_the_sim_node_lists_every_mismatch(graph: Graph) -> None:
    parameters = {
        'rig.task': 'fold_towel',
        'rig.cameras.chest.rate_hz': 30.0,
        'rig.cameras.head.widht': 640,
        'rig.faults.arms.middle.actuation_lag_s': 0.1,
        'images': 'vulkan',
    }
    _refused(
        graph,
        'sim_node',
        parameters,
        "rig.task: 'fold_towel' does not exist",
        "rig.cameras: 'chest' does not exist",
        "rig.cameras.head.widht: unknown key (did you mean 'width', in px?)",
        "rig.faults.arms: 'middle' does not exist",
        "images: 'vulkan' is not one of egl, pattern",
    )


def test_the_recorder_lists_every_mismatch(graph: Graph) -> None:
    parameters = {
        'topics': ['a', 'b'],
        'images.head.quality': 200,
        'images.chest.rate_hz': 10.0,
        'fodler': '/tmp',  # noqa: S108
    }
    _refused(
        graph,
        'recorder_node',
        parameters,
        'images.head.quality: 200 lies outside [10, 100]',
        'images.chest.topic: is missing',
        "fodler: unknown key (did you mean 'folder'?)",
    )


@pytest.mark.parametrize('name', ['policy_node', 'executor_node'])
def test_a_profile_that_does_not_exist_is_named_with_those_that_do(
    graph: Graph, name: str
) -> None:
    _refused(
        graph,
        name,
        {'robot.driver_profile': 'pipper'},
        "robot.driver_profile: there is no profile 'pipper'",
        'known: agx_arm_ros',
    )


@pytest.mark.parametrize(
    ('parameters', 'expected'),
    [
        ({'policy.name': 'genius'}, "policy.name: there is no policy 'genius'"),
        ({'policy.name': 'replay'}, 'policy.replay.bag: is empty'),
        (
            {'policy.name': 'expert', 'policy.expert.task': 'fold_towel'},
            "policy.expert.task: 'fold_towel' is not registered (there are: ",
        ),
        (
            {'policy.name': 'expert', 'robot.arms': ['left']},
            'columns: has unknown right/joint1',
        ),
    ],
)
def test_a_policy_that_cannot_run_here_is_refused(
    graph: Graph, parameters: dict[str, Any], expected: str
) -> None:
    _refused(graph, 'policy_node', parameters, expected)


def test_a_strategy_that_the_policy_cannot_serve_is_listed_with_everything_else(
    graph: Graph,
) -> None:
    parameters = {
        'policy.name': 'hold',
        'strategy.name': 'rtc',
        'strategy.expected_delay_s': 2.0,
        'anchor_camera': 'head',
    }
    _refused(
        graph,
        'policy_node',
        parameters,
        'strategy.name: rtc guides the denoising, policy hold cannot be guided',
        'strategy.expected_delay_s: a delay of',
        'anchor_camera: unknown key',
    )


def test_the_executor_names_a_strategy_that_contradicts_itself(graph: Graph) -> None:
    _refused(
        graph,
        'executor_node',
        {'strategy.name': 'sync+rtc', 'execution.strategy.name': 'rtc'},
        "strategy: 'sync+rtc' contradicts itself",
        'execution.strategy: unknown key',
    )


SLOW = '{ros__parameters: {execution.motion.velocity_scale: 0.1}}'
ROBOT = '{ros__parameters: {robot.driver_profile: piper_ros}}'


@pytest.mark.parametrize(
    ('name', 'content', 'namespace', 'expected'),
    [
        (
            'executor_node',
            f'executor_node: {SLOW}',
            '/cell',
            'node: is not for /cell/executor',
        ),
        ('executor_node', f'executr_node: {SLOW}', '', "did you mean 'executor_node'?"),
        ('executor_node', f'/**: {ROBOT}\nexecutor_node: {SLOW}', '/cell', 'is not for /cell/exe'),
        (
            'executor_node',
            f'policy_node: {SLOW}',
            '',
            '/executor_node: has no section (sections',
        ),
        ('policy_node', f'executor_node: {SLOW}', '', '/policy_node: has no section'),
        ('sim_node', 'camera: {ros__parameters: {rate: 30}}', '', '/sim_node: has no section'),
        ('recorder_node', '# empty', '', 'expected sections per node, got None'),
        ('executor_node', '{}', '', 'has no section (sections: none)'),
    ],
)
def test_a_file_that_is_not_for_the_node_ends_it(
    graph: Graph, name: str, content: str, namespace: str, expected: str
) -> None:
    file = graph.folder / 'cell.yaml'
    file.write_text(content)
    node = graph.start(name, file, namespace=namespace)
    assert node.wait() == EXIT_CONFIGURATION, node.output()
    assert expected in node.output(), node.output()
    assert str(file) in node.output()


@pytest.mark.parametrize(
    ('name', 'required'),
    [
        ('executor_node', 'robot.driver_profile'),
        ('policy_node', 'robot.driver_profile'),
        ('sim_node', 'rig.task'),
        ('recorder_node', 'folder'),
    ],
)
def test_a_node_without_parameters_ends_and_names_what_it_needs(
    graph: Graph, name: str, required: str
) -> None:
    node = graph.start(name)
    assert node.wait() == EXIT_CONFIGURATION, node.output()
    assert f'{required}: is missing' in node.output()
    assert f'/{name}: no parameters were given' in node.output()


@pytest.mark.parametrize('content', [None, 'executor_node: ['])
def test_a_file_that_ros_cannot_read_is_named(graph: Graph, content: str | None) -> None:
    file = graph.folder / 'unreadable.yaml'
    if content is not None:
        file.write_text(content)
    node = graph.start('executor_node', file)
    assert node.wait() == EXIT_CONFIGURATION, node.output()
    assert f'--params-file {file}' in node.output()
    assert 'Traceback' not in node.output()
