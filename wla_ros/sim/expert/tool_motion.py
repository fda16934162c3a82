"""
Motion of one arm's tool: where the tool centre point is, and straight lines of it as joint
motions.

The tool always stays in the vertical plane through the arm's first axis and leans out of the
vertical by a tilt, which a Piper can do anywhere in its workspace; straight down it cannot (joint
5 ends at 70 deg).
"""

import math

import numpy as np

from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.motion import PEAK_SPEED
from wla_ros.sim.expert.motion import Motion
from wla_ros.sim.expert.motion import timed

TILT_RAD = math.radians(30.0)
_LINE_ROWS = 33
_LARGEST_STEP_RAD = 0.5  # between rows of a line; more is a change of branch


class CannotProceedError(Exception):
    """There is nothing the arm can do: out of reach, or pointless; says why."""


class ArmTool:
    """The tool of `arm`; positions are in the world frame."""

    def __init__(self, arm: str) -> None:
        """Place the arm's kinematics at its base."""
        self._base = np.array(settings.ARM_BASES[arm])
        base = np.eye(4)
        base[:3, 3] = self._base
        self._kinematics = PiperKinematics(tool_offset_m=settings.TCP_OFFSET_M, base=base)

    def pose(self, joints: FloatArray) -> FloatArray:
        """Return the tool pose [4, 4] at `joints` [6]."""
        return self._kinematics.pose(joints)

    def radius_m(self, point: FloatArray) -> float:
        """Return the horizontal distance [m] of `point` from the arm's first axis."""
        return float(np.hypot(*(point[:2] - self._base[:2])))

    def leaning(self, point: FloatArray, *, tilt_rad: float = TILT_RAD) -> FloatArray:
        """
        Return the pose [4, 4] with the tool at `point` [3], approaching outward and down by
        `tilt_rad`.
        """
        azimuth = math.atan2(point[1] - self._base[1], point[0] - self._base[0])
        c, s = math.cos(azimuth), math.sin(azimuth)
        approach = np.array([c * math.sin(tilt_rad), s * math.sin(tilt_rad), -math.cos(tilt_rad)])
        sideways = np.array([-s, c, 0.0])
        pose = np.eye(4)
        pose[:3, 0] = np.cross(sideways, approach)
        pose[:3, 1] = sideways
        pose[:3, 2] = approach
        pose[:3, 3] = point
        return pose

    def backed_off(self, point: FloatArray, distance_m: float) -> FloatArray:
        """Return the point [3] from which the tool approaches `point` over `distance_m`."""
        back: FloatArray = point - distance_m * self.leaning(point)[:3, 2]
        return back

    def joints_at(self, point: FloatArray, seed: FloatArray) -> FloatArray:
        """Return joints [6] near `seed` with the tool at `point`. Raises CannotProceedError."""
        solved = self._kinematics.solve(self.leaning(point), seed)
        if isinstance(solved, Refusal):
            raise CannotProceedError(_describe(point, solved))
        return solved

    def line(self, start: FloatArray, goal: FloatArray, *, speed_m_s: float) -> Motion:
        """
        Return the motion of the tool from `start` [6] straight to the point `goal` [3].

        `speed_m_s` is the peak speed. The start's own lean is kept at first and turned into the
        usual one. Raises CannotProceedError.
        """
        first = self.pose(start)
        origin = first[:3, 3]
        tilt = math.acos(min(1.0, max(-1.0, -float(first[2, 2]))))
        rows = [start]
        for fraction in np.linspace(0.0, 1.0, _LINE_ROWS)[1:]:
            point = origin + fraction * (goal - origin)
            pose = self.leaning(point, tilt_rad=tilt + fraction * (TILT_RAD - tilt))
            solved = self._kinematics.solve_step(pose, rows[-1], max_step_rad=_LARGEST_STEP_RAD)
            if isinstance(solved, Refusal):
                raise CannotProceedError(_describe(point, solved))
            rows.append(solved)
        length_m = float(np.linalg.norm(goal - origin))
        return timed(np.array(rows), shortest_s=max(PEAK_SPEED * length_m / speed_m_s, 0.05))


def _describe(point: FloatArray, refusal: Refusal) -> str:
    return f'tool at ({point[0]:.3f}, {point[1]:.3f}, {point[2]:.3f}) m: {refusal.detail}'
