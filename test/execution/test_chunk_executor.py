# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The executor as a whole: start, track, starve, splice, and never without a reason."""

import numpy as np
import pytest
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
from execution.arms import sample

from wla_ros.base import reasons
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.execution.config import ArmExecution
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.report import ExecutorState


def test_nothing_is_commanded_before_feedback_of_every_arm() -> None:
    run = Run()
    run.silent = {'right'}
    assert run.tick(200) is None
    snapshot = run.snapshot
    assert snapshot.state == ExecutorState.NOT_READY
    assert snapshot.reason == reasons.WAITING_FOR_FEEDBACK
    assert 'right' in snapshot.detail
    assert snapshot.counts.ticks_not_ready == 200
    refusal = run.enter(Mode.AUTONOMY)
    assert refusal is not None
    assert refusal.reason == reasons.WAITING_FOR_FEEDBACK


def test_the_first_command_is_the_measured_position() -> None:
    run = Run()
    run.tick(100)
    assert np.array_equal(run.commands[0].position, REST)
    assert (run.commands[0].velocity == 0.0).all()
    assert run.snapshot.state == ExecutorState.HOLDING


def test_a_plan_is_followed_in_time() -> None:
    run = Run()
    run.start()
    begin_ns = run.now_ns
    assert run.offer(moving_rows(0.2, 0)) is None
    run.tick(150)
    elapsed_s = (run.now_ns - begin_ns) * 1e-9
    assert run.commands[-1].position[JOINTS] == pytest.approx(
        REST[JOINTS] + 0.2 * elapsed_s, abs=1e-6
    )
    snapshot = run.snapshot
    assert snapshot.state == ExecutorState.TRACKING
    assert snapshot.reason == ''
    assert snapshot.rows.executed == 23
    assert snapshot.rows.queued == 9
    assert snapshot.horizon_left_s == pytest.approx(31 / 30 - 0.75, abs=1e-3)


def test_starvation_decelerates_holds_and_is_counted_once() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.4, 0))
    run.tick(208)
    assert run.snapshot.state == ExecutorState.DECELERATING
    assert run.snapshot.reason == reasons.STARVATION
    run.tick(200)
    snapshot = run.snapshot
    assert snapshot.state == ExecutorState.HOLDING
    assert snapshot.reason == reasons.STARVATION
    assert snapshot.counts.starvations == 1
    assert snapshot.rows.executed == 32
    end = REST[0] + 0.4 * 31 / 30
    assert end < run.commands[-1].position[0] < end + 0.1
    assert_within_limits(run.commands)


def test_after_starvation_a_new_plan_is_followed_again() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.2, 0))
    run.tick(300)
    held = run.commands[-1].position
    assert (
        run.offer(held_rows(held + np.where(np.isin(np.arange(WIDTH), JOINTS), 0.1, 0.0))) is None
    )
    run.tick(150)
    assert run.snapshot.state == ExecutorState.TRACKING
    assert run.commands[-1].position[JOINTS] == pytest.approx(held[JOINTS] + 0.1)
    assert_within_limits(run.commands)


def test_the_end_of_a_finished_plan_is_no_starvation() -> None:
    run = Run()
    run.start()
    run.offer(held_rows(), finished=True)
    run.tick(300)
    assert run.snapshot.reason == reasons.FINISHED
    assert run.snapshot.counts.starvations == 0


def test_latencies_shift_arms_and_grippers_separately() -> None:
    config = ExecutorConfig(
        arms={
            'left': ArmExecution(action_latency_s=0.05, gripper_latency_s=0.1),
            'right': ArmExecution(action_latency_s=0.08, gripper_latency_s=0.05),
        }
    )
    run = Run(config)
    run.start()
    begin_ns = run.now_ns
    rows = moving_rows(0.2, 0)
    rows[:, GRIPPERS] = (0.03 + 0.02 * np.arange(32) * DT_NS * 1e-9)[:, None]
    assert run.offer(rows) is None
    run.tick(150)
    elapsed_s = (run.now_ns - begin_ns) * 1e-9
    position = run.commands[-1].position
    assert position[0] == pytest.approx(REST[0] + 0.2 * (elapsed_s + 0.05), abs=1e-6)
    assert position[7] == pytest.approx(REST[7] + 0.2 * (elapsed_s + 0.08), abs=1e-6)
    assert position[6] == pytest.approx(0.03 + 0.02 * (elapsed_s + 0.1), abs=1e-6)
    assert position[13] == pytest.approx(0.03 + 0.02 * (elapsed_s + 0.05), abs=1e-6)
    run.tick(200)
    assert run.snapshot.rows.executed + run.snapshot.rows.late == 32
    assert_within_limits(run.commands)


def test_seams_are_measured_between_the_plans() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.2, 0))
    run.tick(60)
    rows = moving_rows(0.3, 300 * MS)
    rows[:, 3] += 0.02
    run.offer(rows)
    seams = run.snapshot.seams
    expected = (0.3 - 0.2) * 0.3 + 0.02
    assert seams.count == 1
    assert seams.last_position_rad == seams.max_position_rad == pytest.approx(expected, abs=1e-6)
    assert seams.last_velocity_rad_s == pytest.approx(0.1, abs=1e-6)
    run.tick(60)
    assert_within_limits(run.commands)


def test_rows_outside_the_limits_count_as_limit_hits() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.05, 0))
    run.tick(100)
    assert run.snapshot.counts.limit_hits == 0
    outside = np.array(run.commands[-1].position)
    outside[1] = LIMITS.lower[1] - 0.05
    for k in range(12):
        goal = run.commands[-1].position + np.clip(outside - run.commands[-1].position, -0.3, 0.3)
        goal = goal if k < 8 else outside
        run.offer(held_rows(goal))
        run.tick(40)
    assert run.snapshot.counts.limit_hits > 0
    assert run.commands[-1].position[1] == pytest.approx(LIMITS.lower[1])
    assert_within_limits(run.commands)


def test_the_planned_path_is_what_is_queued() -> None:
    run = Run()
    assert run.executor.planned_path(run.now_ns)[0].shape == (0,)
    run.start()
    run.offer(moving_rows(0.2, 0))
    begin_ns = run.now_ns
    run.tick(20)
    stamps, positions = run.executor.planned_path(run.now_ns)
    assert stamps[0] == begin_ns + 3 * DT_NS + (0 if begin_ns + 3 * DT_NS >= run.now_ns else DT_NS)
    assert len(stamps) == len(positions) == run.snapshot.rows.queued
    assert positions.shape[1] == WIDTH


def test_a_new_epoch_flushes_the_rows_of_the_old_one() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.1, 0))
    run.tick(40)
    queued = run.snapshot.rows.queued
    assert run.offer(moving_rows(0.1, 200 * MS), epoch=2) is None
    rows = run.snapshot.rows
    assert rows.flushed == queued
    assert rows.superseded == 0
    refusal = run.offer(moving_rows(0.1, 200 * MS), epoch=1)
    assert refusal is not None
    assert refusal.reason == reasons.EPOCH_STALE
    assert run.snapshot.epoch == 2


def test_a_plan_that_begins_far_from_the_command_is_refused() -> None:
    run = Run()
    run.start()
    refusal = run.offer(held_rows(REST + np.where(np.arange(WIDTH) == 10, 0.4, 0.0)))
    assert refusal is not None
    assert refusal.reason == reasons.START_DEVIATION
    assert run.snapshot.last_rejection.startswith('start_deviation: ')
    assert dict(run.snapshot.rejections) == {'start_deviation': 1}


def test_end_effector_chunks_need_kinematics() -> None:
    run = Run()
    run.start()
    item = chunk(
        np.tile([0.3, 0.0, 0.3, 0.0, 0.0, 0.0, 1.0, 0.03] * 2, (8, 1)),
        run.now_ns,
        columns=LAYOUT.pose_columns,
        representation=Representation.END_EFFECTOR_POSE,
    )
    refusal = run.executor.accept_chunk(item, run.now_ns)
    assert refusal is not None
    assert refusal.reason == reasons.REPRESENTATION_UNSUPPORTED


def test_commands_are_not_writable() -> None:
    run = Run()
    command = run.tick(60)
    assert command is not None
    with pytest.raises(ValueError, match='read-only'):
        command.position[0] = 1.0


def test_a_single_arm_works_alike() -> None:
    layout = type(LAYOUT)(('arm',))
    from wla_ros.robots.piper.limits import piper_limits

    executor = ChunkExecutor(ExecutorConfig(), layout, piper_limits(layout))
    now_ns = 10**9
    command = None
    for _ in range(60):
        now_ns += 5 * MS
        item = sample('left', REST, now_ns)
        executor.accept_feedback(
            type(item)(**{**{f: getattr(item, f) for f in item.__slots__}, 'arm': 'arm'})
        )
        command = executor.tick(now_ns)
    assert command is not None
    assert command.position.shape == (7,)


def test_what_is_hopeless_is_known_beforehand_and_asking_changes_nothing() -> None:
    run = Run()
    run.tick(60)
    item = chunk(held_rows(), run.now_ns, sequence=0)
    assert run.executor.judge_chunk(item, run.now_ns).reason == reasons.WRONG_MODE
    assert run.enter(Mode.AUTONOMY) is None
    item = chunk(held_rows(), run.now_ns, sequence=0)
    assert run.executor.judge_chunk(item, run.now_ns) is None
    assert run.executor.accept_chunk(item, run.now_ns) is None
    before = run.snapshot
    late = chunk(held_rows(), run.now_ns, sequence=1)
    for hopeless, now_ns, reason in (
        (item, run.now_ns, reasons.SEQUENCE_DUPLICATE),
        (late, run.now_ns + 10**11, reasons.ALL_ROWS_LATE),
    ):
        refusal = run.executor.judge_chunk(hopeless, now_ns)
        assert refusal is not None
        assert refusal.reason == reason
    assert run.snapshot.counts == before.counts
    assert run.snapshot.rejections == before.rejections

    run.executor.refuse_chunk(Refusal(reason=reasons.OVERSIZE, detail='too large'))
    assert run.snapshot.counts.chunks_received == before.counts.chunks_received + 1
    assert run.snapshot.last_rejection == 'oversize: too large'
    assert_counts_add_up(run.snapshot)


def test_a_chunk_that_came_and_was_never_read_is_not_missed_as_well():
    run = Run()
    run.tick(60)
    run.start()
    assert run.offer(held_rows(REST)) is None
    run.executor.refuse_chunk(Refusal(reason=reasons.REPLACED_UNREAD, detail='a newer one came'))
    run.sequence += 1  # the number that nobody read
    assert run.offer(held_rows(REST)) is None
    assert run.snapshot.counts.chunks_missed == 0
    run.sequence += 1  # this one was lost on the way
    assert run.offer(held_rows(REST)) is None
    assert run.snapshot.counts.chunks_missed == 1
    assert run.snapshot.counts.chunks_received + run.snapshot.counts.chunks_missed == 5
    assert_counts_add_up(run.snapshot)
