"""
What a driver reports to joint angles [rad] and gripper width [m] of one arm.

A message either yields all six joints, finite and plausible, or a Refusal; nothing is filled in
that the message should carry. Knows no time: stamps, ages and frozen streams belong to `core`.
"""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wla_ros.core.joint_layout import ARM_COLUMNS
from wla_ros.core.joint_layout import ARM_WIDTH
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal
from wla_ros.robots.driver_profile import ArmProfile

# Refusal.reason values.
MALFORMED = 'malformed_feedback'
MISSING_JOINTS = 'missing_joints'
UNEXPECTED_JOINTS = 'unexpected_joints'
NOT_FINITE = 'non_finite_feedback'
IMPLAUSIBLE = 'implausible_feedback'
NO_DATA = 'no_data_yet'

# The piper_ros driver drops feedback beyond this angle; a Piper joint cannot turn that far.
IMPOSSIBLE_ANGLE_RAD = 3.5
# Closed grippers read a little below zero. The SDK drops gripper values beyond 150 mm.
GRIPPER_RANGE_M = (-0.03, 0.15)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedFeedback:
    """Feedback of one arm in the column order of an arm: six joints, gripper width."""

    position: FloatArray  # [7] [rad], [m]; the gripper is not clamped, small negatives are normal
    velocity: FloatArray  # [7] [rad/s], [m/s]; zero where the driver gives none
    effort: FloatArray  # [7] [N m], gripper [N]; zero where the driver gives none


def decode_feedback(
    arm: ArmProfile,
    names: Sequence[str],
    position: Sequence[float],
    velocity: Sequence[float] = (),
    effort: Sequence[float] = (),
) -> DecodedFeedback | Refusal:
    """
    Return the fields of a JointState as feedback of `arm`.

    Names must be those of the profile, in any order: a name that nobody expects says that the
    joints are counted or named in another way. Velocity and effort may be empty, or end before
    the gripper (current piper_ros sends six velocities); both then read zero there. Refusals:
    malformed_feedback, missing_joints, unexpected_joints, non_finite_feedback,
    implausible_feedback, no_data_yet.
    """
    places = _places(arm, names, len(position))
    if isinstance(places, Refusal):
        return places
    if arm.feedback.zeros_mean_no_data and not (any(position) or any(velocity) or any(effort)):
        return Refusal(
            reason=NO_DATA,
            detail=f'{arm.name}: every value is exactly 0; the driver has heard no CAN frame yet',
        )
    rates = velocity if arm.feedback.velocity == 'rad_s' else ()
    torques = effort if arm.feedback.effort == 'newton_metre' else ()
    joints = [places[name] for name in arm.feedback_joint_names]
    for field, values in (('velocity', rates), ('effort', torques)):
        if len(values) and not max(joints) < len(values) <= len(position):
            return Refusal(
                reason=MALFORMED,
                detail=f'{arm.name}: {len(values)} values of {field} for {len(position)} names',
            )
    entries = [places[name] for name in arm.feedback_gripper_names]
    factors = arm.feedback.gripper.factors
    scale = arm.feedback.angle_scale
    columns = {
        'position': _columns(joints, entries, position, scale, factors),
        'velocity': _columns(joints, entries, rates, scale, factors),
        'effort': _columns(joints, entries, torques, 1.0, (1.0,) * len(entries)),
    }
    problem = _problem(arm, columns)
    if problem is not None:
        return problem
    return DecodedFeedback(**{field: np.array(values) for field, values in columns.items()})


def _places(arm: ArmProfile, names: Sequence[str], count: int) -> Mapping[str, int] | Refusal:
    """Return where the entry of each wanted name is."""
    wanted = arm.feedback_joint_names + arm.feedback_gripper_names
    if arm.feedback.mapping == 'index' and not names and count == len(wanted):
        names = wanted
    if len(names) != count:
        return Refusal(
            reason=MALFORMED, detail=f'{arm.name}: {len(names)} names, {count} positions'
        )
    if arm.feedback.mapping == 'index' and tuple(names) != wanted:
        return Refusal(
            reason=MISSING_JOINTS,
            detail=f'{arm.name}: expected exactly {list(wanted)}, got {names}',
        )
    places = {name: i for i, name in enumerate(names)}
    if tuple(names) == wanted:
        return places
    missing = [name for name in wanted if name not in places]
    if missing:
        return Refusal(
            reason=MISSING_JOINTS,
            detail=f'{arm.name}: no {", ".join(missing)} among {list(names) or "no names at all"}',
        )
    others = arm.feedback_other_names
    unexpected = [name for name in names if name not in wanted and name not in others]
    if unexpected:
        return Refusal(
            reason=UNEXPECTED_JOINTS,
            detail=f'{arm.name}: {", ".join(unexpected)} among {list(names)}, expected are '
            f'{list(wanted)}; correct joint_names and gripper of the driver profile, or name it '
            'in feedback.ignored_names if it is no joint of this arm',
        )
    repeated = sorted({name for name in wanted if list(names).count(name) > 1})
    if repeated:
        return Refusal(
            reason=MALFORMED, detail=f'{arm.name}: {", ".join(repeated)} more than once'
        )
    return places


def _columns(
    joints: Sequence[int],
    entries: Sequence[int],
    values: Sequence[float],
    scale: float,
    factors: Sequence[float],
) -> list[float]:
    """Return seven numbers: those at `joints` times `scale`, the mean of `entries` by factor."""
    if not len(values):
        return [0.0] * ARM_WIDTH
    columns = [float(scale * values[place]) for place in joints]
    widths = [
        values[place] / factor
        for place, factor in zip(entries, factors, strict=False)
        if place < len(values)
    ]
    columns.append(float(sum(widths) / len(widths)) if widths else 0.0)
    return columns


def _problem(arm: ArmProfile, columns: Mapping[str, Sequence[float]]) -> Refusal | None:
    for field, values in columns.items():
        # A sum of finite numbers this small is finite: one test in place of seven.
        if math.isfinite(sum(values)):
            continue
        wrong = [
            name
            for name, value in zip(ARM_COLUMNS, values, strict=True)
            if not math.isfinite(value)
        ]
        if wrong:
            return Refusal(
                reason=NOT_FINITE,
                detail=f'{arm.name}: {field} of {", ".join(wrong)} is not finite',
            )
    position = columns['position']
    for name, angle in zip(ARM_COLUMNS[:-1], position, strict=False):
        if not abs(angle) <= IMPOSSIBLE_ANGLE_RAD:
            return Refusal(
                reason=IMPLAUSIBLE,
                detail=f'{arm.name}/{name} reads {angle:g} rad; does the driver give degrees?',
            )
    width = position[-1]
    if not GRIPPER_RANGE_M[0] <= width <= GRIPPER_RANGE_M[1]:
        return Refusal(
            reason=IMPLAUSIBLE,
            detail=f'{arm.name}/gripper reads {width:g} m; check unit and quantity of '
            'feedback.gripper in the driver profile',
        )
    return None
