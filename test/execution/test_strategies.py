# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What each strategy executes, and where its rows come from."""

from dataclasses import replace

import numpy as np
import pytest
from execution.arms import CONFIG
from execution.arms import DT_NS
from execution.arms import GRIPPERS
from execution.arms import JOINTS
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import REST
from execution.arms import WIDTH
from execution.arms import Run
from execution.arms import assert_counts_add_up
from execution.arms import assert_within_limits
from execution.arms import chunk
from execution.arms import held_rows
from execution.arms import moving_rows
from execution.test_end_effector_rows import KINEMATICS
from execution.test_end_effector_rows import poses_of

from wla_ros.base import reasons
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Join
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.execution.config import ArmExecution
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.report import ExecutorState
from wla_ros.inference.strategy import StrategyConfig

BEHIND = 40  # ticks after which every bridge from rest over a small step is over


def started(name: str, *, arms: dict[str, ArmExecution] | None = None, **values: object) -> Run:
    """Return a run in AUTONOMY that rests at REST."""
    strategy = StrategyConfig(name=name, **values)  # type: ignore[arg-type]  # fields of several types
    run = Run(replace(CONFIG, strategy=strategy, arms=arms or CONFIG.arms), lag=1.0)
    run.start()
    return run


def offer(
    run: Run,
    rows: FloatArray,
    *,
    age_ns: int = 0,
    committed_prefix: int = 0,
    row_offset: int = 0,
    epoch: int = 1,
) -> Refusal | None:
    item = chunk(
        rows,
        run.now_ns - age_ns,
        sequence=run.sequence,
        epoch=epoch,
        committed_prefix=committed_prefix,
        row_offset=row_offset,
    )
    run.sequence += 1
    return run.executor.accept_chunk(item, run.now_ns)


def shifted(value: float) -> FloatArray:
    """Return REST with all joints moved by `value`."""
    return REST + value * np.isin(np.arange(WIDTH), JOINTS)


def planned_at(run: Run, ahead_ns: int) -> float:
    """Return where joint 1 of the first arm is planned to be."""
    return float(run.executor._plan.sample(run.now_ns + ahead_ns).position[0])


def test_rows_of_a_chunk_are_due_behind_their_offset() -> None:
    run = started('latest')
    begin_ns = run.now_ns
    assert offer(run, moving_rows(0.1, 3 * DT_NS, count=10), row_offset=3) is None
    due_ns, rows = run.executor.planned_path(run.now_ns)
    assert due_ns[0] == begin_ns + 3 * DT_NS
    assert rows[-1, 0] == pytest.approx(REST[0] + 0.1 * 12 * DT_NS * 1e-9, abs=1e-3)


def test_an_offset_lets_rows_lie_ahead_but_never_the_observation() -> None:
    run = started('rollforward')
    assert offer(run, held_rows(), row_offset=8) is None
    refusal = offer(run, held_rows(), row_offset=8, age_ns=-60 * MS)
    assert refusal is not None
    assert refusal.reason == reasons.STAMP_IN_FUTURE
    refusal = offer(run, held_rows(), row_offset=-1)
    assert refusal is not None
    assert refusal.reason == reasons.OFFSET_WRONG


def test_a_crossfade_goes_over_smoothly_within_its_time() -> None:
    run = started('crossfade', crossfade_s=0.4)
    offer(run, held_rows())
    run.tick(BEHIND)
    offer(run, held_rows(shifted(0.04)))
    assert planned_at(run, 0) == pytest.approx(REST[0], abs=1e-4)
    assert planned_at(run, 200 * MS) == pytest.approx(REST[0] + 0.02, abs=2e-3)
    assert planned_at(run, 400 * MS) == pytest.approx(REST[0] + 0.04, abs=2e-4)
    report = run.executor.take_splices()[-1]
    assert report.position_step_rad < 1e-3  # the blend begins where the old plan is
    run.tick(100)
    assert_within_limits(run.commands)


def test_a_crossfade_arrives_however_soon_the_next_chunk_follows() -> None:
    run = started('crossfade', crossfade_s=0.2)
    offer(run, held_rows())
    run.tick(BEHIND)
    for _ in range(15):
        offer(run, held_rows(shifted(0.04)), age_ns=100 * MS)
        run.tick(7)
    assert planned_at(run, 0) == pytest.approx(REST[0] + 0.04, abs=1e-3)
    assert_within_limits(run.commands)


def test_a_crossfade_ends_with_the_plan_before() -> None:
    run = started('crossfade', crossfade_s=1.0)
    offer(run, held_rows(count=8))
    run.tick(20)
    offer(run, held_rows(shifted(0.01)))
    left_ns = 7 * DT_NS - 100 * MS
    assert planned_at(run, left_ns // 2) == pytest.approx(REST[0] + 0.005, abs=2e-3)
    assert planned_at(run, left_ns + DT_NS) == pytest.approx(REST[0] + 0.01, abs=1e-4)


@pytest.mark.parametrize('decay', [-0.5, 0.0, 0.01, 0.7])
def test_an_ensemble_is_the_weighted_mean_with_the_oldest_chunk_first(decay: float) -> None:
    run = started('ensemble', ensemble_decay=decay)
    values = (0.0, 0.01, 0.03)
    for value in values:
        offer(run, held_rows(shifted(value)))
    weights = np.exp(-decay * np.arange(3))
    expected = REST[0] + float(weights @ values) / weights.sum()
    assert planned_at(run, 900 * MS) == pytest.approx(expected, abs=1e-9)


def test_an_ensemble_counts_only_chunks_that_cover_the_time() -> None:
    run = started('ensemble', ensemble_decay=0.5)
    offer(run, held_rows(shifted(0.02), count=10))
    offer(run, held_rows(shifted(0.0), count=32))
    early = np.exp(-0.5 * np.arange(2))
    assert planned_at(run, 280 * MS) == pytest.approx(
        REST[0] + 0.02 * early[0] / early.sum(), abs=2e-3
    )
    assert planned_at(run, 1000 * MS) == pytest.approx(REST[0], abs=1e-9)


def test_an_ensemble_forgets_at_a_new_epoch_and_at_a_stop() -> None:
    run = started('ensemble', ensemble_decay=0.0)
    offer(run, held_rows(shifted(0.02)))
    offer(run, held_rows(), epoch=2)
    assert planned_at(run, 900 * MS) == pytest.approx(REST[0], abs=1e-9)
    offer(run, held_rows(shifted(0.02)), epoch=2)
    run.executor._plan.end(run.now_ns)
    offer(run, held_rows(), epoch=2)
    assert planned_at(run, 900 * MS) == pytest.approx(REST[0], abs=1e-9)


@pytest.mark.parametrize('name', ['rtc', 'prefix', 'prefix+rollforward'])
def test_committed_rows_are_the_old_ones(name: str) -> None:
    run = started(name)
    offer(run, moving_rows(0.2, 0))
    run.tick(60)
    old = [planned_at(run, k * 10 * MS) for k in range(20)]
    age_ns = 100 * MS
    rows = moving_rows(0.2, 300 * MS - age_ns)
    rows[:, JOINTS] += 0.03
    assert offer(run, rows, age_ns=age_ns, committed_prefix=8) is None
    last_ns = 7 * DT_NS - age_ns  # of the committed rows
    for k in range(20):
        same = planned_at(run, k * 10 * MS) == old[k]
        assert same == (k * 10 * MS <= last_ns)
    (report,) = run.executor.take_splices()[1:]
    assert report.position_step_rad == pytest.approx(0.03, abs=1e-6)
    assert report.rows_late == 4
    assert report.rows_kept == 4  # those of the old plan up to row 7 of the chunk
    assert not report.short
    run.tick(150)
    assert_within_limits(run.commands)
    assert_counts_add_up(run.snapshot)


def test_everything_before_row_0_of_a_rolled_chunk_is_the_old_plan() -> None:
    run = started('rollforward')
    offer(run, moving_rows(0.2, 0))
    run.tick(60)
    old = [planned_at(run, k * 10 * MS) for k in range(20)]
    rows = moving_rows(0.2, 300 * MS + 5 * DT_NS)
    rows[:, JOINTS] += 0.03
    assert offer(run, rows, row_offset=5) is None
    for k in range(20):
        same = planned_at(run, k * 10 * MS) == old[k]
        assert same == (k * 10 * MS < 5 * DT_NS)


def test_a_forecast_that_was_too_short_is_counted_and_bridged_from_now_on() -> None:
    run = started('prefix')
    offer(run, moving_rows(0.2, 0))
    run.tick(60)
    rows = moving_rows(0.2, 100 * MS)
    rows[:, JOINTS] += 0.02
    offer(run, rows, age_ns=200 * MS, committed_prefix=3)
    report = run.executor.take_splices()[-1]
    assert report.short
    assert report.rows_kept == 0
    assert report.bridge_s > 0.0
    assert run.snapshot.counts.forecasts_short == 1
    run.tick(100)
    assert_within_limits(run.commands)


def test_committed_rows_end_where_the_old_plan_does() -> None:
    run = started('prefix')
    offer(run, held_rows(count=6))
    run.tick(10)
    rows = held_rows(shifted(0.01))
    assert offer(run, rows, committed_prefix=20) is None
    run.tick(60)
    assert run.snapshot.counts.starvations == 0
    assert run.snapshot.state == ExecutorState.TRACKING


def test_a_chunk_of_committed_rows_only_changes_nothing() -> None:
    run = started('prefix')
    offer(run, held_rows())
    refusal = offer(run, held_rows(count=8), committed_prefix=8)
    assert refusal is not None
    assert refusal.reason == reasons.NOTHING_NEW


def test_a_new_epoch_is_bound_by_no_commitment() -> None:
    run = started('prefix')
    offer(run, held_rows())
    run.tick(20)
    offer(run, held_rows(shifted(0.01)), committed_prefix=20, epoch=2)
    assert run.executor.take_splices()[-1].rows_kept == 0
    rows = run.snapshot.rows
    assert rows.flushed == 32 - rows.executed
    assert_counts_add_up(run.snapshot)


def test_committed_rows_of_grippers_are_executed_at_their_own_latency() -> None:
    arms = {arm: ArmExecution(gripper_latency_s=0.1) for arm in LAYOUT.arms}
    run = started('prefix', arms=arms)
    rows = held_rows()
    rows[:, GRIPPERS] = np.linspace(0.01, 0.05, 32)[:, None]
    offer(run, rows)
    run.tick(100)
    new = held_rows()
    new[:, GRIPPERS] = 0.06
    age_ns = 100 * MS
    offer(run, new, age_ns=age_ns, committed_prefix=9)
    # The gripper is a tenth of a second further: it changes over so much earlier.
    plan, last_ns = run.executor._plan, 8 * DT_NS - age_ns - 100 * MS
    at_the_end = plan.sample(run.now_ns + last_ns).position[GRIPPERS[0]]
    behind = plan.sample(run.now_ns + last_ns + 60 * MS).position[GRIPPERS[0]]
    committed = np.interp(500 + 8 * DT_NS / MS - 100, np.arange(32) * DT_NS / MS, rows[:, 6])
    assert at_the_end == pytest.approx(committed, abs=1e-6)
    assert behind > committed + 0.003


def test_sync_executes_its_rows_from_when_they_arrive_and_then_rests() -> None:
    run = started('sync')
    begin_ns = run.now_ns
    run.tick(60)
    assert offer(run, moving_rows(0.2, 0)[:10], age_ns=run.now_ns - begin_ns) is None
    (report,) = run.executor.take_splices()
    assert report.rows_late == 0
    assert not report.followed
    due_ns, rows = run.executor.planned_path(run.now_ns)
    assert len(due_ns) == 10
    assert run.now_ns < due_ns[0] < run.now_ns + 250 * MS
    assert due_ns[-1] - due_ns[0] == 9 * DT_NS
    last = REST[0] + 0.2 * 9 * DT_NS * 1e-9
    assert last - 0.01 < rows[-1, 0] < last  # it slows down to stop there
    run.tick(round((due_ns[-1] - run.now_ns) / (5 * MS)))
    assert run.commands[-1].position[0] == pytest.approx(rows[-1, 0], abs=1e-3)
    velocity = np.array([command.velocity[0] for command in run.commands])
    assert velocity.min() > -1e-9  # no backing up
    run.tick(150)
    snapshot = run.snapshot
    assert snapshot.state == ExecutorState.HOLDING
    assert snapshot.reason == reasons.WAITING_FOR_CHUNK
    assert snapshot.counts.starvations == 0
    assert run.executor.execution_plan(run.now_ns).resting
    assert run.commands[-1].position[0] == pytest.approx(last, abs=1e-6)
    assert max(command.position[0] for command in run.commands) < last + 1e-4
    assert_within_limits(run.commands)


def test_sync_takes_a_chunk_that_is_older_than_its_horizon() -> None:
    run = started('sync')
    run.tick(400)
    assert offer(run, held_rows(count=8), age_ns=1900 * MS) is None


@pytest.mark.parametrize(
    ('arm', 'column'),
    [
        (ArmExecution(gripper_latency_s=0.13), GRIPPERS[0]),
        (ArmExecution(action_latency_s=0.13), JOINTS[0]),
    ],
    ids=['gripper', 'joint'],
)
def test_sync_leads_a_column_to_its_row_though_its_latency_is_longer_than_the_plan(
    arm: ArmExecution, column: int
) -> None:
    run = started('sync', arms={'left': arm})
    rows = held_rows()[:1].copy()
    rows[:, column] += 0.005
    assert offer(run, rows) is None
    plan = run.executor._plan
    due_ns, _ = plan.path(run.now_ns)
    assert due_ns[-1] < run.now_ns + 130 * MS
    course = np.array([plan.sample(run.now_ns + i * 5 * MS).values[:, column] for i in range(200)])
    assert course[0] == pytest.approx([REST[column], 0.0, 0.0], abs=1e-12)  # not there at once
    assert (np.diff(course[:, 0]) >= -1e-12).all()
    share = CONFIG.bridge.velocity_share
    assert 0.01 < course[:, 1].max() <= LIMITS.velocity[column] * share * 1.02
    assert course[-1] == pytest.approx([REST[column] + 0.005, 0.0, 0.0], abs=1e-12)
    run.tick(200)
    assert run.commands[-1].position[column] == pytest.approx(REST[column] + 0.005, abs=1e-6)
    assert_within_limits(run.commands)


@pytest.mark.parametrize('name', ['latest', 'prefix'])
@pytest.mark.parametrize('rows_to_close', [1, 3, 10])
def test_a_gripper_that_is_told_to_close_does_so_as_fast_as_it_may(
    name: str, rows_to_close: int
) -> None:
    run = started(name)
    rows = held_rows()
    rows[:, GRIPPERS] = 0.06
    offer(run, rows)
    run.tick(80)
    told = 4 if name == 'prefix' else 0
    rows = held_rows()
    closing = np.interp(np.arange(32), [2, 2 + rows_to_close], [0.06, 0.0])
    rows[:, GRIPPERS] = closing[:, None]
    offer(run, rows, age_ns=100 * MS, committed_prefix=told)
    before = len(run.commands)
    run.tick(120)
    width = np.array([command.position[GRIPPERS[0]] for command in run.commands[before:]])
    assert width.max() < 0.0601  # never the other way
    # Full speed and two ramps: 0.06 / 0.25 + 0.25 / 2.5 + 2.5 / 50 s
    late_s = np.argmax(width < 0.001) * 0.005 - 0.39
    assert late_s < 0.02 + max(0, rows_to_close - 9) * 0.05
    assert_within_limits(run.commands)


def test_a_gripper_that_is_told_little_else_is_led_there_by_a_bridge() -> None:
    run = started('latest')
    offer(run, held_rows())
    run.tick(BEHIND)
    rows = held_rows()
    rows[:, GRIPPERS] += 0.002
    offer(run, rows)
    now = run.executor._plan.sample(run.now_ns)
    assert now.position[GRIPPERS] == pytest.approx(REST[GRIPPERS], abs=1e-12)


@pytest.mark.parametrize('name', ['crossfade', 'ensemble'])
def test_end_effector_chunks_are_blended_as_poses(name: str) -> None:
    """Between two elbow heights the straight way of the tool is not that of the joints."""
    config = replace(CONFIG, strategy=StrategyConfig(name=name, ensemble_decay=0.0))
    run = Run(config, executor=ChunkExecutor(config, LAYOUT, LIMITS, KINEMATICS))
    run.start()
    other = np.array(REST)
    other[[1, 2, 8, 9]] += (0.25, -0.3, 0.25, -0.3)
    ends = [poses_of(held_rows(each)) for each in (REST, other)]
    for i, poses in enumerate(ends):
        poses[i::2, 3:7] *= -1.0
        item = chunk(
            poses,
            run.now_ns,
            sequence=i,
            columns=LAYOUT.pose_columns,
            representation=Representation.END_EFFECTOR_POSE,
        )
        assert run.executor.accept_chunk(item, run.now_ns) is None
    schedule = run.executor._plan._ledger.schedule
    assert schedule is not None
    assert schedule.poses is not None
    row = 2 if name == 'crossfade' else 20
    share = (ends[0][0, 0] - schedule.poses[row, 0]) / (ends[0][0, 0] - ends[1][0, 0])
    assert 0.01 < share < 0.99
    if name == 'ensemble':
        assert share == pytest.approx(0.5, abs=1e-9)
    expected = ends[0][0, :3] + share * (ends[1][0, :3] - ends[0][0, :3])
    assert schedule.poses[row, :3] == pytest.approx(expected, abs=1e-9)
    run.tick(100)
    assert_within_limits(run.commands)


def joined(run: Run, rows: FloatArray, join: Join, *, epoch: int = 1) -> Refusal | None:
    """Offer a chunk that says how it joins."""
    item = replace(chunk(rows, run.now_ns, sequence=run.sequence, epoch=epoch), join=join)
    run.sequence += 1
    return run.executor.accept_chunk(item, run.now_ns)


def test_an_executor_on_auto_joins_every_chunk_as_it_says() -> None:
    run = Run(replace(CONFIG, strategy=StrategyConfig(name='auto')), lag=1.0)
    run.start()
    assert run.executor.execution_plan(run.now_ns).strategy == 'auto'
    for join in (Join.LATEST, Join.CROSSFADE, Join.ENSEMBLE, Join.COMMITTED, Join.ARRIVAL):
        assert joined(run, held_rows(), join) is None
        (report,) = run.executor.take_splices()
        assert report.strategy == join.value
        run.tick(20)
    run.tick(400)
    assert run.snapshot.reason == reasons.WAITING_FOR_CHUNK  # the newest one was of one that waits
    assert run.snapshot.counts.starvations == 0
    assert_within_limits(run.commands)


def test_after_a_change_of_the_join_no_chunk_of_before_is_blended_in() -> None:
    run = Run(replace(CONFIG, strategy=StrategyConfig(name='auto')), lag=1.0)
    run.start()
    joined(run, moving_rows(0.2, 0), Join.ENSEMBLE)
    run.tick(20)
    joined(run, held_rows(), Join.LATEST)
    run.tick(20)
    joined(run, held_rows(), Join.ENSEMBLE)
    _, rows = run.executor.planned_path(run.now_ns)
    assert np.allclose(rows[-1], REST, atol=1e-9)


def test_a_named_strategy_of_the_executor_is_kept_whatever_chunks_say() -> None:
    run = started('latest')
    joined(run, held_rows(), Join.ARRIVAL)
    (report,) = run.executor.take_splices()
    assert report.strategy == 'latest'
