"""The step between two plans at the moment one takes over from the other."""

import numpy as np

from wla_ros.core.joint_layout import ARM_WIDTH
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Representation


def seam_steps(old: ActionChunk | None, new: ActionChunk, switch_ns: int) -> tuple[float, float]:
    """
    Return the largest step in position [rad] and velocity [rad/s] of an arm joint at `switch_ns`.

    Zero where there is nothing to compare: no old chunk, another epoch, end-effector rows, or a
    switch at which one of the plans has no rows.
    """
    if (
        old is None
        or old.epoch != new.epoch
        or new.representation != Representation.JOINT_POSITION
    ):
        return 0.0, 0.0
    before, after = _state(old, switch_ns), _state(new, switch_ns)
    if before is None or after is None:
        return 0.0, 0.0
    joints = [i for i in range(new.rows.shape[1]) if i % ARM_WIDTH != ARM_WIDTH - 1]
    steps = [float(np.abs((b - a)[joints]).max()) for a, b in zip(before, after, strict=True)]
    return steps[0], steps[1]


def _state(chunk: ActionChunk, time_ns: int) -> tuple[FloatArray, FloatArray] | None:
    """
    Return position and velocity of the polygon through the rows at `time_ns`, None outside of
    them.
    """
    place = (time_ns - chunk.stamp_ns) / chunk.dt_ns
    row = int(np.floor(place))
    if row < 0 or row + 1 >= chunk.rows.shape[0]:
        return None
    step = chunk.rows[row + 1] - chunk.rows[row]
    return chunk.rows[row] + (place - row) * step, step / (chunk.dt_ns / 1e9)
