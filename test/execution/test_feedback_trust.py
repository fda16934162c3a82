# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""No single sample moves anything; what jumped, froze or contradicts itself is not followed."""

from collections.abc import Callable

import numpy as np
import pytest
from execution.arms import CONFIG
from execution.arms import HOME
from execution.arms import JOINTS
from execution.arms import MS
from execution.arms import PERIOD_NS
from execution.arms import REST
from execution.arms import Run
from execution.arms import assert_within_limits
from execution.arms import held_rows
from execution.arms import moving_rows
from execution.arms import sample

from wla_ros.base import reasons
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointCommand
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.execution.report import ExecutorState

Report = Callable[[str, FloatArray, int], list[JointSample]]
MODES = (Mode.HOLD, Mode.AUTONOMY, Mode.HOMING, Mode.ESTOP)


def off_by(offset: FloatArray | float) -> Report:
    """Return a report of a left arm that is `offset` off in its first joint."""

    def report(arm: str, position: FloatArray, stamp_ns: int) -> list[JointSample]:
        item = sample(arm, position, stamp_ns)
        if arm == 'left':
            item.position[0] += offset
        return [item]

    return report


def in_mode(mode: Mode) -> Run:
    """Return a run that has been in `mode` for a while, moving where the mode does."""
    run = Run()
    run.start()
    if mode == Mode.AUTONOMY:
        run.offer(moving_rows(0.3, 0))
    elif mode == Mode.HOMING:
        run.enter(Mode.HOLD)
        run.enter(Mode.HOMING)
    else:
        run.enter(mode)
    run.tick(40)
    assert run.executor.mode == mode
    return run


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('offset', [1.9, -0.45, 0.19])
def test_one_wrong_sample_changes_nothing(mode: Mode, offset: float) -> None:
    """A sample 1.9 rad off once moved the next set-point by 1.9 rad, also in ESTOP."""
    run, undisturbed = in_mode(mode), in_mode(mode)
    run.report = off_by(offset)
    run.tick(1)
    run.report = undisturbed.report
    run.tick(200)
    undisturbed.tick(201)
    assert np.abs(run.positions() - undisturbed.positions()).max() < 1e-12
    assert run.executor.mode == undisturbed.executor.mode
    assert run.snapshot.reason == undisturbed.snapshot.reason
    assert not any(command.reseeded_arms for command in run.commands)


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('offset', [1.9, -0.45, 0.19])
def test_one_wrong_sample_after_a_silence_at_most_stops(mode: Mode, offset: float) -> None:
    """An arm could have moved far in 90 ms; what follows tells."""
    run = in_mode(mode)
    truth = run.report
    run.silent = {'left'}
    run.tick(18)
    run.silent = set()
    run.report = off_by(offset)
    run.tick(1)
    run.report = truth
    run.tick(200)
    assert run.executor.mode in (mode, Mode.HOLD)  # HOLD: home was reached
    if mode in (Mode.HOLD, Mode.ESTOP):
        assert np.array_equal(run.commands[-1].position, REST)
    assert not any(command.reseeded_arms for command in run.commands)
    assert_within_limits(run.commands)


def test_one_wrong_sample_at_the_start_is_not_the_seed() -> None:
    for offset in (1.9, 0.15):
        run = Run()
        truth = run.report
        for wrong in (0, 1, 41):  # the first one, the second, the last before commands begin
            run = Run()
            for k in range(60):
                run.report = off_by(offset) if k == wrong else truth
                run.tick(1)
            assert run.commands
            assert np.array_equal(run.positions(), np.tile(REST, (len(run.commands), 1)))


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('offset', [0.8, -0.35])
def test_feedback_that_jumps_and_stays_is_not_followed(mode: Mode, offset: float) -> None:
    run = in_mode(mode)
    run.report = off_by(offset)
    run.tick(1)
    before = run.commands[-1]
    run.tick(1000)
    after = run.commands[-1].position
    assert abs(after[0] - before.position[0]) < 0.2  # the way of the stop
    assert run.snapshot.state == ExecutorState.HOLDING
    assert run.snapshot.reason == reasons.FEEDBACK_JUMPED
    assert 'left jumped' in run.snapshot.detail
    assert_within_limits(run.commands)
    # The driver comes to its senses.
    run.report = off_by(0.0)
    run.tick(200)
    assert run.snapshot.reason != reasons.FEEDBACK_JUMPED
    assert np.abs(run.commands[-1].position - after).max() < 0.15
    assert_within_limits(run.commands)


def sent(run: Run, ticks: int, *, released: bool) -> list[JointCommand]:
    """Return the commands of `ticks` in which the left arm says whether it is `released`."""
    for _ in range(ticks):
        run.condition('left', released=released)
        run.tick(1)
    return run.commands[-ticks:]


@pytest.mark.parametrize('mode', [Mode.HOLD, Mode.ESTOP])
@pytest.mark.parametrize('disabled_first', [False, True])
def test_a_disabled_arm_that_jumped_is_sent_nothing(mode: Mode, disabled_first: bool) -> None:
    """Neither where it was nor where it says it is would be safe when it is enabled."""
    run = in_mode(mode)
    run.lag = 0.0
    if disabled_first:
        sent(run, 100, released=True)
    run.report = off_by(0.8)
    if not disabled_first:
        commands = sent(run, 100, released=False)
        assert commands[-1].position[0] == pytest.approx(REST[0])
        assert not commands[-1].silent_arms
    sent(run, 100, released=True)
    for commands in (sent(run, 500, released=True), sent(run, 500, released=False)):
        assert all(command.silent_arms == ('left',) for command in commands)
        assert not any(command.reseeded_arms for command in commands)
        assert np.array_equal(commands[-1].position[7:], REST[7:])
        assert run.snapshot.reason == reasons.FEEDBACK_JUMPED
        assert 'nothing is sent to left' in run.snapshot.detail
    # The driver comes to its senses: the arm is near where it was seen last.
    run.report = off_by(0.05)
    commands = sent(run, 100, released=False)
    assert commands[-1].position[0] == pytest.approx(run.measured[0] + 0.05)
    assert not commands[-1].silent_arms
    assert {arm for command in commands for arm in command.reseeded_arms} == {'left'}


def test_a_disabled_arm_is_followed_as_it_falls() -> None:
    run = in_mode(Mode.HOLD)
    run.lag = 0.0
    sent(run, 100, released=True)
    for _ in range(60):
        run.measured[1] += 0.015  # 3 rad/s
        command = sent(run, 1, released=True)[0]
        assert abs(command.position[1] - run.measured[1]) <= 0.12
        assert not command.silent_arms
    command = sent(run, 100, released=False)[-1]
    assert command.position[1] == pytest.approx(run.measured[1], abs=0.1)


def test_a_disabled_arm_that_fell_unseen_is_sent_nothing_until_configured_anew() -> None:
    run = in_mode(Mode.HOLD)
    run.lag = 0.0
    sent(run, 100, released=True)
    run.silent = {'left'}
    run.measured[1] += 0.4
    sent(run, 100, released=True)
    run.silent = set()
    commands = [*sent(run, 300, released=True), *sent(run, 300, released=False)]
    assert all(command.silent_arms == ('left',) for command in commands)
    assert 'configure the executor anew' in run.snapshot.detail
    assert run.enter(Mode.AUTONOMY) is not None


def test_a_released_arm_is_sent_nothing_while_the_other_one_is_lost() -> None:
    """Its samples are as good as ever, but nothing is followed while any are not."""
    run = in_mode(Mode.HOLD)
    run.lag = 0.0
    sent(run, 100, released=True)
    run.silent = {'right'}
    for _ in range(100):
        run.measured[1] += 0.01
        sent(run, 1, released=True)
    assert run.commands[-1].silent_arms == ('left',)
    run.silent = set()
    command = sent(run, 100, released=False)[-1]
    assert not command.silent_arms
    assert command.position[1] == pytest.approx(run.measured[1])


def test_a_falling_arm_is_sent_nothing_before_its_feedback_is_stale() -> None:
    """At 3 rad/s the bound of 0.1 s would leave its command 0.3 rad behind."""
    run = in_mode(Mode.HOLD)
    run.lag = 0.0
    sent(run, 100, released=True)
    run.silent = {'left'}
    for _ in range(16):
        run.measured[1] += 0.015
        sent(run, 1, released=True)
    assert run.commands[-1].silent_arms == ('left',)
    assert run.snapshot.reason == reasons.WAITING_FOR_FEEDBACK


def test_a_pause_of_the_ticks_that_ends_in_a_contradiction_sends_no_old_place() -> None:
    """The arms moved before it; one of them was disabled and fell while nobody looked."""
    run = in_mode(Mode.AUTONOMY)
    for k in range(300):
        run.now_ns += PERIOD_NS
        run.condition('left', released=True)
        run.measured[1] += 0.004
        for arm in ('left', 'right'):
            item = sample(arm, run.measured, run.now_ns - MS)
            if arm == 'left' and k in (290, 295):
                item.position[0] += 0.8
            run.executor.accept_feedback(item)
    command = run.executor.tick(run.now_ns)
    assert command is not None
    assert command.silent_arms == ('left',)
    assert run.snapshot.reason == reasons.FEEDBACK_CONTRADICTORY


def test_a_pause_of_the_ticks_ends_the_way_to_a_place_that_was_measured_before_it() -> None:
    """The arm was stuck off its command, which went there; then it came to the command."""
    run = Run()
    run.start()
    run.stuck = {0}
    run.offer(moving_rows(0.3, 0))
    run.tick(160)
    run.enter(Mode.HOLD)
    for _ in range(400):
        run.tick(1)
        if run.commands[-1].velocity[0] < -0.05:
            break
    begun = run.commands[-1].position
    assert begun[0] > REST[0] + 0.1  # it is on its way to the arm
    for _ in range(300):
        run.now_ns += PERIOD_NS
        run.measured += np.clip(begun - run.measured, -0.01, 0.01)
        for arm in ('left', 'right'):
            run.executor.accept_feedback(sample(arm, run.measured, run.now_ns - MS))
    run.tick(200)
    assert np.abs(run.commands[-1].position - begun).max() < 1e-9


@pytest.mark.parametrize('mode', [Mode.AUTONOMY, Mode.HOMING])
def test_a_released_arm_is_not_moved(mode: Mode) -> None:
    """Its command would go ahead of it, and throw it when it is enabled."""
    run = in_mode(mode)
    sent(run, 60, released=True)
    assert run.executor.mode == Mode.HOLD
    refusal = run.enter(mode)
    assert refusal is not None
    assert refusal.reason == reasons.ARM_FAULT
    sent(run, 2, released=False)
    assert run.enter(mode) is None


def test_one_status_message_releases_no_arm() -> None:
    run = in_mode(Mode.HOLD)
    run.report = off_by(0.8)
    for k in range(200):
        # Two drivers: what one of them calls disabled the other one calls enabled.
        run.condition('left', released=k % 2 == 0)
        run.tick(1)
    assert np.array_equal(run.commands[-1].position, REST)


@pytest.mark.parametrize('offset', [0.8, 0.25])
@pytest.mark.parametrize('burst', [1, 2, 5])
@pytest.mark.parametrize('mode', MODES)
def test_feedback_of_two_sources_is_none(mode: Mode, offset: float, burst: int) -> None:
    run = in_mode(mode)
    truth, wrong = run.report, off_by(offset)
    before = run.commands[-1].position[0]
    for k in range(600):
        run.report = wrong if k // burst % 2 else truth
        run.tick(1)
    assert run.snapshot.reason in (reasons.FEEDBACK_CONTRADICTORY, reasons.FEEDBACK_JUMPED)
    assert run.snapshot.state == ExecutorState.HOLDING
    assert abs(run.commands[-1].position[0] - before) < 0.2
    assert 'left' in run.snapshot.detail
    assert_within_limits(run.commands)


def test_two_sources_from_the_start_give_no_command() -> None:
    run = Run()
    truth, wrong = run.report, off_by(0.8)
    run.report = lambda *true: [*truth(*true), *wrong(true[0], true[1], true[2] + MS // 2)]
    run.tick(400)
    assert not run.commands


def frozen_at(position: FloatArray) -> Report:
    """Return a report that keeps saying `position` under fresh stamps."""
    return lambda arm, _, stamp_ns: [sample(arm, position, stamp_ns)]


def test_frozen_feedback_stops_the_arms_and_is_not_gone_back_to() -> None:
    """The step back to the frozen pose was 0.63 rad once."""
    run = Run(lag=0.9)
    run.start()
    run.offer(moving_rows(0.6, 0))
    run.tick(60)
    run.report = frozen_at(run.measured.copy())
    frozen = run.measured.copy()
    run.tick(100)
    assert run.snapshot.state != ExecutorState.TRACKING
    assert run.snapshot.reason == reasons.FEEDBACK_FROZEN
    run.tick(600)
    assert run.snapshot.reason == reasons.FEEDBACK_FROZEN
    assert 'bit-identical' in run.snapshot.detail
    way = run.positions()[:, JOINTS]
    assert (np.diff(way, axis=0) >= -1e-9).all()  # forward, then at rest
    assert np.abs(way[-1] - frozen[JOINTS]).max() < 0.5
    assert not any(command.reseeded_arms for command in run.commands)
    assert_within_limits(run.commands)
    # The bus is back: the arm stands where it was sent.
    run.report = lambda *true: [sample(*true)]
    run.tick(100)
    assert run.snapshot.reason == reasons.WAITING_FOR_CHUNK
    assert np.array_equal(run.positions()[-1], run.positions()[-101])


def test_a_slow_plan_on_frozen_feedback_is_stopped_before_it_is_far() -> None:
    run = Run()
    run.start()
    run.offer(moving_rows(0.05, 0))
    run.tick(20)
    run.report = frozen_at(run.measured.copy())
    run.tick(180)
    assert run.snapshot.reason == reasons.FEEDBACK_FROZEN
    assert np.abs(run.commands[-1].position - run.measured).max() < 0.05


def test_a_resting_arm_may_say_the_same_for_long() -> None:
    run = Run()
    run.start()
    for _ in range(5):
        run.offer(held_rows())
        run.tick(200)
        assert run.snapshot.state == ExecutorState.TRACKING


@pytest.mark.parametrize('speed', [0.05, 0.3, 0.9])
def test_an_arm_that_starts_late_is_not_frozen(speed: float) -> None:
    """0.2 s of dead time, encoders of 0.001 degree: its samples change when it moves at all."""
    run = Run(lag=0.9)
    delayed: list[FloatArray] = []

    def late(arm: str, position: FloatArray, stamp_ns: int) -> list[JointSample]:
        if arm == 'left':
            delayed.append(np.round(position / 1.745e-5) * 1.745e-5)
        return [sample(arm, delayed[max(len(delayed) - 40, 0)], stamp_ns)]

    run.report = late
    run.start()
    run.offer(moving_rows(speed, 0))
    run.tick(190)
    assert run.snapshot.state == ExecutorState.TRACKING
    assert run.snapshot.counts.feedback_refused == 0


def test_a_takeover_ends_when_feedback_does() -> None:
    """On its way to an arm that was pushed the command stops when nobody knows where that is."""
    run = Run()
    run.start()
    run.offer(held_rows())
    run.tick(300)
    run.lag = 0.0
    run.enter(Mode.HOLD)
    for _ in range(10):  # an arm is pushed, not faster than arms are
        run.measured[0] += 0.03
        run.tick(2)
    run.tick(150)
    moving = run.commands[-1].velocity[0]
    assert moving > 0.1
    run.silent = {'left'}
    run.tick(20 + 60)
    stopped = run.commands[-1]
    assert not stopped.velocity.any()
    assert stopped.position[0] < run.measured[0] - 0.05
    run.tick(100)
    assert np.array_equal(run.commands[-1].position, stopped.position)
    assert_within_limits(run.commands)


def test_a_takeover_comes_to_rest_before_its_disabled_arm_is_sent_nothing() -> None:
    """A command that falls silent on its way would stop at once an arm that does obey."""
    run = Run()
    run.start()
    run.offer(held_rows())
    run.tick(300)
    run.lag = 0.0
    run.enter(Mode.HOLD)
    for _ in range(20):  # an arm is pushed, not faster than arms are
        run.measured[0] += 0.03
        run.tick(2)
    run.tick(130)
    for k in range(150):  # it is disabled and shaken: no two samples agree where it is
        run.measured[0] += 0.025 * (-1) ** k
        sent(run, 1, released=True)
    told = [command for command in run.commands if not command.silent_arms]
    assert max(abs(command.velocity[0]) for command in told) > 0.1
    assert run.commands[-1].silent_arms == ('left',)
    assert np.abs(told[-1].velocity).max() < 1e-9
    assert told[-1].position[0] < run.measured[0] - 0.05  # not where it was on its way to
    assert_within_limits(told)


def test_in_estop_a_clock_jump_excuses_nothing() -> None:
    run = in_mode(Mode.ESTOP)
    run.now_ns -= 500 * MS
    run.lag = 0.0
    run.measured[JOINTS] += 0.4
    run.tick(600)
    assert np.array_equal(run.commands[-1].position, run.commands[0].position)
    assert run.snapshot.reason == reasons.FEEDBACK_JUMPED
    assert run.executor.reset_emergency_stop(run.now_ns, 'test') is None
    run.tick(600)
    assert run.commands[-1].position[JOINTS] == pytest.approx(run.measured[JOINTS])
    speeds = np.abs(np.diff(run.positions(), axis=0)).max() / (PERIOD_NS * 1e-9)
    assert speeds <= CONFIG.motion.homing_velocity_rad_s + 1e-6


def test_an_arm_that_moved_while_nobody_looked_is_not_followed() -> None:
    run = in_mode(Mode.HOLD)
    run.lag = 0.0
    run.silent = {'right'}
    run.tick(100)
    run.measured[7] += 0.4
    run.silent = set()
    run.tick(400)
    assert np.array_equal(run.commands[-1].position, REST)
    assert run.snapshot.reason == reasons.FEEDBACK_JUMPED
    assert 'right jumped: 0.400 rad' in run.snapshot.detail
    assert run.enter(Mode.HOMING) is not None
    assert len(HOME) == 6


def test_one_deviating_sample_ends_no_motion() -> None:
    run = in_mode(Mode.AUTONOMY)
    run.lag = 0.0
    run.tick(1)
    for offset in (0.4, 0.55, 0.4):
        run.report = off_by(0.0)
        run.measured[0] = run.commands[-1].position[0] - offset
        run.tick(1)
    assert run.executor.mode == Mode.AUTONOMY


def test_an_arm_that_starts_anew_does_not_stop_the_other_one() -> None:
    """Both are held; the command of the right one is on its way to where it was pushed."""
    run = in_mode(Mode.HOLD)
    run.lag = 0.0
    for _ in range(40):
        run.measured[7] += 0.02
        run.tick(1)
    for _ in range(150):
        run.condition('left', released=True)
        run.tick(1)
    assert run.commands[-1].velocity[7] > 0.1
    before = run.commands[-1]
    run.measured[0] += 0.15
    for _ in range(3):
        run.condition('left', released=True)
        run.tick(1)
    assert {arm for command in run.commands for arm in command.reseeded_arms} == {'left'}
    assert run.commands[-1].position[0] == pytest.approx(run.measured[0])
    assert run.commands[-1].velocity[7] >= before.velocity[7]
    assert_within_limits(run.commands)


@pytest.mark.parametrize('gap', [6, 12, 18])
@pytest.mark.parametrize('mode', MODES)
def test_an_arm_that_is_elsewhere_after_a_short_silence_is_not_followed(
    mode: Mode, gap: int
) -> None:
    """No joint moves 0.5 rad in 30 ms, though 20 rad/s and 100 ms of silence excuse more."""
    run = in_mode(mode)
    run.silent.add('left')
    run.tick(gap)
    before = run.commands[-1].position[0]
    run.silent.clear()
    run.report = off_by(0.5)
    run.tick(1000)
    assert abs(run.commands[-1].position[0] - before) < 0.2  # the way of the stop
    assert run.snapshot.reason == reasons.FEEDBACK_JUMPED
    assert_within_limits(run.commands)


def test_a_fast_arm_may_go_unseen_for_a_moment() -> None:
    run = in_mode(Mode.AUTONOMY)
    run.offer(moving_rows(2.5, 0, count=10))
    run.tick(20)
    run.silent.add('left')
    run.tick(17)
    run.silent.clear()
    run.tick(10)
    assert run.snapshot.state == ExecutorState.TRACKING
    assert run.snapshot.counts.feedback_refused == 0
