# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Peers behave as their documentation says."""

import numpy as np
import pytest

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.base.types import Provenance
from wla_ros.base.types import Representation
from wla_ros.base.types import StreamSample
from wla_ros.benchmarks.peers.catalogue import PEERS
from wla_ros.benchmarks.peers.lerobot_aggregation import LeRobotAggregation
from wla_ros.benchmarks.peers.lerobot_rtc import LeRobotRtc
from wla_ros.benchmarks.peers.lerobot_rtc import linear_weights
from wla_ros.benchmarks.peers.openpi_broker import OpenPiBroker
from wla_ros.benchmarks.peers.peer_executor import PeerExecutor
from wla_ros.benchmarks.peers.row_queue import ArrivedRows

LAYOUT = JointLayout(('left',))
DT_NS, PERIOD_NS = 40_000_000, 5_000_000
DT_S = DT_NS / 1e9


def rows(*values):
    return np.array(values, dtype=float)[:, None] * np.ones(LAYOUT.width)


def arrived(values, *, begun=0, latency_s=0.0):
    return ArrivedRows(rows=rows(*values), begun_step=begun, latency_s=latency_s)


def firsts(queue):
    return [] if not len(queue.waiting) else queue.waiting[:, 0].tolist()


# LeRobot's asynchronous inference


def test_an_overlap_is_averaged_and_executed_timesteps_are_dropped():
    queue = LeRobotAggregation(0.7)
    queue.merge(arrived([0, 1, 2, 3]))
    assert [queue.pop()[0], queue.pop()[0]] == [0.0, 1.0]
    assert queue.steps == 1
    queue.merge(arrived([11, 12, 13, 14, 15], begun=1))
    # Timestep 1 was executed; 2 and 3 are 0.3 old + 0.7 new; 4 and 5 are new.
    assert firsts(queue) == pytest.approx([0.3 * 2 + 0.7 * 12, 0.3 * 3 + 0.7 * 13, 14, 15])


def test_latest_only_takes_the_new_rows():
    queue = LeRobotAggregation(1.0)
    queue.merge(arrived([0, 1, 2]))
    queue.merge(arrived([5, 6, 7]))
    assert firsts(queue) == [5, 6, 7]


def test_a_weight_outside_0_to_1_is_refused():
    with pytest.raises(ValueError, match='new_weight'):
        LeRobotAggregation(1.5)


# LeRobot's real-time chunking


def test_rows_of_the_measured_delay_are_dropped():
    queue = LeRobotRtc(DT_S)
    queue.merge(arrived(range(8)))
    for _ in range(4):
        queue.pop()
    # 2.2 control steps round up to 3, of 4 that went out.
    queue.merge(arrived(range(10, 18), begun=0, latency_s=2.2 * DT_S))
    assert firsts(queue) == [13, 14, 15, 16, 17]


def test_no_more_rows_are_dropped_than_went_out():
    queue = LeRobotRtc(DT_S)
    queue.merge(arrived(range(8), latency_s=5 * DT_S))
    assert firsts(queue) == list(range(8))


def test_the_rest_of_the_queue_guides_with_the_largest_latency():
    queue = LeRobotRtc(DT_S, execution_horizon=6)
    assert queue.prefix() is None
    queue.merge(arrived(range(12), latency_s=2 * DT_S))
    queue.pop()
    prefix = queue.prefix()
    assert prefix.rows[:, 0].tolist() == [1, 2, 3, 4, 5, 6]
    assert prefix.committed == 2
    assert prefix.weights.tolist() == pytest.approx([1, 1, 4 / 5, 3 / 5, 2 / 5, 1 / 5])


def test_a_delay_beyond_the_mask_freezes_all_of_it():
    assert linear_weights(20, 4).tolist() == [1, 1, 1, 1]


# openpi's broker


def test_the_broker_executes_the_first_rows_only():
    queue = OpenPiBroker(3)
    queue.merge(arrived(range(8)))
    assert [queue.pop()[0] for _ in range(3)] == [0, 1, 2]
    assert queue.pop() is None
    with pytest.raises(ValueError, match='at least 1'):
        OpenPiBroker(0)


# Behind the port of the episode


class Unlimited:
    """A last stage without limits."""

    def seed(self, position):
        self.position = position

    def approach(self, position, velocity, duration_s):
        self.position = position
        return position, velocity, np.zeros_like(position)

    def stop(self, duration_s):
        still = np.zeros_like(self.position)
        return self.position, still, still


def chunk(values, *, stamp_ns, begun_ns, sequence=0):
    sample = StreamSample(stream='head', stamp_ns=stamp_ns, age_ns=begun_ns - stamp_ns, skew_ns=0)
    return ActionChunk(
        stamp_ns=stamp_ns,
        dt_ns=DT_NS,
        epoch=0,
        sequence=sequence,
        representation=Representation.JOINT_POSITION,
        columns=LAYOUT.columns,
        rows=rows(*values),
        provenance=Provenance(policy='p', policy_version='1', instruction=''),
        samples=(sample,),
    )


def started(queue):
    executor = PeerExecutor(
        queue, Unlimited(), LAYOUT, strategy='latest', dt_ns=DT_NS, period_ns=PERIOD_NS
    )
    assert executor.tick(0) is None
    executor.accept_feedback(
        JointSample(
            arm='left',
            stamp_ns=0,
            receive_ns=0,
            position=np.zeros(7),
            velocity=np.zeros(7),
            effort=np.zeros(7),
        )
    )
    assert executor.tick(0).position.tolist() == [0.0] * 7
    executor.set_mode(Mode.AUTONOMY, 0, 'test')
    return executor


def run(executor, start_ns, end_ns):
    """Return the first column of every tick in start..end."""
    return [executor.tick(now).position[0] for now in range(start_ns, end_ns, PERIOD_NS)]


def test_rows_go_out_one_per_step_and_the_way_between_them_is_smooth():
    executor = started(OpenPiBroker(8))
    executor.accept_chunk(chunk([0, 1, 2, 3, 3, 3], stamp_ns=0, begun_ns=0), 0)
    path = run(executor, 0, 6 * DT_NS)
    assert path[::8] == pytest.approx([0, 1, 2, 3, 3, 3])
    assert path[9] == pytest.approx(1.0 + 1.0 / 8)


def test_the_robot_stays_while_the_queue_is_empty():
    executor = started(OpenPiBroker(2))
    executor.accept_chunk(chunk([1, 2, 9, 9], stamp_ns=0, begun_ns=0), 0)
    path = run(executor, 0, 10 * DT_NS)
    assert path[-1] == 2.0
    assert executor.view(10 * DT_NS).starvations == 1
    assert executor.execution_plan(10 * DT_NS).resting
    assert not len(executor.execution_plan(10 * DT_NS).due_ns)


def test_timesteps_begin_where_the_observation_was_taken():
    executor = started(LeRobotAggregation(1.0))
    executor.accept_chunk(chunk(range(20), stamp_ns=0, begun_ns=0), 0)
    run(executor, 0, 5 * DT_NS)  # timesteps 0 to 4 are out
    late = chunk(range(100, 120), stamp_ns=0, begun_ns=2 * DT_NS + 1, sequence=1)
    executor.accept_chunk(late, 5 * DT_NS - 1)
    # Taken at timestep 2: the row of timestep 5 is the fourth.
    assert executor.tick(5 * DT_NS).position[0] == 103.0


def test_a_chunk_steps_without_a_bridge():
    executor = started(LeRobotAggregation(1.0))
    executor.accept_chunk(chunk([0] * 20, stamp_ns=0, begun_ns=0), 0)
    assert executor.take_splice().position_step_rad == 0.0
    run(executor, 0, 2 * DT_NS)
    executor.accept_chunk(chunk([0.5] * 20, stamp_ns=0, begun_ns=DT_NS, sequence=1), 2 * DT_NS)
    splice = executor.take_splice()
    assert splice.position_step_rad == splice.bridged_position_step_rad == 0.5
    assert executor.take_splice() is None


def test_the_plan_lets_the_client_ask_at_half_a_chunk():
    executor = started(LeRobotAggregation(1.0))
    executor.accept_chunk(chunk(range(8), stamp_ns=0, begun_ns=0), 0)
    run(executor, 0, 3 * DT_NS + 1)
    plan = executor.execution_plan(3 * DT_NS)
    assert len(plan.due_ns) == 4
    # The last row acts until the end of its step.
    assert plan.due_ns[-1] == 4 * DT_NS + 4 * DT_NS


def test_chunks_are_taken_in_autonomy_only():
    executor = started(OpenPiBroker(2))
    executor.set_mode(Mode.HOLD, DT_NS, 'test')
    assert executor.accept_chunk(chunk([1], stamp_ns=0, begun_ns=0), DT_NS).reason == 'wrong_mode'


@pytest.mark.parametrize('name', PEERS)
def test_every_peer_has_a_queue_and_a_cadence(name):
    peer = PEERS[name]
    assert peer.queue(32, DT_S).pop() is None
    assert peer.asks(32).strategy.name == 'latest'
