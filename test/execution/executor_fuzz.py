"""
One random life of the executor, and what nothing in it may do, whatever is heard.

The judge knows what went in, where the arms truly are, and the pairs (time, position) that came
out; it asks the executor nothing. The time is that of a clock nobody sets; the ROS clock is, and
steps. What is held against every command, none left out:

* it lies on one motion within position, velocity, acceleration and jerk limits, by the time it
  left (`EmissionOracle`); it begins anew only for an arm whose status says that it obeys nothing,
* the first command is where the arms are,
* a held command never goes further than `_ASTRAY_RAD` from where an arm truly is,
* with the emergency stop latched it comes to rest in the time of a stop,
* it stands still once every plan that was ever accepted must have ended.
"""

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

from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointCommand
from wla_ros.base.types import Mode
from wla_ros.execution.executor import ChunkExecutor

# Encoders, dead time, and what a second source may be off without being noticed (20 rad/s, 10 ms).
_ASTRAY_RAD = 0.25
_STATUS_SPAN_NS = 200 * MS  # `feedback.recovery_s` by default
_PLAN_NS = 5_000 * MS  # `gate.max_plan_s`; a stop takes another second at most
_STOP_NS = 1_000 * MS
_COLUMNS = {arm: LAYOUT.arm_slice(arm) for arm in LAYOUT.arms}
_JOINTS = {arm: list(range(7 * i, 7 * i + 6)) for i, arm in enumerate(LAYOUT.arms)}


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

    def __init__(self, seed: int, *, steps: int = 80) -> None:
        """Prepare."""
        self._rng = rng = np.random.default_rng(seed)
        self._seed, self._steps = seed, steps
        self._executor = ChunkExecutor(CONFIG, LAYOUT, LIMITS)
        self._arms = [
            FuzzArm(name, np.random.default_rng([seed, i])) for i, name in enumerate(LAYOUT.arms)
        ]
        self._now_ns = 10_000 * MS
        self._offset_ns = int(rng.integers(0, 10**12))
        self._oracle = EmissionOracle(LIMITS)
        self._violations = self._oracle.violations
        self._last: FloatArray | None = None
        self._released_ns: dict[str, int] = {}
        self._resting = False  # the command has stood still since this mode began
        self._mode_ns = self._tick_ns = 0  # when it began, and of the last tick
        self._mode = Mode.HOLD
        self._accepted = 0
        self._plans_end_ns = 0
        self._sequence = [0, 0]
        self._moved_rad = 0.0
        self._seen: set[str] = set()
        self._raises = False
        target = self._executor._plan.target

        def perhaps(time_ns: int) -> object:
            if self._raises:
                self._raises = False
                raise InjectedError('on purpose')
            return target(time_ns)

        self._executor._plan.target = perhaps  # type: ignore[method-assign, assignment]

    @property
    def _ros_ns(self) -> int:
        return self._now_ns + self._offset_ns

    def run(self) -> FuzzResult:
        """Live and be judged."""
        rng = self._rng
        for _ in range(60):
            self._step(5 * MS)
        for arm in self._arms:
            arm.started = self._last is not None
            arm.calm = self._seed % 3 == 0
        for _ in range(self._steps):
            self._disturb()
            quiet = int(rng.integers(1, 6))
            for _ in range(quiet):
                self._step(5 * MS + int(rng.integers(-200_000, 400_000)))
            self._step(self._gap_ns())
        if self._seed % 8 == 0:  # everybody dies but the executor
            while self._now_ns < self._plans_end_ns + _STOP_NS:
                self._step(25 * MS)
            before = self._last
            self._step(25 * MS)
            if before is not None and self._mode == Mode.AUTONOMY and not self._still(before):
                self._violations.append(f'{self._now_ns}: moves after every plan has ended')
        self._oracle.close()
        return FuzzResult(
            seed=self._seed,
            violations=self._violations,
            worst=self._oracle.worst,
            commands=self._oracle.commands,
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
        honest = all(arm.lie == 'none' for arm in self._arms)
        if honest and self._rng.random() < 0.5:
            # Simulated time begins again, unannounced, a period after the tick before; arms of
            # a simulation do not lie then.
            self._step(5 * MS)
            for arm in self._arms:
                arm.lie_until_ns = self._now_ns + 1_000 * MS
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
            self._plans_end_ns = max(
                self._plans_end_ns, self._now_ns + _PLAN_NS + max(item.stamp_ns - self._ros_ns, 0)
            )

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
                for status in arm.statuses(self._ros_ns, self._now_ns):
                    self._executor.accept_arm_condition(status)
                if arm.released():
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
                arm.command(self._now_ns, command.position[_COLUMNS[arm.name]])
        elif self._last is not None:
            self._violations.append(f'{self._now_ns}: no command')

    # What comes out

    def _note_mode(self) -> None:
        mode = self._executor.mode
        if mode != self._mode:
            self._mode, self._resting, self._mode_ns = mode, False, self._now_ns

    def _judge(self, command: JointCommand) -> None:
        position, now_ns = command.position, self._now_ns
        restarted: tuple[int, ...] = ()
        for arm in command.reseeded_arms:
            since_ns = self._released_ns.get(arm)
            if since_ns is None or now_ns - since_ns < _STATUS_SPAN_NS:
                self._violations.append(f'{now_ns}: {arm} starts anew and is not released')
            restarted += tuple(_JOINTS[arm])
        self._oracle.see(now_ns, position, restarted)
        last, self._last = self._last, position
        for arm in self._arms:
            columns = _JOINTS[arm.name]
            away = np.abs(position[columns] - arm.truth[:6])
            if last is None:
                if away.max() > _ASTRAY_RAD:
                    self._violations.append(f'{now_ns}: begins {away.max():.3f} rad off')
                continue
            step = np.abs(position[columns] - last[columns])
            self._moved_rad += float(step.max())
            if self._mode in (Mode.HOLD, Mode.ESTOP) and self._resting:
                before = np.abs(last[columns] - arm.truth[:6])
                astray = (step > 1e-9) & (away > before) & (away > _ASTRAY_RAD)
                if astray.any():
                    self._violations.append(
                        f'{now_ns}: held command of {arm.name} goes {away.max():.3f} rad astray '
                        f'in {self._mode.name}'
                    )
        if last is not None and now_ns - self._tick_ns > MS:
            self._resting = self._resting or self._still(last)
        self._tick_ns = now_ns
        late = now_ns - self._mode_ns > _STOP_NS
        if self._mode == Mode.ESTOP and late and not self._resting:
            self._violations.append(f'{now_ns}: still moves in ESTOP')

    def _still(self, last: FloatArray) -> bool:
        """Whether nothing moved since `last`."""
        return self._last is not None and bool(np.abs(self._last - last).max() < 1e-9)
