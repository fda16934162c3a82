# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The law of dispose_trash: what to do with the ball and the moving bin in any state."""

import math
from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import Observation
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.cup_situation import seen_pose
from wla_ros.sim.expert.motion import TILT_RAD
from wla_ros.sim.expert.tool_law import HOME
from wla_ros.sim.expert.tool_law import Funnel
from wla_ros.sim.expert.tool_law import Intent
from wla_ros.sim.expert.tool_law import Place
from wla_ros.sim.expert.tool_law import Tool
from wla_ros.sim.expert.tool_law import Vector
from wla_ros.sim.expert.tool_law import aim_of
from wla_ros.sim.expert.tool_law import place_at
from wla_ros.sim.expert.tool_law import vector
from wla_ros.sim.tasks import dispose_trash
from wla_ros.sim.tasks.dispose_trash import BALL_RADIUS_M
from wla_ros.sim.tasks.dispose_trash import BIN_ORBIT_M
from wla_ros.sim.tasks.dispose_trash import TURNTABLE_CENTRE_M

_OPEN_M = settings.GRIPPER_MAX_M
_CLOSE_M = 0.030  # command, inside of the ball: the force limit decides
_CAREFUL_M_S = 0.15
_FUNNEL = Funnel(back_m=0.06, slope=8.0, centred_m=0.003, clear_m=0.14)
_AT_BALL_M = 0.008
_STAYS_AT_BALL_M = 0.014
_IN_HAND_M = 0.030
_HELD_WIDTH_M = (0.028, 0.046)
_GRIPPED_WIDTH_M = 0.0385
_EMPTY_WIDTH_M = 0.0285
_OPENED_M = 0.066
_DWELL_S = 0.25
_CARRY_M = 0.165  # height of the tool: the ball passes 55 mm above the rim of the bin
_FREE_BELOW_M = 0.06  # under the carrying height it moves up only
_LYING_M = 0.035  # a ball below this height lies on the table
# From the row that opens the hand to the ball half way into the bin.
_FALL_S = 0.20
_OVER_M = 0.014
_KEEPS_OVER_M = 0.022  # while the hand opens
_WITH_IT_M_S = 0.08  # difference of speeds at which it is let go
_WINDOW_NS = 120 * NS_PER_MS  # over which the speed of the bin is measured
_HOME_M = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class BallAndBin:
    """Ball and bin in base_link, and what the hand was doing."""

    ball: Vector
    centre: tuple[float, float]  # of the turntable
    angle_rad: float  # of the bin on it
    turn_rad_s: float = 0.0
    seen: tuple[tuple[int, float], ...] = ()  # (stamp, angle) of late
    held_s: float = 0.0
    reopening: bool = False
    stamp_ns: int = 0

    @property
    def grasp(self) -> Place:
        """Return where the tool takes the ball."""
        x, y, z = self.ball
        return place_at((x, y, max(z, BALL_RADIUS_M)), TILT_RAD)

    def bin_at(self, ahead_s: float) -> tuple[float, float]:
        """Return where the bin will be."""
        angle = self.angle_rad + self.turn_rad_s * ahead_s
        x, y = self.centre
        return x + BIN_ORBIT_M * math.cos(angle), y + BIN_ORBIT_M * math.sin(angle)

    @property
    def bin_velocity(self) -> tuple[float, float]:
        """Return how the bin moves [m/s]."""
        speed = BIN_ORBIT_M * self.turn_rad_s
        return -speed * math.sin(self.angle_rad), speed * math.cos(self.angle_rad)

    @property
    def in_bin(self) -> bool:
        """Whether the ball is in the bin."""
        low, high = dispose_trash.INSIDE_HEIGHT_M
        away_m = math.dist(self.ball[:2], self.bin_at(0.0))
        return away_m <= dispose_trash.INSIDE_RADIUS_M and low <= self.ball[2] <= high


class DisposeTrashLaw:
    """Takes the ball, follows the bin with it and lets it go there."""

    task = 'dispose_trash'

    def __init__(self) -> None:
        """Know the arms."""
        self._layout = JointLayout(tuple(settings.ARM_BASES))

    def choose_arm(self, observation: Observation) -> str:
        """Return the arm nearer to the ball."""
        x, y = seen_pose(observation, dispose_trash.BALL)[:2, 3]
        bases = settings.ARM_BASES
        return min(self._layout.arms, key=lambda arm: math.dist((x, y), bases[arm][:2]))

    def see(
        self, observation: Observation, arm: str, tool: Tool, told: str, before: BallAndBin | None
    ) -> BallAndBin:
        """Return ball and bin as observed. Raises ValueError if their poses are missing."""
        del told  # one task, one instruction
        base = np.array(settings.ARM_BASES[arm])
        ball = vector(seen_pose(observation, dispose_trash.BALL)[:3, 3] - base)
        x, y, _ = vector(seen_pose(observation, dispose_trash.BIN)[:3, 3] - base)
        centre = TURNTABLE_CENTRE_M[0] - base[0], TURNTABLE_CENTRE_M[1] - base[1]
        angle = math.atan2(y - centre[1], x - centre[0])
        stamp_ns = observation.stamp_ns
        now = BallAndBin(
            ball=ball, centre=centre, angle_rad=angle, seen=((stamp_ns, angle),), stamp_ns=stamp_ns
        )
        if before is None:
            return now
        kept = tuple(item for item in before.seen if item[0] > stamp_ns - 2 * _WINDOW_NS)
        older = [item for item in kept if item[0] <= stamp_ns - _WINDOW_NS]
        first = older[-1] if older else (before.seen[0] if before.seen else None)
        turn = before.turn_rad_s
        if first is not None and first[0] < stamp_ns:
            turned = math.remainder(angle - first[1], math.tau)
            turn = turned / ns_to_seconds(stamp_ns - first[0])
        now = replace(now, seen=(*kept, (stamp_ns, angle)), turn_rad_s=turn)
        return _remembering(now, before, tool, ns_to_seconds(stamp_ns - before.stamp_ns))

    def intent(self, tool: Tool, world: BallAndBin) -> Intent:
        """Return what to do now."""
        if is_held(tool, world):
            return _dispose(tool, world)
        if world.in_bin:
            there = math.dist(tool.place.point, HOME.point) < _HOME_M
            subtask = 'Done.' if there else 'Return home.'
            return Intent(goal=HOME, width_m=_OPEN_M, subtask=subtask, finished=there)
        if world.ball[2] > _LYING_M:
            return Intent(goal=tool.place, width_m=_OPEN_M, subtask='Let go of the ball.')
        return _fetch(tool, world)

    def predict(
        self, world: BallAndBin, intent: Intent, before: Tool, after: Tool, dt_s: float
    ) -> BallAndBin:
        """Return the state after a step: the bin turns on, a held ball goes with the tool."""
        del intent
        x, y, z = world.ball
        if is_held(before, world) and after.width_m <= _HELD_WIDTH_M[1]:
            steps = zip(after.place.point, before.place.point, strict=True)
            dx, dy, dz = (to - now for to, now in steps)
            x, y, z = x + dx, y + dy, z + dz
        elif z > _LYING_M and not world.in_bin:
            at = world.bin_at(dt_s)
            if math.dist((x, y), at) < dispose_trash.INSIDE_RADIUS_M:
                x, y = at
            z = max(BALL_RADIUS_M + 0.006, z - 0.03)
        moved = replace(world, ball=(x, y, z), angle_rad=world.angle_rad + world.turn_rad_s * dt_s)
        return _remembering(moved, world, after, dt_s)

    def stopped_width_m(self, place: Place, world: BallAndBin) -> float:
        """Return the width of the ball where it is between the fingers."""
        near = aim_of(place, world.grasp).distance_m < _IN_HAND_M
        return _GRIPPED_WIDTH_M if near else 0.0


def is_held(tool: Tool, world: BallAndBin) -> bool:
    """Tell whether the hand holds the ball."""
    low, high = _HELD_WIDTH_M
    return (
        low < tool.width_m < high
        and aim_of(tool.place, world.grasp).distance_m < _IN_HAND_M
        and not world.reopening
    )


def _dispose(tool: Tool, world: BallAndBin) -> Intent:
    here = tool.place
    if world.held_s < _DWELL_S and here.height_m < _CARRY_M - _FREE_BELOW_M:
        return Intent(goal=here, width_m=_CLOSE_M, subtask='Grasp the ball.')
    if here.height_m < _CARRY_M - _FREE_BELOW_M:
        up = here._replace(height_m=_CARRY_M, lean_rad=TILT_RAD)
        return Intent(goal=up, width_m=_CLOSE_M, subtask='Lift the ball.', speed_m_s=0.25)
    # A ball let go keeps the speed of the hand, which is that of the bin, but goes straight on.
    ahead_x, ahead_y = world.bin_at(_FALL_S)
    vx, vy = world.bin_velocity
    goal = place_at((ahead_x - vx * _FALL_S, ahead_y - vy * _FALL_S, _CARRY_M), TILT_RAD)
    c, s = math.cos(here.azimuth_rad), math.sin(here.azimuth_rad)
    along, outward = -s * vx + c * vy, c * vx + s * vy
    off_m = math.dist(here.point[:2], goal.point[:2])
    apart_m_s = math.hypot(tool.velocity[0] - along, tool.velocity[1] - outward)
    opening = tool.width_m > _GRIPPED_WIDTH_M + 0.003
    over = off_m < (_KEEPS_OVER_M if opening else _OVER_M) and apart_m_s < _WITH_IT_M_S
    high = here.height_m > _CARRY_M - 0.02
    return Intent(
        goal=goal,
        width_m=_OPEN_M if over and high else _CLOSE_M,
        subtask='Let go of the ball.' if over and high else 'Carry the ball over the bin.',
        drift=(along, outward, 0.0),
    )


def _fetch(tool: Tool, world: BallAndBin) -> Intent:
    goal = world.grasp
    aim = aim_of(tool.place, goal)
    speed = _CAREFUL_M_S if aim.distance_m < 0.08 else 0.35
    if world.reopening:
        # The old subtask stays: it has not been done.
        back = goal.backed_off(_FUNNEL.back_m)
        return Intent(goal=back, width_m=_OPEN_M, subtask='Grasp the ball.', speed_m_s=speed)
    closing = tool.width_m < _OPENED_M + 0.002 and aim.distance_m < _STAYS_AT_BALL_M
    if aim.distance_m < _AT_BALL_M or closing:
        return Intent(goal=goal, width_m=_CLOSE_M, subtask='Grasp the ball.', speed_m_s=speed)
    toward = _FUNNEL.toward(tool.place, goal)
    subtask = 'Approach the ball.' if aim.lateral_m < 0.015 else 'Reach for the ball.'
    return Intent(goal=toward, width_m=_OPEN_M, subtask=subtask, speed_m_s=speed)


def _remembering(now: BallAndBin, before: BallAndBin, tool: Tool, passed_s: float) -> BallAndBin:
    """Return `now` with what the hand was doing `passed_s` earlier carried on."""
    near = aim_of(tool.place, now.grasp).distance_m < 0.06
    missed = tool.width_m < _EMPTY_WIDTH_M and near
    reopening = (missed or before.reopening) and tool.width_m < _OPENED_M
    held = is_held(tool, replace(now, reopening=reopening))
    return replace(now, reopening=reopening, held_s=before.held_s + passed_s if held else 0.0)
