# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Plan, splices, strategies and clocks between executor and policy node, over ROS."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy')

from nodes.graph import BIMANUAL  # noqa: E402 - not without rclpy
from nodes.graph import Graph  # noqa: E402
from nodes.rig_probe import DT_NS  # noqa: E402
from nodes.rig_probe import LAYOUT  # noqa: E402
from nodes.rig_probe import PATIENT_EXECUTOR  # noqa: E402
from nodes.rig_probe import PATIENT_POLICY  # noqa: E402
from nodes.rig_probe import RigProbe  # noqa: E402

from wla_ros.base.types import ExecutionPlan as Plan  # noqa: E402
from wla_ros.msg import ActionChunk  # noqa: E402
from wla_ros.msg import ControlMode  # noqa: E402
from wla_ros.msg import ExecutionPlan  # noqa: E402
from wla_ros.msg import ExecutorStatus  # noqa: E402
from wla_ros.msg import PolicyStatus  # noqa: E402
from wla_ros.msg import Splice  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.nodes.messages import duration_ns  # noqa: E402
from wla_ros.nodes.messages import stamp_ns  # noqa: E402
from wla_ros.nodes.plan_messages import plan_message  # noqa: E402
from wla_ros.nodes.plan_messages import plan_value  # noqa: E402
from wla_ros.srv import SetControlMode  # noqa: E402


class ExecutorProbe:
    """A running executor whose arms hold, and what it says about its plan."""

    def __init__(self, graph: Graph, **parameters: Any) -> None:
        self.graph = graph
        self.plans: list[ExecutionPlan] = graph.collect(ExecutionPlan, 'execution_plan', qos.PLAN)
        self.splices: list[Splice] = graph.collect(Splice, 'splices', qos.SPLICE)
        graph.start_active('executor_node', BIMANUAL, {**PATIENT_EXECUTOR, **parameters})
        self.rig = RigProbe(graph)
        self.rig.wait_for_state(ExecutorStatus.HOLDING)

    @property
    def status(self) -> ExecutorStatus:
        return self.rig.status

    def engage(self, session: int = 0) -> None:
        response = self.graph.call(
            SetControlMode,
            'executor_node/set_mode',
            mode=ControlMode.AUTONOMY,
            session=session,
            reason='test',
        )
        assert response.success, response.message
        self.rig.wait_for_mode(ControlMode.AUTONOMY)

    def wait_for_status(self, condition: Any, what: str) -> None:
        self.graph.wait_until(lambda: bool(condition(self.status)), what)

    def plan_of(self, sequence: int) -> Plan:
        """Return the first plan with that newest chunk."""

        def known() -> list[ExecutionPlan]:
            return [m for m in self.plans if m.splice_known and m.sequence == sequence]

        self.graph.wait_until(lambda: bool(known()), f'the plan of chunk {sequence}')
        plan = plan_value(known()[0], LAYOUT.columns)
        assert isinstance(plan, Plan)
        return plan


def test_every_accepted_chunk_is_one_splice_and_a_plan(graph: Graph) -> None:
    executor = ExecutorProbe(graph)
    executor.engage()
    rig = executor.rig
    for sequence in range(5):
        chunk = rig.chunk(rig.moving_rows(), sequence=sequence)
        rig.send(chunk)
        plan = executor.plan_of(sequence)
        assert plan.splice is not None
        assert plan.accepting
        assert not plan.resting
        assert plan.due_ns[-1] == stamp_ns(chunk.header.stamp) + 31 * DT_NS
        assert plan.splice.delay_ns >= 0
    executor.wait_for_status(lambda status: status.starvations > 0, 'the end of the last chunk')
    graph.wait_until(lambda: executor.plans[-1].resting, 'a plan at rest')
    graph.wait_until(lambda: len(executor.splices) >= 5, 'the splices')

    assert [splice.sequence for splice in executor.splices] == list(range(5))
    assert executor.status.chunks_accepted == 5
    followed = [splice.followed for splice in executor.splices]
    assert not followed[0]
    assert any(followed)
    assert {splice.strategy for splice in executor.splices} == {'latest'}
    assert all(duration_ns(splice.delay) >= 0 for splice in executor.splices)
    stamps = [stamp_ns(message.header.stamp) for message in executor.plans]
    assert stamps == sorted(stamps)
    assert executor.plans[-1].strategy == 'auto'


def test_late_duplicate_and_overtaken_chunks_are_counted_by_name(graph: Graph) -> None:
    executor = ExecutorProbe(graph)
    executor.engage()
    rig = executor.rig
    old_ns, ticks = rig.now_ns, executor.status.ticks
    executor.wait_for_status(lambda status: status.ticks > ticks + 300, 'more than a chunk lasts')
    for count, (sequence, stamp) in enumerate(
        ((0, old_ns), (3, None), (3, None), (1, None), (4, None)), start=1
    ):
        # One at a time: of those that wait unread together only the newest is judged.
        rig.send(rig.chunk(rig.rest_rows(), sequence=sequence, stamp_ns=stamp))
        executor.wait_for_status(
            lambda status, count=count: status.chunks_received == count, f'chunk {count} of 5'
        )

    status = executor.status
    reasons = dict(zip(status.rejection_reasons, status.rejection_counts, strict=True))
    assert reasons == {
        'all_rows_late': 1,
        'sequence_duplicate': 1,
        'sequence_out_of_order': 1,
    }
    assert status.chunks_rejected == sum(reasons.values())
    assert status.chunks_accepted == 2
    graph.wait_until(lambda: len(executor.splices) == 2, 'a splice for each of them')


def test_committed_rows_are_executed_from_the_old_plan(graph: Graph) -> None:
    executor = ExecutorProbe(graph, **{'strategy.name': 'prefix'})
    executor.engage()
    rig = executor.rig
    line = rig.moving_rows(0.2)
    first = rig.chunk(line, sequence=0)
    rig.send(first)
    old = executor.plan_of(0)

    start_ns, now_ns = stamp_ns(first.header.stamp), rig.now_ns
    speed = (line[1, 0] - line[0, 0]) / DT_NS
    rows = np.tile(line[0], (len(line), 1))
    rows[:, 0] += speed * (now_ns - start_ns + DT_NS * np.arange(len(line)))
    # Nobody may execute these. The two before the first new row shape the curve to it.
    rows[:18, 0] += 0.05
    second = rig.chunk(rows, sequence=1, stamp_ns=now_ns)
    second.committed_prefix = 20
    rig.send(second)
    plan = executor.plan_of(1)

    # What was told before is what is told now, up to the first row that is not committed.
    takes_over_ns = now_ns + 20 * DT_NS
    kept = old.due_ns < takes_over_ns
    still = np.isin(plan.due_ns, old.due_ns[kept])
    count = np.count_nonzero(still)
    # Rows of two chunks keep a distance: the last old one may lie too close to the first new one.
    assert count >= np.count_nonzero(kept) - 1
    assert np.array_equal(plan.due_ns[still], old.due_ns[kept][:count])
    assert np.array_equal(plan.rows[still], old.rows[kept][:count])
    assert np.array_equal(plan.due_ns[~still], now_ns + DT_NS * np.arange(20, len(rows)))
    assert np.allclose(plan.rows[~still], rows[20:])
    graph.wait_until(lambda: len(executor.splices) == 2, 'the splice')
    splice = executor.splices[1]
    assert splice.strategy == 'prefix'
    assert 0 < splice.rows_kept <= 21
    assert not splice.forecast_short
    assert splice.position_step_rad < 1e-6


def test_set_points_are_thinned_out_and_every_tick_is_accounted_for(graph: Graph) -> None:
    executor = ExecutorProbe(graph, max_command_rate_hz=60.0)
    rig = executor.rig
    executor.wait_for_status(lambda status: status.ticks > 400, 'four hundred ticks')
    status = executor.status
    assert status.ticks == (
        status.commands_published + status.commands_decimated + status.ticks_not_ready
    )
    sent = status.commands_published
    assert abs(status.commands_decimated - 3 * sent) <= 3
    assert len(rig.commands['left']) <= sent + 60


class PolicyProbe:
    """A policy node that thinks without a task, and what it says."""

    def __init__(self, graph: Graph, **parameters: Any) -> None:
        self.graph = graph
        self.chunks: list[ActionChunk] = graph.collect(ActionChunk, 'action_chunk', qos.CHUNK)
        self.statuses: list[PolicyStatus] = graph.collect(PolicyStatus, 'policy_status')
        graph.start_active(
            'policy_node',
            BIMANUAL,
            {**PATIENT_POLICY, 'run_without_task': True, 'strategy.warm_up': 0, **parameters},
        )

    def wait_for_status(self, condition: Any, what: str) -> None:
        self.graph.wait_until(
            lambda: bool(self.statuses) and bool(condition(self.statuses[-1])), what
        )


def test_a_policy_of_another_strategy_does_not_think_and_says_why(graph: Graph) -> None:
    policy = PolicyProbe(graph)
    rig = RigProbe(graph).with_cameras()
    plans = graph.probe.create_publisher(ExecutionPlan, 'execution_plan', qos.PLAN)
    strategy = 'rtc'

    def publish() -> None:
        plan = Plan(
            stamp_ns=rig.now_ns,
            strategy=strategy,
            epoch=0,
            sequence=0,
            due_ns=np.zeros(0, dtype=np.int64),
            rows=np.zeros((0, LAYOUT.width)),
            accepting=True,
            resting=True,
            tracking_error=np.zeros(LAYOUT.width),
        )
        plans.publish(plan_message(plan, LAYOUT.columns))

    graph.wait_until(lambda: plans.get_subscription_count() > 0, 'the policy to hear plans')
    graph.probe.create_timer(0.1, publish)
    policy.wait_for_status(lambda status: status.refusal == 'strategy_mismatch', 'the mismatch')
    status = policy.statuses[-1]
    assert "'rtc'" in status.refusal_detail
    assert status.plans_refused == status.plans_received
    observations = status.observations
    received = status.streams[0].received
    policy.wait_for_status(
        lambda s: s.streams[0].received > received + 15, 'images of half a second'
    )
    assert policy.statuses[-1].observations == observations

    strategy = 'latest'
    seen = len(policy.chunks)
    graph.wait_until(lambda: len(policy.chunks) > seen + 3, 'chunks of the same strategy')


def test_sync_infers_only_while_the_arms_rest(graph: Graph) -> None:
    section = {'strategy.name': 'sync', 'strategy.rows': 4}
    executor = ExecutorProbe(graph, **section)
    executor.rig.with_cameras()
    policy = PolicyProbe(graph, **section)
    policy.wait_for_status(lambda status: status.session, 'the session of the policy')
    # named, because the probe of the rig publishes chunks as well
    executor.engage(policy.statuses[-1].session)
    executor.wait_for_status(lambda status: status.chunks_accepted >= 6, 'six chunks')
    policy.wait_for_status(lambda status: status.delays_measured >= 3, 'measured delays')

    accepted = {(splice.epoch, splice.sequence) for splice in executor.splices}
    changes = [(stamp_ns(m.header.stamp), m.resting, m.accepting) for m in executor.plans]
    observed = [
        stamp_ns(chunk.header.stamp)
        for chunk in policy.chunks
        if (chunk.epoch, chunk.sequence) in accepted
    ]
    assert len(observed) >= 6
    for stamp in observed:
        _, resting, accepting = [change for change in changes if change[0] <= stamp][-1]
        assert resting
        assert accepting
    assert executor.status.starvations == 0  # to wait is what this strategy is
    status = policy.statuses[-1]
    assert status.strategy == executor.status.strategy == 'sync'
    assert status.observations == status.unconditioned + status.conditioned + status.cold_starts
    assert status.plans_refused == 0
    assert duration_ns(status.forecast) > 0
