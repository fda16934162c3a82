# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What experts that plan anew at every observation have in common: the plan and its rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base import registry
from wla_ros.base.joints import ARM_WIDTH
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Policy
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Representation
from wla_ros.sim.expert.motion import Motion
from wla_ros.sim.expert.motion import minimum_jerk

# What experts that plan anew at every observation have in common.

HORIZON = 32
DT_NS = 33_333_333
# Rows of the prefix and of the projected state that make sense: a quarter of the horizon is left.
MOST_ROWS = 24


def expert_spec(task: str, layout: JointLayout) -> PolicySpec:
    """
    Return the specification: absolute joints of all arms, and everything that strategies ask for.

    The expert extrapolates the motion of objects to the time of every row, so it also is its own
    forward model.
    """
    return PolicySpec(
        name='expert',
        version=task,
        representation=Representation.JOINT_POSITION,
        columns=layout.columns,
        horizon=HORIZON,
        dt_ns=DT_NS,
        needs_objects=True,
        guided_prefix=True,
        clean_prefix_rows=MOST_ROWS,
        rolled_rows=MOST_ROWS,
        forward_model=True,
    )


def make_expert(task: str, *, where: str = '') -> Policy:
    """
    Return the expert of `task`, which the parameter `where` names.

    Raises ConfigurationError naming the experts there are.
    """
    expert: Policy = registry.load(registry.EXPERTS, task, where=where)()
    return expert


IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A motion of joints and gripper, with the subtask it belongs to."""

    subtask: str
    motion: Motion
    width_start_m: float
    width_end_m: float
    width_duration_s: float = 0.0  # 0: at once, for a width that does not change
    dwell_s: float = 0.0  # at rest after it, until everything has settled

    @property
    def duration_s(self) -> float:
        """Time until the next stage."""
        return max(self.motion.duration_s, self.width_duration_s) + self.dwell_s

    def rows_at(self, elapsed_s: FloatArray) -> FloatArray:
        """Return [n, 7] at times [n] since the start of the stage."""
        rows = np.empty((len(elapsed_s), ARM_WIDTH))
        rows[:, :6] = self.motion.positions_at(elapsed_s)
        course = minimum_jerk(elapsed_s / max(self.width_duration_s, 1e-9))
        rows[:, 6] = self.width_start_m + course * (self.width_end_m - self.width_start_m)
        return rows


class Plan:
    """Stages from `start_ns` on; immutable."""

    def __init__(self, start_ns: int, stages: Sequence[Stage]) -> None:
        """Lay out the stages. Raises ValueError if there is none or they do not join."""
        if not stages:
            raise ValueError('a plan needs at least one stage')
        for before, after in zip(stages, stages[1:], strict=False):
            gap = float(np.max(np.abs(before.motion.end - after.motion.start)))
            if not gap < 1e-6:
                raise ValueError(
                    f'{after.subtask!r} starts {gap:.3g} rad from the end of {before.subtask!r}'
                )
        self._stages = tuple(stages)
        durations_ns = [seconds_to_ns(stage.duration_s) for stage in stages]
        self._starts_ns = start_ns + np.concatenate(([0], np.cumsum(durations_ns)[:-1])).astype(
            np.int64
        )
        self.start_ns = start_ns
        self.end_ns = start_ns + sum(durations_ns)

    def later(self, delay_ns: int) -> 'Plan':
        """Return the same stages begun `delay_ns` later."""
        return Plan(self.start_ns + delay_ns, self._stages)

    @property
    def end_row(self) -> FloatArray:
        """Return the last row [7]."""
        last = self._stages[-1]
        return np.append(last.motion.end, last.width_end_m)

    def rows_at(self, times_ns: IntArray) -> FloatArray:
        """Return [n, 7] at absolute times [n]."""
        times = np.asarray(times_ns, dtype=np.int64)
        owner = self._owner(times)
        rows = np.empty((len(times), ARM_WIDTH))
        for index in np.unique(owner):
            mine = owner == index
            elapsed_s = (times[mine] - self._starts_ns[index]) / NS_PER_S
            rows[mine] = self._stages[index].rows_at(elapsed_s)
        return rows

    def subtask_at(self, time_ns: int) -> str:
        """Return the subtask at `time_ns`; before and after, that of the first and last stage."""
        return self._stages[int(self._owner(np.array([time_ns]))[0])].subtask

    def _owner(self, times_ns: IntArray) -> IntArray:
        return np.clip(
            np.searchsorted(self._starts_ns, times_ns, side='right') - 1, 0, len(self._stages) - 1
        )
