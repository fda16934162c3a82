"""The executor as a whole: start, track, starve, hold, recover, and never without a reason."""

import numpy as np
import pytest
from control.arms import CONFIG
from control.arms import DT_NS
from control.arms import GRIPPERS
from control.arms import HOME
from control.arms import JOINTS
from control.arms import LAYOUT
from control.arms import LIMITS
from control.arms import MS
from control.arms import REST
from control.arms import WIDTH
from control.arms import Run
from control.arms import assert_counts_add_up
from control.arms import assert_within_limits
from control.arms import chunk
from control.arms import held_rows
from control.arms import moving_rows
from control.arms import sample

from wla_ros.control import reasons
from wla_ros.control.chunk_executor import ChunkExecutor
from wla_ros.control.executor_config import ArmExecution
from wla_ros.control.executor_config import DeviationConfig
from wla_ros.control.executor_config import ExecutorConfig
from wla_ros.control.executor_config import FeedbackConfig
from wla_ros.control.executor_snapshot import ExecutorState
from wla_ros.core.types import Mode


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


def test_zeros_are_never_taken_for_a_pose() -> None:
    run = Run(position=np.zeros(WIDTH))
    for _ in range(100):
        run.now_ns += 5 * MS
        for arm in LAYOUT.arms:
            zeros = sample(arm, np.zeros(WIDTH), run.now_ns)
            zeros.effort[:] = 0.0
            assert run.executor.accept_feedback(zeros) is not None
        assert run.executor.tick(run.now_ns) is None


def test_the_first_command_is_the_measured_position() -> None:
    run = Run()
    run.tick(100)
    assert np.array_equal(run.commands[0].position, REST)
    assert (run.commands[0].velocity == 0.0).all()
    assert run.snapshot.state == ExecutorState.HOLDING


def test_an_arm_on_its_end_stop_is_held_there() -> None:
    """A powerless Piper rests with joints 2 and 3 on their bounds, outside the margin."""
    position = np.array(REST)
    position[[1, 2]] = 0.0
    run = Run(position=position)
    run.tick(100)
    assert np.array_equal(run.commands[-1].position, position)
    assert run.enter(Mode.HOMING) is None
    run.tick(1000)
    assert run.executor.mode == Mode.HOLD
    assert np.allclose(run.commands[-1].position[:6], HOME)


def test_chunks_need_autonomy() -> None:
    run = Run()
    run.tick(60)
    refusal = run.offer(held_rows())
    assert refusal is not None
    assert refusal.reason == reasons.WRONG_MODE
    assert 'HOLD' in refusal.detail


def test_autonomy_without_chunk_holds_and_says_so() -> None:
    run = Run()
    run.start()
    run.tick(50)
    snapshot = run.snapshot
    assert snapshot.state == ExecutorState.HOLDING
    assert snapshot.reason == reasons.WAITING_FOR_CHUNK
    assert snapshot.counts.starvations == 0
    assert np.array_equal(run.commands[-1].position, REST)


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


def test_sag_below_the_threshold_is_not_taken_over_at_a_stop() -> None:
    run = Run()
    run.start()
    for _ in range(3):
        run.offer(held_rows(run.commands[-1].position))
        run.tick(250)
        run.measured = run.commands[-1].position - 0.05
        run.lag = 0.0
        run.tick(150)
    assert run.snapshot.counts.starvations == 3
    assert np.array_equal(run.commands[-1].position, REST)


def test_a_larger_deviation_moves_the_held_joints_once_but_never_the_gripper() -> None:
    run = Run()
    run.start()
    run.offer(held_rows())
    run.tick(250)
    run.lag = 0.0
    run.measured = REST - 0.2
    run.measured[GRIPPERS] = REST[GRIPPERS] + 0.02  # squeezes an object
    run.tick(400)
    assert run.commands[-1].position[JOINTS] == pytest.approx(REST[JOINTS] - 0.2)
    assert run.commands[-1].position[GRIPPERS] == pytest.approx(REST[GRIPPERS])
    run.measured = run.measured - 0.2
    run.measured[GRIPPERS] = REST[GRIPPERS] + 0.02
    run.tick(400)
    assert run.commands[-1].position[JOINTS] == pytest.approx(REST[JOINTS] - 0.2)
    assert_within_limits(run.commands)


def test_stale_feedback_stops_the_motion_and_clears_by_itself() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.3, 0))
    run.tick(60)
    run.silent = {'left'}
    run.tick(19)
    assert run.snapshot.state == ExecutorState.TRACKING
    run.tick(3)
    assert run.snapshot.state == ExecutorState.DECELERATING
    assert run.snapshot.reason == reasons.FEEDBACK_STALE
    assert 'left' in run.snapshot.detail
    run.tick(100)
    assert run.snapshot.state == ExecutorState.HOLDING
    refusal = run.offer(moving_rows(0.0, 0))
    assert refusal is not None
    assert refusal.reason == reasons.NOT_READY
    run.silent = set()
    run.tick(39)
    assert run.snapshot.reason == reasons.FEEDBACK_STALE
    run.tick(3)
    assert run.executor.mode == Mode.AUTONOMY
    assert run.snapshot.reason == reasons.WAITING_FOR_CHUNK
    assert run.offer(held_rows(run.commands[-1].position)) is None
    run.tick(3)
    assert run.snapshot.state == ExecutorState.TRACKING
    assert_within_limits(run.commands)
    assert_counts_add_up(run.snapshot)


def test_a_chunk_observed_before_an_interruption_does_not_move_the_arms() -> None:
    run = Run()
    run.start()
    run.offer(held_rows())
    run.tick(20)
    run.silent = {'left'}
    run.tick(40)
    run.silent = set()
    run.tick(60)
    refusal = run.offer(held_rows(), age_ns=500 * MS)
    assert refusal is not None
    assert refusal.reason == reasons.ANCHOR_STALE


def test_a_chunk_observed_before_autonomy_is_stale() -> None:
    run = Run()
    run.start()
    run.tick(10)
    refusal = run.offer(held_rows(), age_ns=51 * MS)
    assert refusal is not None
    assert refusal.reason == reasons.ANCHOR_STALE
    assert run.offer(held_rows(), age_ns=50 * MS) is None


def test_an_arm_that_does_not_follow_is_not_pushed_on() -> None:
    run = Run()
    run.start()
    run.stuck = {0}
    for _ in range(10):
        run.offer(moving_rows(0.8, run.now_ns - run.executor._modes.entry.entered_ns))
        run.tick(20)
    snapshot = run.snapshot
    assert snapshot.mode.mode == Mode.HOLD
    assert snapshot.mode.cause == snapshot.reason == reasons.DEVIATION
    assert 'left/joint1' in snapshot.mode.reason
    assert snapshot.max_deviation_rad > 0.5
    run.tick(400)
    assert run.commands[-1].position[0] == pytest.approx(REST[0])
    assert run.executor.mode == Mode.HOLD
    assert_within_limits(run.commands)
    # It comes to rest first, and the arm that obeys is not touched.
    assert {arm for command in run.commands for arm in command.reseeded_arms} == {'left'}


def test_an_arm_fault_is_latched() -> None:
    run = Run()
    run.start()
    run.condition('left')
    run.condition('right')
    run.offer(moving_rows(0.3, 0))
    run.tick(30)
    run.condition('right', 'collision of joint 3')
    run.tick(1)
    snapshot = run.snapshot
    assert snapshot.mode.mode == Mode.HOLD
    assert snapshot.mode.cause == reasons.ARM_FAULT
    assert snapshot.mode.reason == 'right: collision of joint 3'
    assert snapshot.rows.queued == 0
    assert snapshot.rows.flushed > 0
    refusal = run.enter(Mode.AUTONOMY)
    assert refusal is not None
    assert refusal.reason == reasons.ARM_FAULT
    run.condition('right')
    run.condition('left')
    run.tick(10)
    assert run.executor.mode == Mode.HOLD
    assert run.enter(Mode.AUTONOMY) is None


def test_the_command_follows_a_faulty_arm_that_is_moved_by_hand() -> None:
    run = Run()
    run.tick(60)
    run.lag = 0.0
    for _ in range(5):
        run.condition('left', 'teach mode')
        run.condition('right')
        run.measured[:6] -= 0.15
        run.measured[1] = REST[1]
        run.measured[2] = REST[2]
        run.tick(90)
    run.condition('left', 'teach mode')
    run.tick(90)
    assert np.abs(run.commands[-1].position - run.measured).max() <= 0.1
    assert_within_limits(run.commands)


def test_required_status_is_needed_for_autonomy() -> None:
    run = Run(ExecutorConfig(feedback=FeedbackConfig(require_condition=True)))
    run.tick(60)
    refusal = run.enter(Mode.AUTONOMY)
    assert refusal is not None
    assert refusal.reason == reasons.ARM_CONDITION_MISSING
    run.condition('left')
    run.condition('right')
    assert run.enter(Mode.AUTONOMY) is None


def test_leaving_autonomy_flushes_the_plan_and_decelerates() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.4, 0))
    run.tick(100)
    assert run.enter(Mode.HOLD) is None
    assert run.snapshot.rows.flushed == 32 - run.snapshot.rows.executed
    run.tick(1)
    assert run.snapshot.state == ExecutorState.DECELERATING
    run.tick(200)
    assert run.snapshot.state == ExecutorState.HOLDING
    assert_within_limits(run.commands)
    assert_counts_add_up(run.snapshot)


def test_homing_arrives_slowly_keeps_the_grippers_and_becomes_hold() -> None:
    run = Run()
    run.tick(60)
    assert run.enter(Mode.HOMING) is None
    run.tick(20)
    assert run.snapshot.mode.mode == Mode.HOMING
    refusal = run.enter(Mode.AUTONOMY)
    assert refusal is not None
    assert refusal.reason == reasons.TRANSITION_ILLEGAL
    run.tick(400)
    snapshot = run.snapshot
    assert snapshot.mode.mode == Mode.HOLD
    assert snapshot.mode.cause == reasons.HOMED
    position = run.commands[-1].position
    for arm in LAYOUT.arms:
        assert position[LAYOUT.arm_slice(arm)][:6] == pytest.approx(HOME)
    assert np.array_equal(position[GRIPPERS], REST[GRIPPERS])
    velocity = np.array([command.velocity[JOINTS] for command in run.commands])
    assert np.abs(velocity).max() <= CONFIG.motion.homing_velocity_rad_s + 1e-9


def test_homing_without_home_is_refused() -> None:
    run = Run(ExecutorConfig())
    run.tick(60)
    refusal = run.enter(Mode.HOMING)
    assert refusal is not None
    assert refusal.reason == reasons.NO_HOME
    assert 'left, right' in refusal.detail


def test_the_emergency_stop_is_latched_until_its_reset() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.4, 0))
    run.tick(100)
    assert run.enter(Mode.ESTOP) is None
    for mode in (Mode.HOLD, Mode.AUTONOMY, Mode.HOMING):
        assert run.enter(mode) is not None
    run.tick(200)
    assert run.snapshot.mode.mode == Mode.ESTOP
    assert run.snapshot.state == ExecutorState.HOLDING
    assert run.executor.reset_emergency_stop(run.now_ns, 'operator') is None
    assert run.executor.mode == Mode.HOLD
    assert run.enter(Mode.AUTONOMY) is None


def test_a_clock_that_jumps_back_flushes_and_starts_from_new_feedback() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.3, 0))
    run.tick(100)
    run.now_ns -= 500 * MS
    run.tick(1)
    snapshot = run.snapshot
    assert snapshot.mode.mode == Mode.HOLD
    assert snapshot.mode.cause == reasons.CLOCK_JUMP
    assert snapshot.rows.queued == 0
    assert snapshot.state == ExecutorState.DECELERATING
    assert_within_limits(run.commands)
    run.lag = 0.0
    run.measured = REST + 0.9  # a simulation was reset
    run.measured[GRIPPERS] = 0.01
    run.tick(200)
    assert np.array_equal(run.commands[-1].position[JOINTS], run.measured[JOINTS])
    assert run.commands[-1].position[GRIPPERS] == pytest.approx(REST[GRIPPERS])
    assert run.enter(Mode.AUTONOMY) is None
    assert_counts_add_up(run.snapshot)


def test_a_pause_of_the_ticks_starts_again_from_rest() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.4, 0))
    run.tick(60)
    before = run.commands[-1]
    run.tick(1, 300 * MS)
    after = run.commands[-1]
    assert run.snapshot.counts.stalls == 1
    assert abs(after.position - before.position).max() < 1e-4
    assert_within_limits(run.commands[-1:])


def test_a_late_tick_catches_up() -> None:
    run = Run()
    run.start()
    begin_ns = run.now_ns
    run.offer(moving_rows(0.3, 0))
    run.tick(60)
    run.tick(1, 12 * MS)
    run.tick(1, 1 * MS)
    run.tick(70)
    elapsed_s = (run.now_ns - begin_ns) * 1e-9
    assert run.commands[-1].position[0] == pytest.approx(REST[0] + 0.3 * elapsed_s, abs=1e-6)


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
    assert sum(seams.position_histogram) == sum(seams.velocity_histogram) == 1
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


def test_lateness_is_counted_and_summarised() -> None:
    run = Run()
    for lateness_ns in [0] * 98 + [2 * MS, 3 * MS]:
        run.now_ns += 5 * MS
        run.executor.tick(run.now_ns, lateness_ns)
    snapshot = run.snapshot
    assert snapshot.counts.ticks_late == 1
    assert snapshot.tick_lateness_p50_s == 0.0
    assert snapshot.tick_lateness_p99_s == 0.002


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


def test_after_entering_autonomy_anew_a_restarted_policy_is_heard() -> None:
    run = Run()
    run.start()
    run.offer(held_rows(), epoch=9)
    run.tick(10)
    run.enter(Mode.HOLD)
    run.tick(10)
    run.enter(Mode.AUTONOMY)
    run.sequence = 0
    assert run.offer(held_rows(), epoch=0) is None


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
        representation=1,  # type: ignore[arg-type]
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


def test_thresholds_of_deviation_are_configurable() -> None:
    config = ExecutorConfig(
        deviation=DeviationConfig(max_deviation_rad=0.1, resume_reseed_rad=0.05)
    )
    run = Run(config)
    run.start()
    run.lag = 0.0
    run.offer(moving_rows(0.3, 0))
    run.tick(100)
    assert run.snapshot.mode.cause == reasons.DEVIATION
