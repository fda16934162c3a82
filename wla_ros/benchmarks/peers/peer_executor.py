# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Runs a peer's queue of rows behind the port of the episode: one row per control step, at 200 Hz.

At each control step a row goes out and the command moves along a cubic from it to the next row in
the queue, due one step later; so a peer pays no delay for its coarse steps. The last stage is the
caller's: the limits of the benchmark. A chunk changes what goes out at the next step, without a
bridge. Supervision of feedback is left out: the simulated arms are healthy.
"""

from collections import Counter as Tally
from collections import deque
from dataclasses import dataclass
from typing import Any
from typing import Protocol

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointCommand
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.benchmarks.peers.row_queue import ArrivedRows
from wla_ros.benchmarks.peers.row_queue import RowQueue
from wla_ros.episodes.record import CounterValue
from wla_ros.episodes.record import SpliceRecord
from wla_ros.episodes.rig import STATES
from wla_ros.episodes.rig import ExecutorView

_REMEMBERED_STEPS = 256  # control steps back that an observation may have been taken


class LastStage(Protocol):
    """The limits that every command obeys."""

    def seed(self, position: FloatArray) -> None:
        """Rest at `position` [D]."""
        ...

    def approach(
        self, position: FloatArray, velocity: FloatArray, duration_s: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Move for `duration_s` towards a moving target; return the commanded state, [D] each."""
        ...

    def stop(self, duration_s: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Brake for `duration_s`; return the commanded state, [D] each."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Segment:
    """The way from the row of one control step to the next."""

    start_ns: int
    start: FloatArray  # [D]
    end: FloatArray
    start_velocity: FloatArray  # [D] per second
    end_velocity: FloatArray


class PeerExecutor:
    """See the module docstring. One thread."""

    def __init__(
        self,
        queue: RowQueue,
        last_stage: LastStage,
        layout: JointLayout,
        *,
        strategy: str,
        dt_ns: int,
        period_ns: int,
    ) -> None:
        """`strategy` is the name the policy's side runs; a control step takes `dt_ns`."""
        self._queue, self._last_stage, self._layout = queue, last_stage, layout
        self._strategy, self._dt_ns, self._period_ns = strategy, dt_ns, period_ns
        self._joints = list(layout.joint_indices)
        self._mode = Mode.HOLD
        self._measured: dict[str, FloatArray] = {}
        self._seeded = False
        self._commanded = (np.zeros(layout.width),) * 3
        self._segment: _Segment | None = None
        self._next_step_ns = 0
        self._steps_taken: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED_STEPS)
        self._dry = True
        self._newest = (0, 0)
        self._splice: SpliceRecord | None = None
        self._seam = (0.0, 0.0)
        self._counts: Tally[str] = Tally()
        self._revision = 0

    # What comes in

    def accept_feedback(self, sample: JointSample) -> Refusal | None:
        """Take feedback of one arm: where the command starts."""
        self._measured[sample.arm] = sample.position
        return None

    def accept_condition(self, condition: Any) -> Refusal | None:
        """Ignore the state of one arm."""
        del condition
        return None

    def accept_chunk(self, chunk: ActionChunk, now_ns: int) -> Refusal | None:
        """Merge a chunk, whenever it comes."""
        self._counts['chunks_received'] += 1
        if self._mode is not Mode.AUTONOMY:
            self._counts['chunks_rejected'] += 1
            return Refusal(reason='wrong_mode', detail='chunks are executed in AUTONOMY only')
        self._counts['chunks_accepted'] += 1
        self._newest = (chunk.epoch, chunk.sequence)
        begun_ns = chunk.stamp_ns + max((item.age_ns for item in chunk.samples), default=0)
        before = self._due_next()
        self._queue.merge(
            ArrivedRows(
                rows=chunk.rows,
                begun_step=self._steps_at(begun_ns),
                latency_s=ns_to_seconds(now_ns - begun_ns),
            )
        )
        self._note_splice(chunk.stamp_ns, now_ns, before, self._due_next())
        self._revision += 1
        return None

    def set_mode(self, mode: Mode, now_ns: int, reason: str) -> Refusal | None:
        """Begin or end to execute rows."""
        del reason
        self._mode = mode
        self._next_step_ns = now_ns
        self._segment = None
        self._revision += 1
        return None

    # What goes out

    def tick(self, now_ns: int) -> JointCommand | None:
        """Return the command of this tick, None before all arms were measured."""
        self._counts['ticks'] += 1
        if not self._seeded and not self._seed():
            self._counts['ticks_not_ready'] += 1
            return None
        self._counts['commands_published'] += 1
        duration_s = ns_to_seconds(self._period_ns)
        target = self._target(now_ns) if self._mode is Mode.AUTONOMY else None
        if target is None:
            self._commanded = self._last_stage.stop(duration_s)
        else:
            self._commanded = self._last_stage.approach(*target, duration_s)
        position, velocity, acceleration = self._commanded
        return JointCommand(
            stamp_ns=now_ns, position=position, velocity=velocity, acceleration=acceleration
        )

    @property
    def plan_revision(self) -> int:
        """Changes with every chunk, and when the queue runs dry or has rows again."""
        return self._revision

    def execution_plan(self, now_ns: int) -> ExecutionPlan:
        """Return the rows in the queue, each at the end of the control step that it fills."""
        rows = self._queue.waiting
        first_ns = max(self._next_step_ns, now_ns) + self._dt_ns
        resting = self._mode is Mode.AUTONOMY and self._dry and not len(rows)
        return ExecutionPlan(
            stamp_ns=now_ns,
            strategy=self._strategy,
            epoch=self._newest[0],
            sequence=self._newest[1],
            due_ns=first_ns + self._dt_ns * np.arange(len(rows), dtype=np.int64),
            rows=rows if len(rows) else np.zeros((0, self._layout.width)),
            accepting=self._mode is Mode.AUTONOMY,
            resting=resting,
            tracking_error=np.zeros(self._layout.width),
        )

    def view(self, now_ns: int) -> ExecutorView:
        """Return the state."""
        del now_ns
        tracking = self._segment is not None
        return ExecutorView(
            mode=self._mode,
            state=STATES[0] if tracking else STATES[2],
            reason='' if tracking else 'no row is waiting',
            starvations=self._counts['starvations'],
            seam_position_step_rad=self._seam[0],
            seam_velocity_step_rad_s=self._seam[1],
        )

    def take_splice(self) -> SpliceRecord | None:
        """Return how the newest chunk joined, once."""
        splice, self._splice = self._splice, None
        return splice

    def counters(self, now_ns: int) -> tuple[CounterValue, ...]:
        """Return the counters there are."""
        del now_ns
        names = (
            'chunks_received',
            'chunks_accepted',
            'chunks_rejected',
            'ticks',
            'ticks_not_ready',
            'ticks_failed',
            'commands_published',
            'starvations',
        )
        return tuple(
            CounterValue(owner='executor', name=name, value=self._counts[name]) for name in names
        )

    # Control steps

    def _seed(self) -> bool:
        if any(arm not in self._measured for arm in self._layout.arms):
            return False
        position = np.concatenate([self._measured[arm] for arm in self._layout.arms])
        self._last_stage.seed(position)
        self._commanded = (position, np.zeros_like(position), np.zeros_like(position))
        self._seeded = True
        return True

    def _target(self, now_ns: int) -> tuple[FloatArray, FloatArray] | None:
        """Return where to be at `now_ns` and how fast [D], None while no row is there."""
        while now_ns >= self._next_step_ns:
            if not self._take_step(now_ns):
                break
        return None if self._segment is None else _sampled(self._segment, now_ns, self._dt_ns)

    def _take_step(self, now_ns: int) -> bool:
        """Let the next row go out; without one the control step waits for it."""
        before = self._segment
        row = self._queue.pop()
        if row is None:
            if not self._dry:
                self._counts['starvations'] += 1
                self._dry = True
                self._revision += 1
            # The robot stays where it was sent last.
            if before is not None:
                still = np.zeros(self._layout.width)
                self._segment = _Segment(
                    start_ns=now_ns,
                    start=before.end,
                    end=before.end,
                    start_velocity=still,
                    end_velocity=still,
                )
            return False
        start_ns = now_ns if self._dry else self._next_step_ns
        self._revision += self._dry
        self._dry = False
        self._next_step_ns = start_ns + self._dt_ns
        self._steps_taken.append((start_ns, self._queue.steps))
        waiting = self._queue.waiting
        following = waiting[0] if len(waiting) else row
        dt_s = ns_to_seconds(self._dt_ns)
        previous = row if before is None else before.start
        self._segment = _Segment(
            start_ns=start_ns,
            start=row,
            end=following,
            start_velocity=(following - previous) / (2.0 * dt_s),
            end_velocity=(waiting[1] - row) / (2.0 * dt_s)
            if len(waiting) > 1
            else np.zeros(self._layout.width),
        )
        return True

    def _steps_at(self, time_ns: int) -> int:
        """Return how many steps were executed at `time_ns`."""
        taken = [steps for stamp_ns, steps in self._steps_taken if stamp_ns <= time_ns]
        return taken[-1] if taken else 0

    # Seams

    def _due_next(self) -> FloatArray:
        """Return the next two rows [n, D] that would go out."""
        waiting = self._queue.waiting[:3]
        if len(waiting) or self._segment is None:
            return waiting
        return self._segment.end[None, :]

    def _note_splice(
        self, stamp_ns: int, now_ns: int, before: FloatArray, after: FloatArray
    ) -> None:
        """Record the step between what would have gone out next and what goes out now."""
        effect_ns = max(self._next_step_ns, now_ns)
        steps = [0.0, 0.0, 0.0]
        if len(before) and len(after):
            dt_s = ns_to_seconds(self._dt_ns)
            for order in range(3):
                # A robot that stays has neither velocity nor acceleration.
                old = _difference(before[:, self._joints], order)
                new = _difference(after[:, self._joints], order)
                steps[order] = float(np.abs(new - old).max()) / dt_s**order
        self._seam = (steps[0], steps[1])
        self._splice = SpliceRecord(
            stamp_ns=stamp_ns,
            splice_ns=now_ns,
            effect_ns=effect_ns,
            position_step_rad=steps[0],
            velocity_step_rad_s=steps[1],
            acceleration_step_rad_s2=steps[2],
            bridged_position_step_rad=steps[0],
            bridged_velocity_step_rad_s=steps[1],
            bridged_acceleration_step_rad_s2=steps[2],
        )


def _difference(rows: FloatArray, order: int) -> FloatArray:
    """Return the difference of that order at the first of `rows` [n, D], 0 if too few."""
    if len(rows) <= order:
        return np.zeros(rows.shape[1])
    difference: FloatArray = np.diff(rows[: order + 1], n=order, axis=0)[0]
    return difference


def _sampled(segment: _Segment, now_ns: int, dt_ns: int) -> tuple[FloatArray, FloatArray]:
    """Return position and velocity [D] of the cubic Hermite segment; its end holds."""
    s = (now_ns - segment.start_ns) / dt_ns
    if s >= 1.0:
        return segment.end, np.zeros_like(segment.end)
    h = ns_to_seconds(dt_ns)
    p, q, v, w = segment.start, segment.end, segment.start_velocity * h, segment.end_velocity * h
    bend, twist = 3.0 * (q - p) - 2.0 * v - w, 2.0 * (p - q) + v + w
    position = p + s * (v + s * (bend + s * twist))
    velocity = (v + s * (2.0 * bend + 3.0 * s * twist)) / h
    return position, velocity
