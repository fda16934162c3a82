# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A demonstration: one episode to learn from, step by step.

The seam between whoever records, simulates or converts episodes and whoever trains on them; knows
neither, no torch and no file. Axis letters: t steps, c joint columns, h rows of a plan, f frames
of a camera, n objects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.memory import SubtaskMemory
from wla_ros.base.memory import sentences
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageArray
from wla_ros.base.types import ImageFrame

# A step that comes later than the last one by this many periods is a hole in the recording, or two
# steps at once: row i of a plan would not belong to step + i.
_MOST_PERIODS = 1.5
_LEAST_PERIODS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CameraFrames:
    """The frames of one camera, each once, and which of them the observation of a step had."""

    stamps_ns: NDArray[np.int64]  # [f] exposures, rising strictly
    pixels: ImageArray  # [f, height, width, 3] RGB
    seen: NDArray[np.int64]  # [t] index of a frame


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtaskSpan:
    """What is done from step `first` up to, not including, step `end`: one sentence."""

    text: str
    first: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectTracks:
    """True poses of the objects of a simulated scene: to judge and to select, never to see."""

    names: tuple[str, ...]  # n
    poses: FloatArray  # [t, n, 7] x y z [m], qx qy qz qw, world frame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demonstration:
    """
    See the module docstring. Steps are `dt_ns` apart, as the rows of a chunk are.

    What was executed may differ from what the expert wanted: perturbations and the mistakes of a
    learner show where to recover from. `plans` says what was wanted at every step; without it what
    was executed is what was wanted. A film without actions has no columns. Raises ValueError
    naming everything that does not fit or is not finite.
    """

    dt_ns: int
    stamps_ns: NDArray[np.int64]  # [t] of the observations
    columns: tuple[str, ...]  # c, as in base.joints
    joints: FloatArray  # [t, c] measured at the stamp, robot units
    velocities: FloatArray  # [t, c] measured at the stamp
    commands: FloatArray  # [t, c] executed at the stamp
    plans: FloatArray | None = None  # [t, h, c] row i is what the expert wants i steps later
    taught: NDArray[np.bool_] | None = None  # [t] steps to imitate; None: all
    cameras: Mapping[str, CameraFrames] = field(default_factory=dict)
    instruction: str = ''
    subtasks: tuple[SubtaskSpan, ...] = ()  # in order, disjoint; steps between them have none
    objects: ObjectTracks | None = None
    task: str = ''
    origin: str = ''  # where it comes from: seed, bag, data set and episode
    succeeded: bool | None = None  # None: nobody judged

    def __post_init__(self) -> None:
        """Check everything."""
        problems = [
            *self._array_problems(),
            *self._time_problems(),
            *(
                problem
                for name, camera in self.cameras.items()
                for problem in self._frame_problems(name, camera)
            ),
            *self._subtask_problems(),
        ]
        if problems:
            name = ' '.join(filter(None, ('demonstration', self.task, self.origin)))
            raise ValueError(f'{name}: ' + '; '.join(problems))

    @property
    def steps(self) -> int:
        """Number t of steps."""
        return len(self.stamps_ns)

    def is_taught(self, step: int) -> bool:
        """Whether what is wanted from `step` on is to be imitated."""
        return bool(self.columns) and (self.taught is None or bool(self.taught[step]))

    def wanted(self, step: int, rows: int) -> FloatArray:
        """Return what is wanted from `step` on, [up to `rows`, c]: fewer where it is not known."""
        if self.plans is not None:
            return self.plans[step, :rows]
        return self.commands[step : step + rows]

    def frame(self, camera: str, step: int) -> ImageFrame:
        """Return what `camera` showed in the observation of `step`."""
        return self._frame(camera, int(self.cameras[camera].seen[step]))

    def frame_near(self, camera: str, instant_ns: int) -> ImageFrame | None:
        """Return the frame nearest to an instant, the older of a tie, at most half a step away."""
        distance = np.abs(self.cameras[camera].stamps_ns - instant_ns)
        index = int(np.argmin(distance))
        return self._frame(camera, index) if 2 * distance[index] <= self.dt_ns else None

    def _frame(self, camera: str, index: int) -> ImageFrame:
        frames = self.cameras[camera]
        stamp_ns = int(frames.stamps_ns[index])
        return ImageFrame(
            stream=camera, stamp_ns=stamp_ns, receive_ns=stamp_ns, pixels=frames.pixels[index]
        )

    def window(self, step: int, rows: int) -> tuple[str, ...]:
        """Return the subtasks of the next `rows` steps, first the one that runs at `step`."""
        return tuple(
            span.text for span in self.subtasks if span.first < step + rows and span.end > step
        )

    def memory(self, step: int | None, rows: int) -> SubtaskMemory:
        """
        Return the memory of a policy that said the true windows of `rows` steps up to `step`.

        None: it has not spoken yet.
        """
        memory = SubtaskMemory().begun(self.instruction, int(self.stamps_ns[0]))
        if step is None:
            return memory
        for span in self.subtasks:
            if span.first <= step:
                memory = memory.predicted(span.text, int(self.stamps_ns[span.first]))
        return memory.predicted(' '.join(self.window(step, rows)), int(self.stamps_ns[step]))

    def _array_problems(self) -> list[str]:
        steps, columns = self.steps, len(self.columns)
        wanted: dict[str, tuple[FloatArray, tuple[int, ...]]] = {
            'joints': (self.joints, (steps, columns)),
            'velocities': (self.velocities, (steps, columns)),
            'commands': (self.commands, (steps, columns)),
        }
        if self.plans is not None:
            rows = self.plans.shape[1] if self.plans.ndim == 3 else 0
            wanted['plans'] = (self.plans, (steps, rows, columns))
        if self.objects is not None:
            wanted['objects'] = (self.objects.poses, (steps, len(self.objects.names), 7))
        problems = []
        for name, (values, shape) in wanted.items():
            if values.shape != shape:
                problems.append(f'{name} are {list(values.shape)}, not {list(shape)}')
            elif not np.isfinite(values).all():
                step = int(np.argwhere(~np.isfinite(values))[0][0])
                problems.append(f'{name} are not finite, first at step {step}')
        if self.taught is not None and (
            self.taught.shape != (steps,) or self.taught.dtype != np.bool_
        ):
            problems.append(f'taught must be {steps} truth values')
        return problems

    def _time_problems(self) -> list[str]:
        if self.stamps_ns.ndim != 1 or not self.steps or self.dt_ns < 1:
            return ['needs a period and at least one step']
        gaps = np.diff(self.stamps_ns) / self.dt_ns
        wrong = np.flatnonzero((gaps > _MOST_PERIODS) | (gaps < _LEAST_PERIODS))
        if not len(wrong):
            return []
        first = int(wrong[0])
        return [
            f'{len(wrong)} steps are not one period after the last, first step {first + 1}: '
            f'{gaps[first]:.2f} periods'
        ]

    def _frame_problems(self, name: str, camera: CameraFrames) -> list[str]:
        frames, stamps = len(camera.stamps_ns), camera.stamps_ns
        pixels = camera.pixels
        problems = []
        if pixels.ndim != 4 or pixels.shape[::3] != (frames, 3) or pixels.dtype != np.uint8:
            problems.append(
                f'{name}: pixels are {pixels.dtype} {list(pixels.shape)}, not uint8 '
                f'[{frames}, height, width, 3]'
            )
        if frames == 0 or not (np.diff(stamps) > 0).all():
            problems.append(f'{name}: stamps must be there and rise')
        if (
            camera.seen.shape != (self.steps,)
            or not ((camera.seen >= 0) & (camera.seen < frames)).all()
        ):
            problems.append(f'{name}: must have been seen at every of {self.steps} steps')
        return problems

    def _subtask_problems(self) -> list[str]:
        problems, end = [], 0
        for span in self.subtasks:
            if not end <= span.first < span.end <= self.steps:
                problems.append(
                    f'subtask {span.text!r} lasts from {span.first} to {span.end}, '
                    f'not within {end} to {self.steps}'
                )
            if sentences(span.text) != (span.text,):
                problems.append(f'subtask {span.text!r} is not one sentence with its end')
            end = max(end, span.end)
        return problems
