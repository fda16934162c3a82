"""
The door for joint feedback of one arm: units, finiteness and the zeros of a driver without data.

Judges a sample by itself and against an earlier one. Must not know limits of a task, only what no
Piper can ever report.
"""

import math

import numpy as np

from wla_ros.core import refusal_reasons
from wla_ros.core.joint_layout import ARM_COLUMNS
from wla_ros.core.joint_layout import ARM_WIDTH
from wla_ros.core.timing import NS_PER_MS
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.types import FloatArray
from wla_ros.core.types import JointSample
from wla_ros.core.types import Refusal

# The piper_ros driver ignores angles beyond this; degrees in place of radians nearly always exceed
# it.
DEFAULT_MAX_ANGLE_RAD = 3.5
# The firmware limits joints to 3 rad/s; a falling arm is faster, but nothing reaches this.
DEFAULT_MAX_SPEED_RAD_S = 20.0
# Stamps scatter by some milliseconds around 5 ms periods: shorter times say nothing about speed.
_SHORTEST_STEP_NS = 10 * NS_PER_MS
# piper_sdk drops gripper feedback beyond 150 mm; widths slightly below zero are normal for a
# closed gripper.
DEFAULT_MAX_GRIPPER_M = 0.15
_COLUMN_COUNT = len(ARM_COLUMNS)


def judge_joint_sample(
    sample: JointSample, *, max_angle_rad: float, max_gripper_m: float, refuse_all_zero: bool
) -> Refusal | None:
    """
    Return why `sample` cannot be feedback of an arm, or None.

    All zero. A Piper driver publishes exact zeros in every field until the first CAN frames
    arrive, at its start and after a restart in the middle of a run. A real arm at its zero pose
    differs: the encoders resolve 0.001 degree and the motor currents 0.001 A, and an enabled arm
    needs current to hold, so that all 21 numbers (position, velocity, effort of six joints and
    gripper) are exactly 0.0 only by a rare accident of an arm at rest without power. Such an arm
    cannot move either; it is refused, the stream goes stale, and the cure is to enable it.
    `refuse_all_zero` is for fake drivers that have no noise.
    """
    vectors = (sample.position, sample.velocity, sample.effort)
    if any(vector.shape != (ARM_WIDTH,) for vector in vectors):
        return _wrong_width(sample)
    # Seven numbers: lists are faster than arrays here, and a finite sum has finite terms.
    lists = [vector.tolist() for vector in vectors]
    if not all(math.isfinite(sum(values)) for values in lists):
        refusal = _not_finite(sample)
        if refusal is not None:
            return refusal
    *joints, width = lists[0]
    sizes = [abs(angle) for angle in joints]
    if not max(sizes) <= max_angle_rad:
        largest = sizes.index(max(sizes))
        return Refusal(
            reason=refusal_reasons.IMPLAUSIBLE,
            detail=f'{sample.arm} joints: {ARM_COLUMNS[largest]} is {joints[largest]:.3f}, '
            f'bound {max_angle_rad} rad; degrees?',
        )
    if not abs(width) <= max_gripper_m:
        return Refusal(
            reason=refusal_reasons.IMPLAUSIBLE,
            detail=f'{sample.arm} joints: gripper is {width:.4f}, bound {max_gripper_m} m; '
            'millimetres?',
        )
    if refuse_all_zero and not any(any(values) for values in lists):
        return Refusal(
            reason=refusal_reasons.ALL_ZERO,
            detail=f'{sample.arm} joints: position, velocity and effort are all exactly 0; '
            f'the driver has no CAN frames',
        )
    return None


def judge_joint_step(
    earlier: JointSample, sample: JointSample, *, max_speed_rad_s: float
) -> Refusal | None:
    """Return why no arm can move from `earlier` to `sample`, or None; stamps that fall pass."""
    elapsed_ns = sample.stamp_ns - earlier.stamp_ns
    if elapsed_ns <= 0:
        return None
    before, after = earlier.position.tolist(), sample.position.tolist()
    steps = [abs(to - start) for start, to in zip(before[:-1], after[:-1], strict=True)]
    step_rad = max(steps)
    if step_rad <= max_speed_rad_s * ns_to_seconds(max(elapsed_ns, _SHORTEST_STEP_NS)):
        return None
    return Refusal(
        reason=refusal_reasons.IMPLAUSIBLE,
        detail=f'{sample.arm} joints: {ARM_COLUMNS[steps.index(step_rad)]} moved by '
        f'{step_rad:.3f} rad in {ns_to_seconds(elapsed_ns):.4f} s, bound {max_speed_rad_s} rad/s',
    )


def _wrong_width(sample: JointSample) -> Refusal:
    wrong = [
        f'{name} {vector.shape}'
        for name, vector in _named(sample).items()
        if vector.shape != (ARM_WIDTH,)
    ]
    return Refusal(
        reason=refusal_reasons.WRONG_WIDTH,
        detail=f'{sample.arm} joints: expected vectors of {_COLUMN_COUNT} numbers, '
        f'got {", ".join(wrong)}',
    )


def _not_finite(sample: JointSample) -> Refusal | None:
    for name, vector in _named(sample).items():
        bad = [ARM_COLUMNS[i] for i in np.flatnonzero(~np.isfinite(vector))]
        if bad:
            return Refusal(
                reason=refusal_reasons.NOT_FINITE,
                detail=f'{sample.arm} joints: {name} of {", ".join(bad)} is not finite',
            )
    return None


def _named(sample: JointSample) -> dict[str, FloatArray]:
    return {'position': sample.position, 'velocity': sample.velocity, 'effort': sample.effort}
