# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Kinematics of one mounted Piper: where its tool is, and joint angles that follow a pose.

Selects among the closed-form branches by limits, seed and step. Never returns a jump: what cannot
be followed is a Refusal. Knows no time; a step is whatever the caller allows between two of its
rows.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from wla_ros.base.geometry import as_matrix
from wla_ros.base.geometry import invert
from wla_ros.base.geometry import rotation_angle
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.robots.piper import forward_kinematics
from wla_ros.robots.piper import inverse_kinematics
from wla_ros.robots.piper.forward_kinematics import JOINT_COUNT
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.piper.inverse_kinematics import Joints
from wla_ros.robots.piper.limits import DEFAULT_MARGIN_RAD
from wla_ros.robots.piper.limits import joint_bounds

# Refusal.reason values.
INVALID_POSE = 'invalid_pose'  # wrong shape, not finite, not a rotation
INVALID_SEED = 'invalid_seed'
UNREACHABLE = 'unreachable'  # out of reach whatever the limits
JOINT_LIMIT = 'joint_limit'  # in reach, but every solution breaks a joint bound
STEP_CAP = 'step_cap'  # in limits, but further from the seed than one step may go

# A column of a rotation may be this far from unit length or orthogonality: float32 leaves 1e-7.
_ROTATION_TOLERANCE = 1e-4
# Angles this far outside are on the bound; they are returned on it.
_BOUND_TOLERANCE_RAD = 1e-9

# Joint 6 turns against joint 4 and with the pose, so that a full step of joint 4 can be too much
# for it.
_STEP_PARTS = (1.0, 0.75, 0.5, 0.25, 0.0)

# Moving the shoulder sweeps the whole arm, moving the wrist only the tool: prefer the latter.
DEFAULT_WEIGHTS = (1.0, 1.0, 1.0, 0.5, 0.5, 0.25)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointPath:
    """Joint rows of a pose path, up to the first row that cannot be followed."""

    joints: FloatArray  # [k, 6] [rad], k = n if complete
    failed_row: int | None = None  # index of the first row without solution, equals k
    refusal: Refusal | None = None  # why

    @property
    def complete(self) -> bool:
        """Whether every row has a solution."""
        return self.refusal is None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PiperKinematics:
    """
    One arm: zero convention, tool, bounds, mounting.

    Poses are of the tool point (the flange if `tool_offset_m` is 0) in the frame in which `base`
    is given, base_link by default; as [4, 4] or pose7. Limits are the SDK's less `margin_rad`.
    """

    zero: ZeroConvention = ZeroConvention.NEW
    tool_offset_m: float = 0.0
    margin_rad: float = DEFAULT_MARGIN_RAD
    base: FloatArray = field(default_factory=lambda: np.eye(4))  # [4, 4] pose of base_link
    weights: tuple[float, ...] = DEFAULT_WEIGHTS
    _lower: tuple[float, ...] = field(init=False, repr=False)
    _upper: tuple[float, ...] = field(init=False, repr=False)
    _base_inverse: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Precompute bounds and the inverse mounting. Raises ValueError for impossible values."""
        if not math.isfinite(self.tool_offset_m):
            raise ValueError(f'tool_offset_m must be finite, got {self.tool_offset_m!r}')
        if len(self.weights) != JOINT_COUNT or not all(weight > 0 for weight in self.weights):
            raise ValueError(
                f'weights must be {JOINT_COUNT} positive numbers, got {self.weights!r}'
            )
        base = np.array(as_matrix(self.base))
        problem = _pose_problem(base)
        if problem:
            raise ValueError(f'base: {problem}')
        lower, upper = joint_bounds(self.margin_rad)
        object.__setattr__(self, 'base', base)
        object.__setattr__(self, '_base_inverse', invert(base))
        object.__setattr__(self, '_lower', lower)
        object.__setattr__(self, '_upper', upper)

    def pose(self, joints: ArrayLike) -> FloatArray:
        """Return the tool pose [..., 4, 4] for joints [..., 6] [rad]."""
        local = forward_kinematics.flange_pose(
            joints, zero=self.zero, tool_offset_m=self.tool_offset_m
        )
        return self.base @ local

    def link_frames(self, joints: ArrayLike) -> FloatArray:
        """Return the frames [..., 7, 4, 4] of base_link and links 1 to 6."""
        return self.base @ forward_kinematics.link_frames(joints, zero=self.zero)

    def jacobian(self, joints: ArrayLike) -> FloatArray:
        """Return the geometric Jacobian [..., 6, 6] of the tool point in the frame of `base`."""
        local = forward_kinematics.jacobian(
            joints, zero=self.zero, tool_offset_m=self.tool_offset_m
        )
        rotation = np.zeros((6, 6))
        rotation[:3, :3] = rotation[3:, 3:] = self.base[:3, :3]
        return rotation @ local

    def solutions(self, pose: ArrayLike, *, seed: ArrayLike | None = None) -> FloatArray:
        """
        Return all solutions within the limits [n, 6], nearest to the seed (default: zeros) first.

        n is 0 if there is none. Raises ValueError for an invalid pose or seed.
        """
        flange = self._flange(pose)
        if isinstance(flange, Refusal):
            raise ValueError(flange.detail)
        start = _seed(np.zeros(JOINT_COUNT) if seed is None else seed)
        if isinstance(start, Refusal):
            raise ValueError(start.detail)
        found = self._allowed(flange, start)
        found.sort(key=lambda joints: self._distance(joints, start))
        return np.array(found, dtype=np.float64).reshape(-1, JOINT_COUNT)

    def solve(self, pose: ArrayLike, seed: ArrayLike) -> FloatArray | Refusal:
        """Return the solution [6] nearest to `seed` [6] however far, or why there is none."""
        return self.solve_step(pose, seed, max_step_rad=math.inf)

    def solve_step(
        self,
        pose: ArrayLike,
        seed: ArrayLike,
        *,
        max_step_rad: float,
        position_tolerance_m: float = 0.0,
        rotation_tolerance_rad: float = 0.0,
    ) -> FloatArray | Refusal:
        """
        Return the nearest solution [6] with no joint more than `max_step_rad` from the seed.

        With tolerances above 0, a pose that only the swing of a singular axis keeps out of the
        step is approximated: joints 1 and 4 turn as far as the step allows and the pose may miss
        by up to the tolerances. The step itself holds always. Refusals: invalid_pose,
        invalid_seed, unreachable, joint_limit, step_cap.
        """
        flange = self._flange(pose)
        if isinstance(flange, Refusal):
            return flange
        start = _seed(seed)
        if isinstance(start, Refusal):
            return start
        allowed = self._allowed(flange, start)
        best = self._nearest(allowed, start, max_step_rad)
        if best is None and (position_tolerance_m > 0.0 or rotation_tolerance_rad > 0.0):
            tolerances = (position_tolerance_m, rotation_tolerance_rad)
            best = self._approximate(flange, start, allowed, max_step_rad, tolerances)
        if best is not None:
            return np.array(best, dtype=np.float64)
        if not allowed:
            return self._out_of_limits(flange, start)
        closest = min(allowed, key=lambda joints: _largest_step(joints, start))
        step = [q - s for q, s in zip(closest, start, strict=True)]
        worst = max(range(JOINT_COUNT), key=lambda i: abs(step[i]))
        return Refusal(
            reason=STEP_CAP,
            detail=f'joint{worst + 1} would have to move {step[worst]:+.4f} rad in one step, '
            f'at most {max_step_rad:.4f} rad is allowed',
        )

    def solve_path(
        self,
        poses: ArrayLike,
        seed: ArrayLike,
        *,
        max_step_rad: float,
        first_step_rad: float | None = None,
        position_tolerance_m: float = 0.0,
        rotation_tolerance_rad: float = 0.0,
    ) -> JointPath:
        """
        Return joint rows for pose rows ([n, 4, 4] or [n, 7]), each seeded with the row before.

        The first row is seeded with `seed` [6] and may be `first_step_rad` away from it (default:
        as the others). Stops at the first row that cannot be followed.
        """
        rows = np.asarray(poses, dtype=np.float64)
        joints: list[FloatArray] = []
        previous, cap = seed, max_step_rad if first_step_rad is None else first_step_rad
        for i, row in enumerate(rows):
            solved = self.solve_step(
                row,
                previous,
                max_step_rad=cap,
                position_tolerance_m=position_tolerance_m,
                rotation_tolerance_rad=rotation_tolerance_rad,
            )
            if isinstance(solved, Refusal):
                refusal = Refusal(reason=solved.reason, detail=f'row {i}: {solved.detail}')
                return JointPath(joints=_rows(joints), failed_row=i, refusal=refusal)
            joints.append(solved)
            previous, cap = solved, max_step_rad
        return JointPath(joints=_rows(joints))

    def _flange(self, pose: ArrayLike) -> FloatArray | Refusal:
        """Return the flange pose [4, 4] in base_link of a tool pose, or what is wrong."""
        try:
            matrix = as_matrix(pose)
        except ValueError as error:
            return Refusal(reason=INVALID_POSE, detail=str(error))
        problem = _pose_problem(matrix)
        if problem:
            return Refusal(reason=INVALID_POSE, detail=problem)
        flange: FloatArray = self._base_inverse @ matrix
        flange[:3, 3] -= self.tool_offset_m * flange[:3, 2]
        return flange

    def _allowed(self, flange: FloatArray, seed: Joints) -> list[Joints]:
        """Return the solutions within the limits; at a wrist singularity any there may be."""
        allowed = self._within_limits(inverse_kinematics.branches(flange, seed, zero=self.zero))
        return allowed or self._within_limits(
            inverse_kinematics.branches(flange, seed, zero=self.zero, share_wrist=True)
        )

    def _within_limits(self, candidates: Sequence[Joints]) -> list[Joints]:
        kept: list[Joints] = []
        for joints in candidates:
            bounded = tuple(
                min(max(q, low), high)
                for q, low, high in zip(joints, self._lower, self._upper, strict=True)
            )
            if _largest_step(bounded, joints) <= _BOUND_TOLERANCE_RAD:
                kept.append(cast('Joints', bounded))
        return kept

    def _nearest(
        self, candidates: Sequence[Joints], seed: Joints, max_step_rad: float
    ) -> Joints | None:
        near = [joints for joints in candidates if _largest_step(joints, seed) <= max_step_rad]
        return min(near, key=lambda joints: self._distance(joints, seed), default=None)

    def _approximate(
        self,
        flange: FloatArray,
        seed: Joints,
        goals: Sequence[Joints],
        max_step_rad: float,
        tolerances: tuple[float, float],
    ) -> Joints | None:
        """Return one step towards the nearest of `goals`, the pose within `tolerances`."""
        nearest_first = sorted(goals, key=lambda joints: self._distance(joints, seed))
        for goal, part in itertools.product(nearest_first, _STEP_PARTS):
            rough = inverse_kinematics.towards(
                flange, seed, goal, part * max_step_rad, zero=self.zero
            )
            best = self._nearest(self._within_limits(rough), seed, max_step_rad)
            if best is None:
                continue
            reached = forward_kinematics.flange_pose(best, zero=self.zero)
            offset_m = np.linalg.norm(reached[:3, 3] - flange[:3, 3])
            if offset_m <= tolerances[0] and rotation_angle(reached, flange) <= tolerances[1]:
                return best
        return None

    def _distance(self, joints: Joints, seed: Joints) -> float:
        return sum(
            weight * (q - s) ** 2 for weight, q, s in zip(self.weights, joints, seed, strict=True)
        )

    def _out_of_limits(self, flange: FloatArray, seed: Joints) -> Refusal:
        """Return the refusal that names the joints which the nearest solution would overrun."""
        candidates = inverse_kinematics.branches(flange, seed, zero=self.zero)
        if not candidates:
            return _unreachable(flange)
        nearest = min(candidates, key=lambda joints: self._distance(joints, seed))
        broken = [
            f'joint{i + 1} = {q:.4f} rad lies outside [{low:.4f}, {high:.4f}]'
            for i, (q, low, high) in enumerate(zip(nearest, self._lower, self._upper, strict=True))
            if not low <= q <= high
        ]
        return Refusal(
            reason=JOINT_LIMIT,
            detail=f'all {len(candidates)} solutions break a bound; nearest: ' + ', '.join(broken),
        )


def _largest_step(joints: Sequence[float], seed: Sequence[float]) -> float:
    return max(abs(q - s) for q, s in zip(joints, seed, strict=True))


def _rows(joints: Sequence[FloatArray]) -> FloatArray:
    return np.array(joints, dtype=np.float64).reshape(-1, JOINT_COUNT)


def _seed(seed: ArrayLike) -> Joints | Refusal:
    values = np.asarray(seed, dtype=np.float64)
    if values.shape != (JOINT_COUNT,) or not np.all(np.isfinite(values)):
        return Refusal(
            reason=INVALID_SEED,
            detail=f'the seed must be six finite angles, got {values.tolist()}',
        )
    return tuple(values.tolist())


def _pose_problem(pose: FloatArray) -> str:
    """Return what is wrong with a transform [4, 4], or ''."""
    if pose.shape != (4, 4):
        return f'one pose is [4, 4] or [7], got shape {pose.shape}'
    if not np.all(np.isfinite(pose)):
        return f'the pose is not finite: {pose.tolist()}'
    rotation = pose[:3, :3]
    error = float(np.max(np.abs(rotation @ rotation.T - np.eye(3))))
    if not error <= _ROTATION_TOLERANCE or not np.linalg.det(rotation) > 0.0:
        return f'the rotation is not orthonormal and right-handed (error {error:.2g})'
    return ''


def _unreachable(flange: FloatArray) -> Refusal:
    position = ', '.join(f'{value:.4f}' for value in flange[:3, 3])
    return Refusal(
        reason=UNREACHABLE,
        detail=f'flange at ({position}) m in base_link: out of the reach of the links',
    )
