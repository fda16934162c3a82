# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Demonstrations to learn from: what was seen, what was executed, what the expert wanted, step by
step.

The seam between whoever records or simulates them and whoever trains a policy; knows neither.
Axis letters: e episodes, t steps, h rows of a plan, c columns, n objects.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demonstrations:
    """
    Episodes of the same grid of time, padded to the longest.

    What was executed may differ from what the expert wanted: perturbations show it where to
    recover from. Its plan at a step starts from the state at that step.
    """

    dt_ns: int
    columns: tuple[str, ...]  # c, as in base.joints
    objects: tuple[str, ...]  # n
    lengths: NDArray[np.int64]  # [e] steps that are valid
    joints: FloatArray  # [e, t, c] measured at the step
    velocities: FloatArray  # [e, t, c] measured at the step
    commands: FloatArray  # [e, t, c] executed at the step
    plans: FloatArray  # [e, t, h, c] row i is what the expert wants i steps later
    positions: FloatArray  # [e, t, n, 3] of the objects [m], world frame

    def __post_init__(self) -> None:
        """Raise ValueError naming every array that does not fit the others or is not finite."""
        episodes, steps = self.joints.shape[:2]
        columns, objects = len(self.columns), len(self.objects)
        shapes = {
            'joints': (episodes, steps, columns),
            'velocities': (episodes, steps, columns),
            'commands': (episodes, steps, columns),
            'plans': (episodes, steps, self.horizon, columns),
            'positions': (episodes, steps, objects, 3),
        }
        problems = []
        for name, shape in shapes.items():
            values = getattr(self, name)
            if values.shape != shape:
                problems.append(f'{name} is {values.shape}, not {shape}')
            elif not np.all(np.isfinite(values)):
                problems.append(f'{name} is not finite')
        if self.lengths.shape != (episodes,) or not np.all(
            (self.lengths >= 1) & (self.lengths <= steps)
        ):
            problems.append(f'lengths must be {episodes} numbers from 1 to {steps}')
        if problems:
            raise ValueError('demonstrations: ' + '; '.join(problems))

    @property
    def horizon(self) -> int:
        """Number h of rows of a plan."""
        return int(self.plans.shape[2])
