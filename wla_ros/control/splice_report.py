"""What a splice did: the fields of Splice.msg."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.control.curve_sample import CurveSample


@dataclass(frozen=True, slots=True, kw_only=True)
class SpliceReport:
    """
    How one chunk joined the plan.

    Steps are the largest over the arm joints, each column at the time it changes over. A chunk
    that follows on nothing has stepped from the command in force.
    """

    stamp_ns: int  # when the chunk was spliced, executor's clock
    strategy: str
    epoch: int
    sequence: int
    delay_s: float  # from the observation to the splice, the least action latency included
    rows_late: int  # rows of the chunk due before the splice
    rows_kept: int  # rows of the old plan executed before the first new one
    # From the old plan to the new one
    position_step_rad: float
    velocity_step_rad_s: float
    acceleration_step_rad_s2: float
    bridge_s: float  # longest bridge of a column, 0: no step
    # The same of the curve that is executed, bridge included
    bridged_position_step_rad: float
    bridged_velocity_step_rad_s: float
    bridged_acceleration_step_rad_s2: float
    followed: bool  # there was a plan before
    steep: bool  # no bridge within the bound kept the configured shares of the limits
    short: bool  # the committed rows ended before the chunk was here


@dataclass(frozen=True, slots=True, kw_only=True)
class SpliceSteps:
    """Steps from one curve to another at the same time, largest over some joints."""

    position_rad: float = 0.0
    velocity_rad_s: float = 0.0
    acceleration_rad_s2: float = 0.0


def steps_between(
    before: CurveSample, after: CurveSample, joints: NDArray[np.intp]
) -> SpliceSteps | None:
    """Return the steps over `joints` that both samples cover, None if there is none."""
    covered = joints[~(before.outside | after.outside)[joints]]
    if not len(covered):
        return None
    step = np.abs(after.values - before.values)[:, covered].max(axis=1)
    return SpliceSteps(
        position_rad=float(step[0]),
        velocity_rad_s=float(step[1]),
        acceleration_rad_s2=float(step[2]),
    )
