# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A policy that follows a law of feedback: every chunk is the law, followed for its length."""

import math
from typing import Any

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Representation
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.leaning_arm import leaning_joints
from wla_ros.sim.expert.leaning_arm import leaning_place
from wla_ros.sim.expert.plan import DT_NS
from wla_ros.sim.expert.plan import HORIZON
from wla_ros.sim.expert.plan import MOST_ROWS
from wla_ros.sim.expert.tool_law import Place
from wla_ros.sim.expert.tool_law import Tool
from wla_ros.sim.expert.tool_law import ToolLaw
from wla_ros.sim.expert.tool_law import closed
from wla_ros.sim.expert.tool_law import reached

_DT_S = DT_NS / NS_PER_S
_VELOCITY_STEP_S = 1e-3
# What the joints are off the plane of the tool, such as a turned wrist, dies away with this.
_OFF_PLANE_S = 5 * _DT_S
_REST_RAD_S, _REST_RAD_S2, _REST_GAIN_HZ = 0.8, 3.0, 3.0  # of the other arm on its way home


class FeedbackExpert:
    """
    Follows `law` with the arm it chose first; the other arm returns home.

    Every answer begins at the arms as observed, or behind the committed rows of the request. One
    thread.
    """

    def __init__(self, law: ToolLaw[Any]) -> None:
        """Start without an episode."""
        self._law = law
        self._layout = JointLayout(tuple(settings.ARM_BASES))
        self._spec = PolicySpec(
            name='expert',
            version=f'{law.task} feedback',
            representation=Representation.JOINT_POSITION,
            columns=self._layout.columns,
            horizon=HORIZON,
            dt_ns=DT_NS,
            needs_objects=True,
            clean_prefix_rows=MOST_ROWS,
        )
        self.reset(seed=0)

    @property
    def spec(self) -> PolicySpec:
        """Joint positions of both arms, 32 rows at 30 Hz."""
        return self._spec

    @property
    def working_arm(self) -> str:
        """The arm that was chosen in this episode, empty before the first answer."""
        return self._arm

    def reset(self, *, seed: int) -> None:
        """Forget the episode; the expert draws nothing."""
        del seed
        self._arm = ''
        self._world: Any = None
        self._subtask, self._subtask_id = '', 0

    def close(self) -> None:
        """Nothing to release."""

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """
        Return what the law does from here on.

        Raises ValueError if the poses of the task's objects are missing or the instruction does
        not say what the law has to know.
        """
        if not self._arm:
            self._arm = self._law.choose_arm(observation)
        mine = self._layout.arm_slice(self._arm)
        tool = tool_of(observation.joint_position[mine], observation.joint_velocity[mine])
        world = self._law.see(observation, self._arm, tool, request.instruction, self._world)
        self._world = world
        intent = self._law.intent(tool, world)
        committed = 0 if request.prefix is None else min(request.prefix.committed, HORIZON)
        rows = np.empty((HORIZON, self._layout.width))
        if request.prefix is not None:
            rows[:committed] = request.prefix.rows[:committed]
        for arm in self._layout.arms:
            columns = self._layout.arm_slice(arm)
            start = observation.joint_position[columns]
            velocity = observation.joint_velocity[columns]
            given = rows[:committed, columns]
            if arm == self._arm:
                rows[committed:, columns] = self._followed(tool, world, start[:6], given)
            else:
                rows[committed:, columns] = _homing(start, velocity, given)
        if intent.subtask != self._subtask:
            self._subtask = intent.subtask
            self._subtask_id += 1
        return PolicyResult(
            rows=rows,
            subtask=intent.subtask,
            subtask_id=self._subtask_id,
            committed_prefix=committed,
            finished=intent.finished,
        )

    def _followed(
        self, tool: Tool, world: Any, joints: FloatArray, given: FloatArray
    ) -> FloatArray:
        """Return the rows [H - k, 7] behind the `given` ones [k, 7]."""
        law, places, widths = self._law, [], []
        ways = _places(given[:, :6]) if len(given) else []
        for row in range(HORIZON):
            intent = law.intent(tool, world)
            if row >= len(given):
                places.append(tool.place)
                widths.append(intent.width_m)
            stop_m = law.stopped_width_m(tool.place, world)
            if row + 1 < len(given):
                width_m = closed(tool.width_m, float(given[row + 1, 6]), stop_m, _DT_S)
                # The arm lags behind the rows: their speed is that between rows.
                speed = _velocity(ways[row], ways[row + 1], _DT_S)
                moved = Tool(place=ways[row + 1], velocity=speed, width_m=width_m)
            else:
                moved = reached(tool, intent, stop_m, _DT_S)
            world = law.predict(world, intent, tool, moved, _DT_S)
            tool = moved
        last = given[-1, :6] if len(given) else joints
        lasting = _places(last[None])[0]
        elapsed_s = _DT_S * np.arange(len(places)) + (_DT_S if len(given) else 0.0)
        off = last - _joints([lasting])[0]
        fading = np.exp(-elapsed_s / _OFF_PLANE_S)[:, None]
        return np.column_stack((_joints(places) + fading * off, widths))


def tool_of(position: FloatArray, velocity: FloatArray) -> Tool:
    """Return the tool of an arm measured at `position` [7] with `velocity` [7]."""
    step = velocity[:6] * _VELOCITY_STEP_S
    rows = np.stack((position[:6], position[:6] + step, position[:6] - step))
    here, after, before = _places(rows)
    along, outward, up, lean = _velocity(before, after, 2.0 * _VELOCITY_STEP_S)
    return Tool(
        place=here, velocity=(along, outward, up, lean), width_m=max(float(position[6]), 0.0)
    )


def _velocity(before: Place, after: Place, dt_s: float) -> tuple[float, float, float, float]:
    turn = math.remainder(after.azimuth_rad - before.azimuth_rad, math.tau)
    return (
        turn * before.radius_m / dt_s,
        (after.radius_m - before.radius_m) / dt_s,
        (after.height_m - before.height_m) / dt_s,
        (after.lean_rad - before.lean_rad) / dt_s,
    )


def _places(joints: FloatArray) -> list[Place]:
    rows = leaning_place(joints, tool_offset_m=settings.TCP_OFFSET_M)
    return [Place(*row) for row in rows.tolist()]


def _joints(places: list[Place]) -> FloatArray:
    points = np.array([place.point for place in places])
    leans = np.array([place.lean_rad for place in places])
    return leaning_joints(points, tilt_rad=leans, tool_offset_m=settings.TCP_OFFSET_M)


def _homing(position: FloatArray, velocity: FloatArray, given: FloatArray) -> FloatArray:
    """Return the rows [H - k, 7] that bring an arm home softly, behind the `given` ones [k, 7]."""
    home = np.array(settings.HOME_RAD)
    joints, speed = position[:6], velocity[:6]
    if len(given):
        joints = given[-1, :6]
        speed = (given[-1, :6] - given[-2, :6]) / _DT_S if len(given) > 1 else speed
    rows = np.empty((HORIZON - len(given), 7))
    for i in range(len(rows)):
        if i or len(given):
            wanted = _REST_GAIN_HZ * (home - joints)
            wanted *= min(1.0, _REST_RAD_S / max(float(np.max(np.abs(wanted))), 1e-9))
            most = _REST_RAD_S2 * _DT_S
            speed = speed + np.clip(wanted - speed, -most, most)
            joints = joints + speed * _DT_S
        rows[i, :6] = joints
    rows[:, 6] = np.clip(position[6], 0.0, settings.GRIPPER_MAX_M)
    return rows
