# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Feedback, clock and arms that do not do as told: stop, hold, recover."""

import numpy as np
import pytest
from execution.arms import CONFIG
from execution.arms import GRIPPERS
from execution.arms import HOME
from execution.arms import JOINTS
from execution.arms import LAYOUT
from execution.arms import MS
from execution.arms import REST
from execution.arms import WIDTH
from execution.arms import Run
from execution.arms import assert_counts_add_up
from execution.arms import assert_within_limits
from execution.arms import held_rows
from execution.arms import moving_rows
from execution.arms import sample

from wla_ros.base import reasons
from wla_ros.base.types import Mode
from wla_ros.execution.config import DeviationConfig
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.report import ExecutorState


def test_a_failed_tick_ends_in_hold_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run()
    run.start()
    assert run.offer(moving_rows(0.3, 0)) is None
    run.tick(20)
    assert run.snapshot.state == ExecutorState.TRACKING

    def broken(*_: object, **__: object) -> None:
        raise KeyError('broken')

    with monkeypatch.context() as fault:
        fault.setattr(run.executor._motion, 'remember', broken)
        for _ in range(3):
            with pytest.raises(KeyError):
                run.tick()
            run.executor.hold_after_failure(run.now_ns, 'KeyError')
            assert run.snapshot.state == ExecutorState.FAILED
            assert run.snapshot.mode.cause == reasons.TICK_FAILED
            assert run.snapshot.reason == reasons.TICK_FAILED
            assert_counts_add_up(run.snapshot)
    run.tick(200)
    assert run.snapshot.counts.ticks_failed == 3
    assert run.snapshot.state == ExecutorState.HOLDING
    assert run.executor.mode == Mode.HOLD
    assert run.snapshot.reason == reasons.TICK_FAILED
    assert_counts_add_up(run.snapshot)


def test_a_failed_tick_leaves_the_emergency_stop_latched() -> None:
    run = Run()
    run.start()
    assert run.enter(Mode.ESTOP) is None
    run.executor.hold_after_failure(run.now_ns, 'KeyError')
    assert run.executor.mode == Mode.ESTOP


def test_zeros_are_never_taken_for_a_pose() -> None:
    run = Run(position=np.zeros(WIDTH))
    for _ in range(100):
        run.now_ns += 5 * MS
        for arm in LAYOUT.arms:
            zeros = sample(arm, np.zeros(WIDTH), run.now_ns)
            zeros.effort[:] = 0.0
            assert run.executor.accept_feedback(zeros) is not None
        assert run.executor.tick(run.now_ns) is None


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
    # The way back is a motion as well, at the speed of homing; the arm that obeys is not touched.
    assert not any(command.reseeded_arms for command in run.commands)
    assert np.ptp(run.positions()[-150:, 7:], axis=0).max() < 1e-6


def test_the_command_follows_a_faulty_arm_that_is_moved_by_hand() -> None:
    run = Run()
    run.tick(60)
    run.lag = 0.0
    for k in range(100):
        run.condition('left', 'teach mode', released=True)
        run.condition('right')
        if k < 50:
            run.measured[[0, 3, 4, 5]] -= 0.015
        run.tick(9)
    assert np.abs(run.commands[-1].position - run.measured).max() <= 0.1
    assert {arm for command in run.commands for arm in command.reseeded_arms} == {'left'}
    assert_within_limits(run.commands)


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
    run.tick(800)
    assert run.commands[-1].position[JOINTS] == pytest.approx(run.measured[JOINTS])
    assert not any(command.reseeded_arms for command in run.commands)
    velocity = np.array([command.velocity[JOINTS] for command in run.commands[-600:]])
    assert np.abs(velocity).max() <= CONFIG.motion.homing_velocity_rad_s + 1e-9
    assert_within_limits(run.commands)
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


def test_lateness_is_counted_and_summarised() -> None:
    run = Run()
    for lateness_ns in [0] * 98 + [2 * MS, 3 * MS]:
        run.now_ns += 5 * MS
        run.executor.tick(run.now_ns, lateness_ns)
    snapshot = run.snapshot
    assert snapshot.counts.ticks_late == 1
    assert snapshot.tick_lateness_p50_s == 0.0
    assert snapshot.tick_lateness_p99_s == 0.002


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
