# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policy `wla` with a random nano checkpoint in the policy node."""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('torch')
pytest.importorskip('tokenizers')

from builtin_interfaces.msg import Duration  # noqa: E402
from nodes.graph import BIMANUAL  # noqa: E402
from nodes.graph import Graph  # noqa: E402
from nodes.rig_probe import PATIENT_POLICY  # noqa: E402
from nodes.rig_probe import RigProbe  # noqa: E402

from wla_ros.action import RunTask  # noqa: E402
from wla_ros.msg import ActionChunk  # noqa: E402
from wla_ros.msg import PolicyStatus  # noqa: E402
from wla_ros.msg import SubtaskMemory  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.policies.wla.checkpoint.create import SIZES  # noqa: E402
from wla_ros.policies.wla.checkpoint.create import create_checkpoint  # noqa: E402


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('checkpoint') / 'nano'
    create_checkpoint(folder, SIZES['nano'])
    return folder


def parameters(checkpoint: Path, **changes: Any) -> dict[str, Any]:
    return {
        **PATIENT_POLICY,
        'policy.name': 'wla',
        'policy.wla.checkpoint': str(checkpoint),
        'policy.wla.device': 'cpu',
        'policy.wla.threads': 1,
        'policy.wla.language.max_tokens': 8,
        **changes,
    }


def test_chunks_carry_weights_subtask_memory_and_stages(graph: Graph, checkpoint: Path) -> None:
    rig = RigProbe(graph)
    chunks: list[ActionChunk] = graph.collect(ActionChunk, 'action_chunk', qos.CHUNK)
    memories: list[SubtaskMemory] = graph.collect(SubtaskMemory, 'subtask_memory', qos.LATCHED)
    graph.start_active(
        'policy_node', BIMANUAL, parameters(checkpoint, run_without_task=True, instruction='stack')
    )
    rig.with_cameras()
    graph.wait_until(lambda: len(chunks) >= 10, '10 chunks')
    last = chunks[-1]
    assert (last.policy, last.horizon, len(last.columns)) == ('wla', 32, 14)
    assert last.policy_version.startswith('wla-')
    assert last.memory_revision >= 1
    stages = {timing.stage for timing in last.timings}
    assert stages >= {'preprocess', 'vision', 'prefill', 'action', 'inference'}
    assert any('head[-' in sample.stream for sample in last.inputs)
    if last.subtask:  # random weights may say nothing
        graph.wait_until(lambda: memories[-1].current.id > 0, 'the memory')


def test_a_task_does_not_begin_at_joints_unlike_the_data(graph: Graph, checkpoint: Path) -> None:
    from rclpy.action import ActionClient

    rig = RigProbe(graph)
    rig.position['left'][:] = 2.6, 0.5, -0.5, 0.1, 0.1, 0.1, 0.03
    statuses: list[PolicyStatus] = graph.collect(PolicyStatus, 'policy_status')
    # Statistics of which the left arm's first joint is far outside.
    stats = json.loads((checkpoint / 'norm_stats.json').read_text())
    state = stats['piper_random']['observation.state']
    state['min'][0], state['max'][0] = -0.5, 0.5
    narrow = graph.folder / 'norm_stats.json'
    narrow.write_text(json.dumps(stats))
    graph.start_active('executor_node', BIMANUAL)
    graph.start_active(
        'policy_node',
        BIMANUAL,
        parameters(
            checkpoint,
            **{'policy.wla.statistics.file': str(narrow), 'task.ready_timeout_s': 3.0},
        ),
    )
    rig.with_cameras()
    graph.wait_until(lambda: bool(statuses) and statuses[-1].ready, 'healthy inputs')
    client = ActionClient(graph.probe, RunTask, 'run_task')
    graph.wait_until(client.server_is_ready, 'the action server')
    goal = client.send_goal_async(RunTask.Goal(instruction='stack', time_limit=Duration(sec=5)))
    graph.wait_until(goal.done, 'the goal')
    outcome = goal.result().get_result_async()
    graph.wait_until(outcome.done, 'the result')
    result = outcome.result().result
    client.destroy()
    assert result.reason == RunTask.Result.REFUSED
    assert 'implausible_start' in result.message
    assert 'left/joint1 = 2.6 outside' in result.message
