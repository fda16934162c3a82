# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The law of stack_cup: what to do with the cups in any state."""

import math
from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import Observation
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.cup_situation import GRASP_HEIGHT_M
from wla_ros.sim.expert.cup_situation import CupSituation
from wla_ros.sim.expert.cup_situation import seen_pose
from wla_ros.sim.expert.motion import TILT_RAD
from wla_ros.sim.expert.motion import ArmTool
from wla_ros.sim.expert.tool_law import HOME
from wla_ros.sim.expert.tool_law import Funnel
from wla_ros.sim.expert.tool_law import Intent
from wla_ros.sim.expert.tool_law import Place
from wla_ros.sim.expert.tool_law import Tool
from wla_ros.sim.expert.tool_law import Vector
from wla_ros.sim.expert.tool_law import aim_of
from wla_ros.sim.expert.tool_law import place_at
from wla_ros.sim.expert.tool_law import vector
from wla_ros.sim.tasks import cup
from wla_ros.sim.tasks import stack_cup

_OPEN_M = settings.GRIPPER_MAX_M
_CLOSE_M = 0.035  # command, inside of the cup: the force limit decides
_CAREFUL_M_S = 0.15  # near a cup
_FUNNEL = Funnel(back_m=0.07, slope=14.0, centred_m=0.002, clear_m=0.14)
_AT_CUP_M = 0.006  # the hand closes
_STAYS_AT_CUP_M = 0.012  # it goes on closing
_IN_HAND_M = 0.022  # a cup caught off centre still goes in
_HELD_WIDTH_M = (0.045, 0.063)  # outer diameters a pad can rest on
_GRIPPED_WIDTH_M = 0.060  # of a cup caught well
_EMPTY_WIDTH_M = 0.045  # a hand closed this far has nothing in it
_OPENED_M = 0.066
# From the first touch to the lift: longer than the rows executed between two chunks, or a learner
# sees the end of it never at rest.
_DWELL_S = 0.3
_CLEAR_M = 0.075  # of the moved cup's bottom above the target's: it passes over
_FREE_M = 0.03  # above that it moves sideways at full speed
_RELEASE_M = 0.040  # of the moved cup's bottom above the target's; nested it is 1 mm lower
_RELEASED_BELOW_M = 0.0435
_OVER_M = 0.015
_INSERT_SLOPE = 14.0
_INSERT_CENTRED_M = 0.002
_CARRY_RISE_M = 0.08
_NEAR_M = 0.075
_HOME_M = 0.01
_FALLEN_RAD = math.radians(25.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cups:
    """The cups in base_link, and what the hand was doing."""

    moved: Vector  # middle of the bottom
    moved_axis: Vector  # unit vector up through the opening
    target: Vector
    fallen: str  # the cup that lies, or nothing
    held_s: float = 0.0  # for how long the hand has held the cup
    reopening: bool = False  # the hand closed on nothing and is not open again
    stamp_ns: int = 0

    @property
    def grasp(self) -> Place:
        """Return where the tool takes the moved cup."""
        x, y, z = (
            at + GRASP_HEIGHT_M * axis
            for at, axis in zip(self.moved, self.moved_axis, strict=True)
        )
        return place_at((x, y, z), TILT_RAD)

    @property
    def height_m(self) -> float:
        """Return the height of the moved cup above the target's bottom."""
        return self.moved[2] - self.target[2]

    @property
    def offset_m(self) -> float:
        """Return the horizontal distance of the cups."""
        return math.dist(self.moved[:2], self.target[:2])


class StackCupLaw:
    """Takes the orange cup, lowers it into the blue one, lets go and returns home."""

    task = 'stack_cup'

    def __init__(self) -> None:
        """Know the arms."""
        self._layout = JointLayout(tuple(settings.ARM_BASES))
        self._tools = {arm: ArmTool(arm) for arm in self._layout.arms}

    def choose_arm(self, observation: Observation) -> str:
        """Return the arm that holds the cup, is at the cups, or has the shorter reach to them."""
        moved = seen_pose(observation, stack_cup.MOVED)
        target = seen_pose(observation, stack_cup.TARGET)

        def preference(arm: str) -> tuple[bool, bool, float]:
            row = observation.joint_position[self._layout.arm_slice(arm)]
            situation = CupSituation(
                tool=self._tools[arm].pose(row[:6]),
                moved=moved,
                target=target,
                width_m=float(row[6]),
            )
            radius_m = max(self._tools[arm].radius_m(pose[:3, 3]) for pose in (moved, target))
            return not situation.in_hand, not situation.hand_near, radius_m

        return min(self._layout.arms, key=preference)

    def see(
        self, observation: Observation, arm: str, tool: Tool, told: str, before: Cups | None
    ) -> Cups:
        """Return the cups as observed. Raises ValueError if their poses are missing."""
        del told  # one task, one instruction
        base = np.array(settings.ARM_BASES[arm])
        poses = {
            name: seen_pose(observation, name) for name in (stack_cup.MOVED, stack_cup.TARGET)
        }
        moved, target = poses[stack_cup.MOVED], poses[stack_cup.TARGET]
        lying = [name for name, pose in poses.items() if pose[2, 2] < math.cos(_FALLEN_RAD)]
        cups = Cups(
            moved=vector(moved[:3, 3] - base),
            moved_axis=vector(moved[:3, 2]),
            target=vector(target[:3, 3] - base),
            fallen=lying[0] if lying else '',
            stamp_ns=observation.stamp_ns,
        )
        if before is None:
            return cups
        passed_s = ns_to_seconds(observation.stamp_ns - before.stamp_ns)
        return _remembering(cups, before, tool, passed_s)

    def intent(self, tool: Tool, world: Cups) -> Intent:
        """Return what to do now."""
        distance_m = aim_of(tool.place, world.grasp).distance_m
        held = is_held(tool, world)
        if is_nested(world) and not (held and world.height_m > _RELEASED_BELOW_M):
            return _leave(tool, distance_m)
        if held:
            return _stack(tool, world)
        if world.fallen:
            name = world.fallen.replace('_', ' ')
            return Intent(goal=HOME, width_m=_OPEN_M, subtask=f'Hold: the {name} has fallen over.')
        return _fetch(tool, world)

    def predict(self, world: Cups, intent: Intent, before: Tool, after: Tool, dt_s: float) -> Cups:
        """Return the cups after a step: a held one goes with the tool, one let go drops."""
        del intent
        x, y, z = world.moved
        if is_held(before, world) and after.width_m <= _HELD_WIDTH_M[1]:
            steps = zip(after.place.point, before.place.point, strict=True)
            dx, dy, dz = (to - now for to, now in steps)
            x, y, z = x + dx, y + dy, z + dz
        elif world.offset_m < stack_cup.MAX_OFFSET_M and 0.0 < world.height_m < _CLEAR_M:
            z = world.target[2] + cup.NESTED_DISTANCE_M
        moved = replace(world, moved=(x, y, z))
        return _remembering(moved, world, after, dt_s)

    def stopped_width_m(self, place: Place, world: Cups) -> float:
        """Return the width of the cup where it is between the fingers."""
        near = aim_of(place, world.grasp).distance_m < _IN_HAND_M
        return _GRIPPED_WIDTH_M if near else 0.0


def is_held(tool: Tool, world: Cups) -> bool:
    """Tell whether the hand holds the moved cup."""
    low, high = _HELD_WIDTH_M
    return (
        low < tool.width_m < high
        and aim_of(tool.place, world.grasp).distance_m < _IN_HAND_M
        and not world.reopening
    )


def is_nested(world: Cups) -> bool:
    """Tell whether the moved cup sits in the target, or nearly."""
    low, high = stack_cup.HEIGHT_RANGE_M
    inside = world.offset_m < stack_cup.MAX_OFFSET_M and low < world.height_m < high
    return inside and not world.fallen


def _leave(tool: Tool, distance_m: float) -> Intent:
    if distance_m < _NEAR_M and tool.width_m < _OPENED_M:
        return Intent(goal=tool.place, width_m=_OPEN_M, subtask='Let go of the orange cup.')
    if distance_m < _NEAR_M:
        back = tool.place.backed_off(_NEAR_M)
        return Intent(goal=back, width_m=_OPEN_M, subtask='Draw back.', speed_m_s=_CAREFUL_M_S)
    there = math.dist(tool.place.point, HOME.point) < _HOME_M
    subtask = 'Done.' if there else 'Return home.'
    return Intent(goal=HOME, width_m=_OPEN_M, subtask=subtask, finished=there)


def _stack(tool: Tool, world: Cups) -> Intent:
    here = tool.place
    lifted = world.height_m > 0.01 or world.offset_m < stack_cup.MAX_OFFSET_M
    if world.held_s < _DWELL_S and not lifted:
        return Intent(goal=here, width_m=_CLOSE_M, subtask='Grasp the orange cup.')
    offset_m = world.offset_m
    rise_m = _INSERT_SLOPE * (offset_m - _INSERT_CENTRED_M)
    height_m = _RELEASE_M + min(max(rise_m, 0.0), _CARRY_RISE_M)
    up = here.height_m + height_m - world.height_m
    # The cup hangs in the hand as it was caught: what counts is where it is, not the tool.
    moved, target = place_at(world.moved, 0.0), place_at(world.target, 0.0)
    turn = math.remainder(target.azimuth_rad - moved.azimuth_rad, math.tau)
    outward = target.radius_m - moved.radius_m
    over = offset_m <= _OVER_M
    free = 1.0 if over else min(max((world.height_m - _CLEAR_M) / _FREE_M, 0.0), 1.0)
    goal = Place(here.azimuth_rad + free * turn, here.radius_m + free * outward, up, TILT_RAD)
    if over:
        subtask = 'Lower the orange cup into the blue cup.'
    elif free > 0.0:
        subtask = 'Carry the orange cup over the blue cup.'
    else:
        subtask = 'Lift the orange cup.'
    speed = _CAREFUL_M_S if offset_m < 0.02 else 0.35
    return Intent(goal=goal, width_m=_CLOSE_M, subtask=subtask, speed_m_s=speed)


def _fetch(tool: Tool, world: Cups) -> Intent:
    goal = world.grasp
    aim = aim_of(tool.place, goal)
    speed = _CAREFUL_M_S if aim.distance_m < 0.08 else 0.35
    if world.reopening:
        # The old subtask stays: it has not been done.
        back = goal.backed_off(_FUNNEL.back_m)
        return Intent(goal=back, width_m=_OPEN_M, subtask='Grasp the orange cup.', speed_m_s=speed)
    closing = tool.width_m < _OPENED_M + 0.002 and aim.distance_m < _STAYS_AT_CUP_M
    if aim.distance_m < _AT_CUP_M or closing:
        return Intent(
            goal=goal, width_m=_CLOSE_M, subtask='Grasp the orange cup.', speed_m_s=speed
        )
    toward = _FUNNEL.toward(tool.place, goal)
    if aim.lateral_m < 0.015:
        subtask = 'Approach the orange cup.'
    else:
        subtask = 'Reach for the orange cup.'
    return Intent(goal=toward, width_m=_OPEN_M, subtask=subtask, speed_m_s=speed)


def _remembering(cups: Cups, before: Cups, tool: Tool, passed_s: float) -> Cups:
    """Return `cups` with what the hand was doing `passed_s` earlier carried on."""
    near = aim_of(tool.place, cups.grasp).distance_m < _NEAR_M
    missed = tool.width_m < _EMPTY_WIDTH_M and near
    reopening = (missed or before.reopening) and tool.width_m < _OPENED_M
    held = is_held(tool, replace(cups, reopening=reopening))
    return replace(cups, reopening=reopening, held_s=before.held_s + passed_s if held else 0.0)
