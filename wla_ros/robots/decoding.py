# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What a driver reports to joint angles [rad] and gripper width [m] of one arm, and whether it can be
true.
"""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.joints import ARM_WIDTH
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointSample
from wla_ros.base.types import Refusal
from wla_ros.robots.profile import ArmProfile

# Admission of joint feedback of one arm: units, finiteness, the zeros of a driver without data.
#
# Judges a sample by itself and against an earlier one. Must not know limits of a task, only what
# no Piper can ever report.

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
            reason=reasons.IMPLAUSIBLE,
            detail=f'{sample.arm} joints: {ARM_COLUMNS[largest]} is {joints[largest]:.3f}, '
            f'bound {max_angle_rad} rad; degrees?',
        )
    if not abs(width) <= max_gripper_m:
        return Refusal(
            reason=reasons.IMPLAUSIBLE,
            detail=f'{sample.arm} joints: gripper is {width:.4f}, bound {max_gripper_m} m; '
            'millimetres?',
        )
    if refuse_all_zero and not any(any(values) for values in lists):
        return Refusal(
            reason=reasons.ALL_ZERO,
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
        reason=reasons.IMPLAUSIBLE,
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
        reason=reasons.WRONG_WIDTH,
        detail=f'{sample.arm} joints: expected vectors of {_COLUMN_COUNT} numbers, '
        f'got {", ".join(wrong)}',
    )


def _not_finite(sample: JointSample) -> Refusal | None:
    for name, vector in _named(sample).items():
        bad = [ARM_COLUMNS[i] for i in np.flatnonzero(~np.isfinite(vector))]
        if bad:
            return Refusal(
                reason=reasons.NOT_FINITE,
                detail=f'{sample.arm} joints: {name} of {", ".join(bad)} is not finite',
            )
    return None


def _named(sample: JointSample) -> dict[str, FloatArray]:
    return {'position': sample.position, 'velocity': sample.velocity, 'effort': sample.effort}


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


def decode_command(
    arm: ArmProfile, names: Sequence[str], position: Sequence[float]
) -> FloatArray | Refusal:
    """
    Return [7] of a joint command as `encode_command` makes it: joints [rad], gripper width [m].

    Without names the positions are in the order of the profile. Refusals: malformed_feedback,
    non_finite_feedback, implausible_feedback.
    """
    expected = arm.command_names
    if tuple(names or expected) != expected or len(position) != len(expected):
        return Refusal(
            reason=MALFORMED,
            detail=f'{arm.name}: expected {list(expected)}, got {len(position)} positions of '
            f'{list(names) or "no names"}',
        )
    count, encoding = len(arm.command.joint_names), arm.command
    values = _columns(
        range(count),
        range(count, len(expected)),
        position,
        1.0 / encoding.angle_scale,
        encoding.gripper.factors,
    )
    return _problem(arm, {'position': values}) or np.array(values)


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


# Does live joint feedback look like a Piper in radians and metres?
#
# Pure judgement over a few seconds of decoded feedback; used by `wla_ros doctor`. It names the
# unit mistake that would explain what it sees. Bounds: mechanical range of the Piper with a
# generous margin (SDK soft limits), and the 3.5 rad at which the piper_ros driver itself drops a
# message.

# AgileX grippers open 70 to 100 mm; anything wider than this is not metres.
WIDEST_GRIPPER_M = 0.12
# Feedback slightly below zero is normal for a closed gripper.
NARROWEST_GRIPPER_M = -0.01
# Stamps of healthy feedback on one host differ from the ROS clock by far less.
CLOCK_OFFSET_LIMIT_NS = NS_PER_S // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong or doubtful, and what to do."""

    severe: bool
    what: str
    remedy: str


def judge_feedback(
    position: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[Finding, ...]:
    """
    Return what is implausible in `position` [n, 7] (six joints [rad], gripper [m]) given limits
    [7].

    An empty recording, non-finite values, degrees instead of radians, millimetres or per cent
    instead of metres, the all-zero output of a driver without CAN frames and joints outside their
    limits are told apart.
    """
    if position.size == 0:
        return (
            Finding(
                severe=True,
                what='no feedback',
                remedy='is the driver running and the arm powered?',
            ),
        )
    if not np.isfinite(position).all():
        column = ARM_COLUMNS[int(np.argwhere(~np.isfinite(position))[0][1])]
        return (Finding(severe=True, what=f'{column} is not finite', remedy='restart the driver'),)
    findings = []
    if not position.any():
        findings.append(
            Finding(
                severe=True,
                what='every joint reads exactly 0',
                remedy='no CAN frames yet: check power, CAN interface and bit rate (1 Mbit/s)',
            )
        )
    angles, widths = position[:, :6], position[:, 6]
    findings += _judge_angles(angles, lower[:6], upper[:6])
    findings += _judge_gripper(widths, float(upper[6]))
    return tuple(findings)


def _judge_angles(angles: FloatArray, lower: FloatArray, upper: FloatArray) -> list[Finding]:
    largest = float(np.abs(angles).max())
    if largest > IMPOSSIBLE_ANGLE_RAD:
        unit = 'thousandths of a degree' if largest > 360.0 else 'degrees'
        return [
            Finding(
                severe=True,
                what=f'a joint reads {largest:.1f}, which no Piper joint reaches in radians',
                remedy=f'the driver seems to publish {unit}: choose the right driver profile',
            )
        ]
    findings = []
    for column, values, low, high in zip(ARM_COLUMNS, angles.T, lower, upper, strict=False):
        if values.min() < low or values.max() > high:
            findings.append(
                Finding(
                    severe=False,
                    what=f'{column} reads {values.min():.3f} .. {values.max():.3f} rad, '
                    f'its limits are {low:.3f} .. {high:.3f}',
                    remedy='check the zero position and the firmware zero convention (arm_zero)',
                )
            )
    return findings


def _judge_gripper(widths: FloatArray, stroke_m: float) -> list[Finding]:
    low, high = float(widths.min()), float(widths.max())
    if high > WIDEST_GRIPPER_M:
        unit = 'millimetres' if high > 1.0 else 'a normalised opening'
        return [
            Finding(
                severe=True,
                what=f'the gripper reads {high:.3f}, which is no width in metres',
                remedy=f'the driver seems to publish {unit}: see `gripper` in the driver profile',
            )
        ]
    if low < NARROWEST_GRIPPER_M:
        return [
            Finding(
                severe=False,
                what=f'the gripper reads {low:.4f} m',
                remedy='zero the gripper (closed, then set zero)',
            )
        ]
    if high > stroke_m + 0.005:
        return [
            Finding(
                severe=False,
                what=f'the gripper reads {high:.4f} m, beyond its stroke of {stroke_m:.3f} m',
                remedy='set gripper_max_m to the stroke of this gripper',
            )
        ]
    return []
