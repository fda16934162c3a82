# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The parameters of the single arm, all nodes in a namespace: what the file names is found."""

import pytest

pytest.importorskip('rclpy')

from builtin_interfaces.msg import Duration  # noqa: E402
from nodes.graph import CONFIG  # noqa: E402
from nodes.graph import START_TIMEOUT_S  # noqa: E402
from nodes.graph import Graph  # noqa: E402
from nodes.rig_probe import PATIENT_EXECUTOR  # noqa: E402
from nodes.rig_probe import PATIENT_POLICY  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402 - not without rclpy

from wla_ros.action import RunTask  # noqa: E402
from wla_ros.msg import ActionChunk  # noqa: E402
from wla_ros.msg import ExecutorStatus  # noqa: E402
from wla_ros.msg import PiperStatus  # noqa: E402
from wla_ros.msg import PolicyStatus  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402

SINGLE = CONFIG / 'single.yaml'


def test_one_arm_runs_a_task_in_a_namespace(graph: Graph) -> None:
    policies = graph.collect(PolicyStatus, 'cell/policy_status')
    executors = graph.collect(ExecutorStatus, 'cell/executor_status')
    chunks = graph.collect(ActionChunk, 'cell/action_chunk', qos.CHUNK)
    arms = graph.collect(PiperStatus, 'cell/arm_status_left', qos.SENSOR_INPUT)
    one_camera_less = {
        name: value for name, value in PATIENT_POLICY.items() if 'right_wrist' not in name
    }
    graph.start('sim_node', SINGLE, {'images': 'pattern'}, namespace='/cell')
    graph.start('executor_node', SINGLE, PATIENT_EXECUTOR, namespace='/cell')
    graph.start('policy_node', SINGLE, one_camera_less, namespace='/cell')
    graph.wait_until(
        lambda: (
            bool(policies)
            and policies[-1].ready
            and bool(executors)
            and executors[-1].state == ExecutorStatus.HOLDING
            and bool(arms)
            and arms[-1].ctrl_mode == 1  # CAN control: the driver has enabled it
        ),
        'policy, executor and arm to be ready',
        START_TIMEOUT_S,
    )
    client = ActionClient(graph.probe, RunTask, 'cell/run_task')
    graph.wait_until(client.server_is_ready, 'run_task', START_TIMEOUT_S)
    sent = client.send_goal_async(
        RunTask.Goal(instruction='hold still', time_limit=Duration(sec=1))
    )
    graph.wait_until(sent.done, 'the goal')
    result = sent.result().get_result_async()
    graph.wait_until(result.done, 'the result')
    client.destroy()
    assert result.result().result.reason == RunTask.Result.TIME_LIMIT
    graph.wait_until(lambda: bool(chunks), 'a chunk')
    assert list(chunks[0].columns) == [f'left/joint{i}' for i in range(1, 7)] + ['left/gripper']
