"""
Where the plan of one inference begins: at the arms as observed, or behind the rows that are
executed whatever the policy says.

Times are absolute. Knows no task.

    answer row        0   1   2   3   4   5 ...          due: stamp + (row_offset + i) * dt
    observed          ^ joints of the observation        plan from row 0 on
    prefix of 3       c   c   c   ^                      rows 0 to 2 are copied, plan from row 2 on
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.timing import NS_PER_S
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.sim.expert.quintic import MotionState


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanStart:
    """The state from which to plan, and the rows that are fixed already."""

    row0_ns: int  # when row 0 of the answer is due
    time_ns: int  # of the state
    state: MotionState  # of all D columns; the acceleration is 0 where nothing tells it
    copied: FloatArray  # [k, D] the first rows of the answer
    likely: FloatArray  # [m, D] the rows in execution behind them, which may still change

    @property
    def committed(self) -> int:
        """The number k of rows that are fixed."""
        return len(self.copied)

    def times_ns(self, dt_ns: int, horizon: int) -> NDArray[np.int64]:
        """Return when the rows of the answer are due [horizon]."""
        times: NDArray[np.int64] = self.row0_ns + dt_ns * np.arange(horizon, dtype=np.int64)
        return times


def plan_start(
    observation: Observation, request: PolicyRequest, *, dt_ns: int, horizon: int
) -> PlanStart:
    """
    Return where to plan from.

    Certain rows of `request.prefix` are taken over, and the plan begins at the last of them with
    the speed and acceleration they end with. Without any it begins with the joints of the
    observation, which are those of row 0.
    """
    row0_ns = observation.stamp_ns + request.row_offset * dt_ns
    nothing = np.zeros((0, len(observation.joint_position)))
    prefix = request.prefix
    count = 0 if prefix is None else min(prefix.committed, horizon)
    if prefix is None or not count:
        return PlanStart(
            row0_ns=row0_ns,
            time_ns=row0_ns,
            state=MotionState(
                position=observation.joint_position,
                velocity=observation.joint_velocity,
                acceleration=np.zeros_like(observation.joint_position),
            ),
            copied=nothing,
            likely=nothing if prefix is None else prefix.rows[prefix.weights > 0.0],
        )
    rows = prefix.rows[:count]
    weighted = prefix.rows[: int(np.count_nonzero(prefix.weights > 0.0))]
    return PlanStart(
        row0_ns=row0_ns,
        time_ns=row0_ns + (count - 1) * dt_ns,
        state=_end_state(rows, observation, dt_ns / NS_PER_S),
        copied=rows,
        likely=weighted[count:],
    )


def _end_state(rows: FloatArray, observation: Observation, dt_s: float) -> MotionState:
    """Return the state at the last of `rows` [k, D] from the parabola through the last three."""
    last = rows[-1]
    if len(rows) == 1:
        return MotionState(
            position=last,
            velocity=observation.joint_velocity,
            acceleration=np.zeros_like(last),
        )
    slope = (last - rows[-2]) / dt_s
    if len(rows) == 2:
        return MotionState(position=last, velocity=slope, acceleration=np.zeros_like(last))
    bend = (last - 2.0 * rows[-2] + rows[-3]) / dt_s**2
    return MotionState(position=last, velocity=slope + bend * dt_s / 2.0, acceleration=bend)
