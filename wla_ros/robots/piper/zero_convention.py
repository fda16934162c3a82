"""
The two joint zeros of the Piper: firmware S-V1.6-3 moved those of joints 2 and 3.

A pose reached with angles of one convention is reached with q2_old = q2_new + 2 deg and q3_old =
q3_new - 2 deg in the other (piper_sdk, `dh_is_offset`). A wrong convention puts the flange 10 mm
off.
"""

import enum
import math

import numpy as np
from numpy.typing import ArrayLike

from wla_ros.core.types import FloatArray

_TWO_DEGREES = math.radians(2.0)


class ZeroConvention(enum.Enum):
    """Which firmware an arm runs, as far as its joint zeros go."""

    NEW = 'new'  # firmware S-V1.6-3 and later
    OLD = 'old'  # earlier firmware, and the MuJoCo menagerie model


def convert_zero(
    joints: ArrayLike, *, source: ZeroConvention, target: ZeroConvention
) -> FloatArray:
    """
    Return `joints` [..., 6 or 7] of convention `source` in convention `target`.

    Always a new array; a seventh column (gripper) is kept.
    """
    converted = np.array(joints, dtype=np.float64)
    if source is not target:
        sign = 1.0 if target is ZeroConvention.OLD else -1.0
        converted[..., 1] += sign * _TWO_DEGREES
        converted[..., 2] -= sign * _TWO_DEGREES
    return converted
