# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Who commands the arms, and what ends it: modes, emergency stop, faults."""

import numpy as np
import pytest
from execution.arms import CONFIG
from execution.arms import GRIPPERS
from execution.arms import HOME
from execution.arms import JOINTS
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import REST
from execution.arms import Run
from execution.arms import assert_counts_add_up
from execution.arms import assert_within_limits
from execution.arms import held_rows
from execution.arms import moving_rows

from wla_ros.base import reasons
from wla_ros.base.types import Mode
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.report import ExecutorState


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


def test_a_chunk_observed_before_autonomy_is_stale() -> None:
    run = Run()
    run.start()
    run.tick(10)
    refusal = run.offer(held_rows(), age_ns=51 * MS)
    assert refusal is not None
    assert refusal.reason == reasons.ANCHOR_STALE
    assert run.offer(held_rows(), age_ns=50 * MS) is None


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


def test_required_status_is_needed_for_autonomy() -> None:
    run = Run(executor=ChunkExecutor(CONFIG, LAYOUT, LIMITS, reporting=LAYOUT.arms))
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
