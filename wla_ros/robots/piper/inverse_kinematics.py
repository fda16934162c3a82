# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Poses to joint angles in closed form: every branch of the Piper's spherical-wrist geometry.

The wrist axes 4, 5, 6 meet in one point and axis 2 meets axis 1, so a pose has up to 2 shoulder x
2 elbow x 2 wrist solutions. Plain floats, no arrays: one call with eight branches costs about 50
us. Knows no limits and prefers no branch; `kinematics.PiperKinematics` selects.
"""

import math
from collections.abc import Iterator

from wla_ros.base.types import FloatArray
from wla_ros.robots.piper.forward_kinematics import DH_TABLES
from wla_ros.robots.piper.forward_kinematics import ZeroConvention

Joints = tuple[float, float, float, float, float, float]

# Below these the direction of an axis is rounding noise, and the seed decides instead.
SHOULDER_SINGULARITY_M = 1e-9  # distance of the wrist centre from axis 1
WRIST_SINGULARITY_RAD = 1e-9  # sine of joint 5
# Joint 4 turns 100 deg, joint 6 120 deg: this split of their sum leaves both within their bounds.
_SHARE_OF_JOINT_4 = 100.0 / 220.0
# Cosine of the elbow angle beyond 1 by rounding alone; 1e-9 is less than a nanometre of reach.
_ELBOW_ROUNDING = 1e-9

_LINKS = DH_TABLES[ZeroConvention.NEW]  # lengths are the same in both conventions
_D1, _D4, _D6 = _LINKS[0].d_m, _LINKS[3].d_m, _LINKS[5].d_m
_L1 = _LINKS[2].a_m
_L2 = math.hypot(_LINKS[3].a_m, _D4)
_PHI = math.atan2(-_D4, _LINKS[3].a_m)  # from axis 3 to the wrist centre, at theta 3 = 0


def branches(
    pose: FloatArray, seed: Joints, *, zero: ZeroConvention, share_wrist: bool = False
) -> list[Joints]:
    """
    Return all solutions of the flange `pose` [4, 4], none if out of reach.

    Angles are wrapped to (-pi, pi]. The seed only decides what the pose leaves open: joint 1 where
    the wrist centre lies on axis 1, joint 4 where axes 4 and 6 coincide. With `share_wrist` the
    latter get solutions that share the turn between joints 4 and 6 instead, for the case that
    keeping joint 4 of the seed breaks a bound.
    """
    wrist, rotation = _wrist_centre(pose), pose[:3, :3].tolist()
    solutions: list[Joints] = []
    for theta_1 in _shoulder_angles(wrist, seed[0]):
        for theta_2, theta_3 in _elbow_angles(wrist, theta_1):
            r = _rotation_3_6(rotation, theta_1, theta_2 + theta_3)
            if math.hypot(r[0][2], r[2][2]) >= WRIST_SINGULARITY_RAD:
                theta_4 = math.atan2(r[2][2], r[0][2])
                options: tuple[float, ...] = (theta_4, theta_4 + math.pi)
            elif share_wrist:
                options = _shared_turns(r, seed)
            else:
                options = (seed[3],)
            solutions.extend(
                _complete(theta_1, theta_2, theta_3, theta_4, r, zero) for theta_4 in options
            )
    return solutions


def towards(
    pose: FloatArray, seed: Joints, goal: Joints, max_step_rad: float, *, zero: ZeroConvention
) -> list[Joints]:
    """
    Return approximate solutions on the way from the seed to `goal`, an exact solution.

    Joints 1 and 4 turn towards the goal's as far as `max_step_rad` allows, the others do the best
    they can. Close to a singularity the pose error stays small; the caller has to measure it.
    """
    wrist, rotation = _wrist_centre(pose), pose[:3, :3].tolist()
    theta_1 = _limited(seed[0], goal[0], max_step_rad)
    theta_4 = _limited(seed[3], goal[3], max_step_rad)
    return [
        _complete(
            theta_1,
            theta_2,
            theta_3,
            theta_4,
            _rotation_3_6(rotation, theta_1, theta_2 + theta_3),
            zero,
        )
        for theta_2, theta_3 in _elbow_angles(wrist, theta_1)
    ]


def wrap(angle_rad: float) -> float:
    """Return the same direction in (-pi, pi]."""
    wrapped = math.remainder(angle_rad, math.tau)
    return wrapped if wrapped > -math.pi else math.pi


def _limited(start: float, goal: float, max_step: float) -> float:
    return start + min(max(goal - start, -max_step), max_step)


def _wrist_centre(pose: FloatArray) -> tuple[float, float, float]:
    """Return where axes 4, 5 and 6 meet [m]."""
    (_, _, zx, px), (_, _, zy, py), (_, _, zz, pz), _ = pose.tolist()
    return px - _D6 * zx, py - _D6 * zy, pz - _D6 * zz


def _shoulder_angles(wrist: tuple[float, float, float], seed_1: float) -> Iterator[float]:
    if math.hypot(wrist[0], wrist[1]) < SHOULDER_SINGULARITY_M:
        facing = seed_1
    else:
        facing = math.atan2(wrist[1], wrist[0])
    yield facing
    yield facing + math.pi


def _elbow_angles(
    wrist: tuple[float, float, float], theta_1: float
) -> Iterator[tuple[float, float]]:
    """Yield DH angles 2 and 3 of the planar two-link arm L1, L2; none if out of reach."""
    x = wrist[0] * math.cos(theta_1) + wrist[1] * math.sin(theta_1)
    y = _D1 - wrist[2]
    cosine = (x * x + y * y - _L1 * _L1 - _L2 * _L2) / (2.0 * _L1 * _L2)
    if not abs(cosine) <= 1.0 + _ELBOW_ROUNDING:
        return
    bend = math.acos(min(max(cosine, -1.0), 1.0))
    for elbow in (bend, -bend):
        theta_2 = math.atan2(y, x) - math.atan2(_L2 * math.sin(elbow), _L1 + _L2 * math.cos(elbow))
        yield theta_2, elbow - _PHI


def _rotation_3_6(
    rotation: list[list[float]], theta_1: float, theta_23: float
) -> list[list[float]]:
    """Return R03^T R, with R03 = Rz(theta_1) Rx(-90 deg) Rz(theta_2 + theta_3)."""
    c1, s1 = math.cos(theta_1), math.sin(theta_1)
    c23, s23 = math.cos(theta_23), math.sin(theta_23)
    row_x, row_y, row_z = rotation
    forward = [c1 * x + s1 * y for x, y in zip(row_x, row_y, strict=True)]
    return [
        [c23 * f - s23 * z for f, z in zip(forward, row_z, strict=True)],
        [-s23 * f - c23 * z for f, z in zip(forward, row_z, strict=True)],
        [c1 * y - s1 * x for x, y in zip(row_x, row_y, strict=True)],
    ]


def _shared_turns(r: list[list[float]], seed: Joints) -> tuple[float, ...]:
    """Return joint 4 angles for a wrist singularity, where the sum of joints 4 and 6 is fixed."""
    total = math.atan2(r[2][0], r[2][1])
    other_way = total - math.copysign(math.tau, total)
    return total - seed[5], _SHARE_OF_JOINT_4 * total, _SHARE_OF_JOINT_4 * other_way


def _complete(
    theta_1: float,
    theta_2: float,
    theta_3: float,
    theta_4: float,
    r: list[list[float]],
    zero: ZeroConvention,
) -> Joints:
    """Return joint angles with joints 5 and 6 from Ry(theta_4) R36 = Rz(t5) Rx(90 deg) Rz(t6)."""
    c4, s4 = math.cos(theta_4), math.sin(theta_4)
    theta_5 = math.atan2(c4 * r[0][2] + s4 * r[2][2], -r[1][2])
    theta_6 = math.atan2(c4 * r[2][0] - s4 * r[0][0], c4 * r[2][1] - s4 * r[0][1])
    table = DH_TABLES[zero]
    return (
        wrap(theta_1),
        wrap(theta_2 - table[1].offset_rad),
        wrap(theta_3 - table[2].offset_rad),
        wrap(theta_4),
        wrap(theta_5),
        wrap(theta_6),
    )
