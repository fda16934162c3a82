# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
One random life of the executor, and what nothing in it may do, whatever is heard.

The judge knows what went in, where the arms truly are, and the pairs (time, position) that came
out; it asks the executor nothing. The time is that of a clock nobody sets; the ROS clock is, and
steps. What is held against every command, none left out:

* it lies on one motion within position, velocity, acceleration and jerk limits, by the time it
  left (`EmissionOracle`); it begins anew only for an arm whose every status has long said that it
  obeys nothing, or to which nothing was sent, and where the arm is, as several of its samples
  said; the other arm keeps its motion,
* the first command is where the arms are,
* what is sent to an arm that has obeyed nothing for long is where the arm is: it may be enabled,
* without a plan it stays between where it came to rest and where something else than a command
  put an arm, as far as `_ASTRAY_RAD`, so it never goes to what only lies show,
* with the emergency stop latched it comes to rest in the time of a stop,
* it stands still once every plan that was ever accepted must have ended.

Most of what happens is at random. What randomness hardly ever brings together has a story of its
own (`_STORIES`), told at random as well, in the midst of it.
"""

from collections import deque
from dataclasses import dataclass
from dataclasses import field

import numpy as np
from execution.arms import CONFIG
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import REST
from execution.arms import chunk
from execution.emission_oracle import EmissionOracle
from execution.fuzz_arms import FuzzArm

from wla_ros.base.reasons import FEEDBACK_JUMPED
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointCommand
from wla_ros.base.types import Mode
from wla_ros.execution.executor import ChunkExecutor

# What a second source may be off without being noticed (20 rad/s, 10 ms, and the way to a command
# that leads): the least that `FuzzArm` lies, and encoders.
_ASTRAY_RAD = 0.255
_RESTART_RAD = 0.05  # from samples that confirm where an arm begins anew
_HEARD = 36  # samples: of 60 ms, if each comes three times
_STATUS_SPAN_NS = 200 * MS  # `feedback.recovery_s` by default
_PLAN_NS = 5_000 * MS  # `gate.max_plan_s`; a stop takes another second at most
_STOP_NS = 1_000 * MS
_BRIDGE_NS = 800 * MS  # `bridge.max_s`
_COLUMNS = {arm: LAYOUT.arm_slice(arm) for arm in LAYOUT.arms}
_JOINTS = {arm: list(range(7 * i, 7 * i + 6)) for i, arm in enumerate(LAYOUT.arms)}


_STORIES = (
    '_frozen_in_motion',
    '_reappears',
    '_pushed_and_denied',
    '_disabled_and_denied',
    '_disabled_beside_motion',
)
# Lies that an arm of a story may begin with: what is true comes as well.
_MINOR_LIES = ('none', 'none', 'none', 'spikes', 'stamps', 'garbage')


@dataclass
class FuzzResult:
    """What an episode came to."""

    seed: int
    violations: list[str]
    worst: dict[str, float]
    commands: int
    accepted: int = 0
    moved_rad: float = 0.0
    seen: set[str] = field(default_factory=set)  # of what the executor said


class InjectedError(Exception):
    """Raised within a tick on purpose."""


class FuzzEpisode:
    """A seed's episode; `run` once."""

    def __init__(self, seed: int, *, steps: int = 60) -> None:
        """Prepare."""
        self._rng = rng = np.random.default_rng(seed)
        self._seed, self._steps = seed, steps
        self._arms = [
            FuzzArm(name, np.random.default_rng([seed, i])) for i, name in enumerate(LAYOUT.arms)
        ]
        self._now_ns = 10_000 * MS
        self._offset_ns = int(rng.integers(0, 10**12))
        self._oracle = EmissionOracle(LIMITS)
        self._violations = self._oracle.violations
        self._last: FloatArray | None = None
        self._released_ns: dict[str, int] = {}  # since when every status heard says so
        self._heard: dict[str, deque[FloatArray]] = {
            arm: deque(maxlen=_HEARD) for arm in LAYOUT.arms
        }
        self._resting = False  # the command has stood still since this mode began
        self._held = False  # it has since nothing leads the arms
        # Lowest and highest joints, by arm, where a held command may be
        self._places: dict[str, tuple[FloatArray, FloatArray]] = {}
        self._mode_ns = self._tick_ns = 0  # when it began, and of the last tick
        self._mode = Mode.HOLD
        self._accepted = 0
        self._plans_end_ns = 0  # of all plans that were accepted, as their rows say
        self._sequence = [0, 0]
        self._moved_rad = 0.0
        self._commands = 0  # of executors before this one
        self._unsent: set[str] = set()  # arms that were sent nothing at the last tick
        self._seen: set[str] = set()
        self._raises = False
        self._executor = self._new_executor()

    def _new_executor(self) -> ChunkExecutor:
        """Return one that raises within a tick when it is told to."""
        executor = ChunkExecutor(CONFIG, LAYOUT, LIMITS)
        target = executor._plan.target

        def perhaps(time_ns: int) -> object:
            if self._raises:
                self._raises = False
                raise InjectedError('on purpose')
            return target(time_ns)

        executor._plan.target = perhaps  # type: ignore[method-assign, assignment]
        return executor

    @property
    def _ros_ns(self) -> int:
        return self._now_ns + self._offset_ns

    def run(self) -> FuzzResult:
        """Live and be judged."""
        rng = self._rng
        self._begin()
        for arm in self._arms:
            arm.started = True
            arm.calm = self._seed % 3 == 0
        story = int(rng.integers(self._steps // 2, self._steps + 1))
        for step in range(self._steps):
            if step == story:
                self._tell_story()
            self._disturb()
            quiet = int(rng.integers(1, 6))
            for _ in range(quiet):
                self._step(5 * MS + int(rng.integers(-200_000, 400_000)))
            self._step(self._gap_ns())
        if story == self._steps:
            self._tell_story()
        if self._seed % 2 == 0:
            self._let_policies_die()
        self._oracle.close()
        return FuzzResult(
            seed=self._seed,
            violations=self._violations,
            worst=self._oracle.worst,
            commands=self._commands + self._oracle.commands,
            accepted=self._accepted,
            moved_rad=self._moved_rad,
            seen=self._seen,
        )

    def _gap_ns(self) -> int:
        rng = self._rng
        kind = rng.random()
        if kind < 0.5:
            return 5 * MS
        if kind < 0.6:
            return int(rng.integers(0, 2)) * int(rng.integers(1, 3 * MS))
        if kind < 0.95:
            return int(rng.integers(6 * MS, 100 * MS))
        return int(rng.choice([101, 150, 400, 1500])) * MS

    def _begin(self) -> None:
        """Let the drivers start, one of them perhaps so late that the other lies before that."""
        rng = self._rng
        late = self._arms[int(rng.integers(2))] if rng.random() < 0.5 else None
        if late is not None:
            late.tell('silence', self._now_ns + 900 * MS)
        for step in range(60 if late is None else 240):
            self._step(5 * MS)
            for arm in self._arms:
                if step == 60 and arm is not late:
                    arm.started = True
                if step >= 60 and step % 20 == 0 and arm is not late:
                    arm.change(self._now_ns)
            if step == 180 and late is not None:
                late.heal()

    # Stories

    def _tell_story(self) -> None:
        rng = self._rng
        arms = [self._arms[i] for i in rng.permutation(len(self._arms))]
        if not self._recover():
            return
        for arm in arms:
            arm.tell(str(rng.choice(_MINOR_LIES)), self._now_ns + 2_000 * MS)
        getattr(self, str(rng.choice(_STORIES)))(*arms)

    def _recover(self) -> bool:
        """
        Let the operator disable and enable both arms, or configure anew what needs that.

        Returns whether commands are given.
        """
        for arm in self._arms:
            arm.heal()
        self._pass(300)
        if self._last is None or self._executor.snapshot(self._ros_ns).reason == FEEDBACK_JUMPED:
            self._configure()
            self._pass(500)
        if self._last is None:
            return False
        self._executor.reset_emergency_stop(self._ros_ns, 'fuzz')
        self._ask(Mode.HOLD)
        self._pass(400)
        for arm in self._arms:
            arm.become('disabled', 0, drift_rad_s=0.05)
        self._pass(1_000)
        for arm in self._arms:
            arm.heal()
        self._pass(300)
        return True

    def _configure(self) -> None:
        """Begin with a new executor, of which is judged what was of the first."""
        self._oracle.close()
        self._commands += self._oracle.commands
        self._oracle = EmissionOracle(
            LIMITS, violations=self._violations, worst=self._oracle.worst
        )
        self._executor = self._new_executor()
        self._last = None
        self._unsent.clear()
        self._places.clear()
        self._resting = self._held = False
        self._note_mode()

    def _pass(self, milliseconds: int) -> None:
        """Let time pass without anything new."""
        end_ns = self._now_ns + milliseconds * MS
        while self._now_ns < end_ns:
            self._step(int(self._rng.choice([5, 10, 25])) * MS)

    def _steady_plan(self, duration_s: float, speed_rad_s: float, **named: int) -> ActionChunk:
        """Return rows that go one way for long, most joints at `speed_rad_s`, from here."""
        rng = self._rng
        assert self._last is not None
        count = int(rng.integers(10, 40))
        dt_ns = int(duration_s / count * 1e9)
        ways = np.sign(0.5 * (LIMITS.lower + LIMITS.upper) - self._last) * speed_rad_s
        ways[[6, 13]] = 0.0
        rows = self._last + ways * (np.arange(count) * dt_ns * 1e-9)[:, None]
        rows = rows.clip(LIMITS.lower, LIMITS.upper)
        self._sequence[0] += 1
        sequence = self._sequence[0]
        return chunk(rows, self._ros_ns, sequence=sequence, dt_ns=dt_ns, epoch=1, **named)

    def _frozen_in_motion(self, arm: FuzzArm, other: FuzzArm) -> None:
        """Let the driver lose the bus during fast motion; the arm still obeys."""
        del other
        self._ask(Mode.AUTONOMY)
        self._offer(self._steady_plan(self._rng.uniform(1.0, 3.0), self._rng.uniform(0.4, 1.5)))
        self._pass(int(self._rng.integers(100, 500)))
        arm.tell('frozen', self._now_ns + 5_000 * MS)
        self._pass(5_000)

    def _reappears(self, arm: FuzzArm, other: FuzzArm) -> None:
        """Let a driver come back elsewhere, of an arm that went nowhere, in HOLD."""
        del other
        if self._rng.random() < 0.7:
            arm.tell('silence', 0)
            self._pass(int(self._rng.choice([50, 150, 600])))
        arm.tell('jump', self._now_ns + 3_000 * MS)
        self._pass(3_000)

    def _pushed_and_denied(self, arm: FuzzArm, other: FuzzArm) -> None:
        """Let an arm be pushed off its command, and its driver lie about where it is then."""
        del other
        arm.become('pushed', 0, drift_rad_s=0.8)
        self._pass(int(self._rng.integers(200, 900)))
        arm.become('stuck', 0)
        self._pass(int(self._rng.integers(0, 300)))
        arm.tell(str(self._rng.choice(['jump', 'double', 'silence'])), self._now_ns + 3_000 * MS)
        self._pass(3_000)

    def _disabled_and_denied(self, arm: FuzzArm, other: FuzzArm) -> None:
        """Disable an arm, let its driver lie about where it falls, and enable it."""
        del other
        arm.become('disabled', 0, drift_rad_s=float(self._rng.choice([0.1, 0.8, 2.0])))
        self._pass(int(self._rng.integers(250, 700)))
        for lie in self._rng.choice(['jump', 'double', 'silence', 'frozen', 'none'], 3):
            arm.tell(str(lie), self._now_ns + 5_000 * MS)
            self._pass(int(self._rng.choice([50, 300, 900])))
        arm.become('obeys', 0)
        self._pass(1_000)
        arm.tell('none', 0)
        self._pass(1_000)

    def _disabled_beside_motion(self, arm: FuzzArm, other: FuzzArm) -> None:
        """Disable, move and enable an arm, again and again, while the other one comes back."""
        other.become('pushed', 0, drift_rad_s=1.0)
        self._pass(500)
        other.become('stuck', 0)
        for _ in range(3):
            arm.become('disabled', 0, drift_rad_s=0.8)
            self._pass(int(self._rng.integers(250, 700)))
            arm.become('obeys', 0)
            self._pass(int(self._rng.integers(20, 200)))

    def _let_policies_die(self) -> None:
        """Let the last plan be any, long ones and late ones too; then nobody speaks any more."""
        rng = self._rng
        if not self._recover():
            return
        self._ask(Mode.AUTONOMY)
        duration_s = float(rng.choice([0.5, 4.0, 8.0, 30.0]))
        offset = int(rng.choice([0, 0, 20, 100]))
        self._offer(self._steady_plan(duration_s, 0.1, row_offset=offset))
        end_ns = self._now_ns + _PLAN_NS + _STOP_NS
        while self._now_ns < end_ns:
            self._step(50 * MS)
        before = self._last
        for _ in range(60):
            self._step(50 * MS)
            if before is not None and not self._still(before):
                self._violations.append(f'{self._now_ns}: moves after every plan has ended')
                return

    # What goes in

    def _disturb(self) -> None:
        rng, executor = self._rng, self._executor
        self._seen.add(executor.snapshot(self._ros_ns).reason)
        for arm in self._arms:
            arm.change(self._now_ns)
        kind = rng.random()
        if kind < 0.45:
            for _ in range(int(rng.choice([1, 1, 1, 20]))):
                item = self._chunk()
                for _ in range(int(rng.choice([1, 1, 3]))):
                    self._offer(item)
        if kind < 0.25 or executor.mode == Mode.HOLD:
            self._ask(Mode.AUTONOMY)
        elif kind > 0.97:
            self._ask(Mode(int(rng.integers(4))))
        elif kind > 0.94:
            self._step_clock()
        elif kind > 0.93:
            self._raises = True
        if executor.mode == Mode.ESTOP and rng.random() < 0.05:
            executor.reset_emergency_stop(self._ros_ns, 'fuzz')
            self._note_mode()

    def _ask(self, mode: Mode) -> None:
        self._executor.set_mode(mode, self._ros_ns, 'fuzz')
        self._note_mode()

    def _step_clock(self) -> None:
        step_ns = int(self._rng.choice([-5_000, -300, -40, 40, 300, 5_000])) * MS
        if self._rng.random() < 0.5:
            # Time begins again, unannounced, a period after the tick before.
            self._step(5 * MS)
            self._now_ns += 5 * MS
            self._offset_ns -= abs(step_ns)
            self._tick()
            return
        self._offset_ns += step_ns
        self._executor.notify_clock_jump(self._ros_ns, step_ns)
        self._note_mode()

    def _chunk(self) -> ActionChunk:
        rng = self._rng
        start = REST if self._last is None else self._last
        count, dt_ns = int(rng.integers(2, 40)), int(rng.choice([10, 33, 60, 400])) * MS
        speed = float(rng.choice([0.2, 1.0, 3.0]))
        times_s = np.arange(count)[:, None] * dt_ns * 1e-9
        rates = speed * rng.uniform(-1.0, 1.0, 14) * np.cos(rng.uniform(0.0, 5.0, 14) * times_s)
        rates += rng.normal(0.0, 0.02 * speed, (count, 14))
        rows = start + rng.normal(0.0, 0.05, 14) + np.cumsum(rates, axis=0) * dt_ns * 1e-9
        rows = rows.clip(LIMITS.lower - 0.1, LIMITS.upper + 0.1)
        rows[:, [6, 13]] = rng.uniform(-0.01, 0.08, (count, 2))
        broken = rng.random()
        if broken < 0.05:
            rows[rng.integers(count), rng.integers(14)] = rng.choice([np.nan, np.inf, 9.0])
        elif broken < 0.1:
            rows, dt_ns = np.tile(rows, (25, 1))[:1000], 1_000 * MS
        policy = int(rng.random() < 0.2)  # two of them
        self._sequence[policy] += int(rng.integers(0, 3))
        return chunk(
            rows,
            self._ros_ns - int(rng.choice([0, 20, 60, 300, -30, -100])) * MS,
            sequence=self._sequence[policy],
            epoch=1 + policy * int(rng.integers(0, 3)),
            dt_ns=dt_ns,
            committed_prefix=int(rng.integers(0, 4)),
            row_offset=int(rng.choice([0, 0, 0, 3, 9, 60, 100_000])),
            finished=bool(rng.random() < 0.1),
        )

    def _offer(self, item: ActionChunk) -> None:
        if self._executor.accept_chunk(item, self._ros_ns) is None:
            self._accepted += 1
            rows_ns = (item.row_offset + len(item.rows)) * item.dt_ns
            ahead_ns = max(item.stamp_ns - self._ros_ns, 0)
            end_ns = self._now_ns + min(rows_ns, _PLAN_NS) + ahead_ns
            self._plans_end_ns = max(self._plans_end_ns, end_ns)

    def _step(self, gap_ns: int) -> None:
        """Let `gap_ns` pass, in which the drivers go on, then tick."""
        end_ns = self._now_ns + gap_ns
        while True:
            part_ns = min(5 * MS, end_ns - self._now_ns)
            self._now_ns += part_ns
            for arm in self._arms:
                arm.move(part_ns, self._now_ns)
                for sample in arm.samples(self._ros_ns, self._now_ns):
                    self._executor.accept_feedback(sample)
                    self._heard[arm.name].append(sample.position[:6])
                for status in arm.statuses(self._ros_ns, self._now_ns):
                    self._executor.accept_arm_condition(status)
                    if status.released:
                        self._released_ns.setdefault(arm.name, self._now_ns)
                    else:
                        self._released_ns.pop(arm.name, None)
            if self._now_ns >= end_ns:
                break
        self._tick()

    def _tick(self) -> None:
        try:
            command = self._executor.tick(self._ros_ns)
        except InjectedError as error:  # as the node does
            self._executor.hold_after_failure(self._ros_ns, str(error))
            self._note_mode()
            return
        self._note_mode()
        if command is not None:
            self._judge(command)
            for arm in self._arms:
                if arm.name not in command.silent_arms:
                    arm.command(self._now_ns, command.position[_COLUMNS[arm.name]])
        elif self._last is not None:
            self._violations.append(f'{self._now_ns}: no command')

    # What comes out

    def _note_mode(self) -> None:
        mode = self._executor.mode
        if mode != Mode.AUTONOMY:
            self._plans_end_ns = min(self._plans_end_ns, self._now_ns)  # all of them are dropped
        if mode != self._mode:
            self._mode, self._resting, self._mode_ns = mode, False, self._now_ns

    def _judge(self, command: JointCommand) -> None:
        last, now_ns = self._last, self._now_ns
        position = np.array(command.position)
        if last is not None:
            for name in command.silent_arms:
                position[_COLUMNS[name]] = last[_COLUMNS[name]]  # which it was sent last
        restarted: tuple[int, ...] = ()
        for arm in self._arms:
            if arm.name in command.reseeded_arms:
                self._judge_restart(arm, position[_JOINTS[arm.name]])
                restarted += tuple(_JOINTS[arm.name])
            if arm.name not in command.silent_arms:
                self._judge_sent(arm, position[_JOINTS[arm.name]])
        self._oracle.see(now_ns, position, restarted)
        self._last, self._unsent = position, set(command.silent_arms)
        for arm in self._arms:
            columns = _JOINTS[arm.name]
            if last is None:
                away = arm.away(position[columns])
                if away > _ASTRAY_RAD:
                    self._violations.append(f'{now_ns}: begins {away:.3f} rad off')
                continue
            self._moved_rad += float(np.abs(position[columns] - last[columns]).max())
            self._judge_held(arm, position[columns], anew=arm.name in command.reseeded_arms)
        if last is not None and now_ns - self._tick_ns > MS:
            still = self._still(last)
            self._resting = self._resting or still
            self._held = self._may_not_lead and (self._held or still)
        self._tick_ns = now_ns
        late = now_ns - self._mode_ns > _STOP_NS
        if self._mode == Mode.ESTOP and late and not self._resting:
            self._violations.append(f'{now_ns}: still moves in ESTOP')

    def _long_released(self, arm: FuzzArm, span_ns: int) -> bool:
        """Whether every status of `arm` has said for so long that it obeys nothing."""
        since_ns = self._released_ns.get(arm.name)
        return since_ns is not None and self._now_ns - since_ns >= span_ns

    def _judge_restart(self, arm: FuzzArm, joints: FloatArray) -> None:
        """Judge the command [6] with which `arm` starts anew."""
        if not self._long_released(arm, _STATUS_SPAN_NS) and arm.name not in self._unsent:
            self._violations.append(f'{self._now_ns}: {arm.name} starts anew, is not released')
        ways = [np.abs(heard - joints).max() for heard in self._heard[arm.name]]
        if sum(way < _RESTART_RAD for way in ways) < 3:
            self._violations.append(f'{self._now_ns}: {arm.name} starts anew where it hardly was')
        away = arm.away(joints)
        if away > _ASTRAY_RAD:
            self._violations.append(f'{self._now_ns}: {arm.name} starts anew {away:.3f} rad off')

    def _judge_sent(self, arm: FuzzArm, joints: FloatArray) -> None:
        """Judge what is sent [6] to `arm` if it has obeyed nothing for long."""
        away = arm.away(joints)
        if self._long_released(arm, _STATUS_SPAN_NS + _STOP_NS) and away > _ASTRAY_RAD:
            self._violations.append(
                f'{self._now_ns}: {arm.name} would be thrown by {away:.3f} rad if enabled'
            )

    def _judge_held(self, arm: FuzzArm, joints: FloatArray, *, anew: bool) -> None:
        """Judge where the command [6] of `arm` is while nothing leads it."""
        known = self._places.get(arm.name)
        if not self._held or known is None or anew:
            low, high = np.minimum(joints, arm.truth[:6]), np.maximum(joints, arm.truth[:6])
        else:
            low, high = known
            if arm.body != 'obeys':
                low, high = np.minimum(low, arm.truth[:6]), np.maximum(high, arm.truth[:6])
        self._places[arm.name] = low, high
        astray = np.maximum(low - joints, joints - high).max()
        if astray > _ASTRAY_RAD:
            self._violations.append(
                f'{self._now_ns}: held command of {arm.name} is {astray:.3f} rad astray '
                f'in {self._mode.name}'
            )

    @property
    def _may_not_lead(self) -> bool:
        """Whether no mode moves the arms, or every plan has ended, and the motion of it too."""
        over_ns = self._plans_end_ns + _BRIDGE_NS + _STOP_NS
        over = self._mode == Mode.AUTONOMY and self._now_ns > over_ns
        return self._mode in (Mode.HOLD, Mode.ESTOP) or over

    def _still(self, last: FloatArray) -> bool:
        """Whether nothing moved since `last`."""
        return self._last is not None and bool(np.abs(self._last - last).max() < 1e-9)
