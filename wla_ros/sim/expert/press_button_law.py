# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The law of press_button: what to do with the button in any state."""

import math
import re
from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import Observation
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.cup_situation import seen_pose
from wla_ros.sim.expert.motion import TILT_RAD
from wla_ros.sim.expert.tool_law import HOME
from wla_ros.sim.expert.tool_law import Intent
from wla_ros.sim.expert.tool_law import Place
from wla_ros.sim.expert.tool_law import Tool
from wla_ros.sim.expert.tool_law import Vector
from wla_ros.sim.expert.tool_law import place_at
from wla_ros.sim.expert.tool_law import vector
from wla_ros.sim.tasks import press_button

# Of the tool above the cap when the lower corner of the closed fingers touches it: their tips are
# 11 mm beyond the tool and 20 mm wide, leaning by 30 deg.
_CONTACT_M = 0.0145
_HOVER_M = 0.035
_DEPTH_M = 0.0095  # below the first touch; a press counts at 6 mm
_SLOPE = 4.0  # height kept above the cap per deviation
_CENTRED_M = 0.004
_OVER_M = 0.012  # deviation within which the hand goes down
_CLEAR_M = 0.14
_PRESS_M_S = 0.08
_CLOSED_M = 0.010
_DWELL_S = 0.3  # down: longer than the rows executed between two chunks
_HOVER_REACHED_M = 0.006
_HOME_M = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """The button in base_link, and what is to be remembered of the press."""

    top: Vector  # of the cap when it is up
    depth_m: float  # of the cap now
    notches: int  # begins and ends of presses
    told: int
    down_s: float = 0.0  # for how long this press has counted
    rising: bool = False  # back to above the button, before anything else
    stamp_ns: int = 0

    @property
    def pressed(self) -> bool:
        """Whether a press has counted and not ended."""
        return self.notches % 2 == 1

    @property
    def count(self) -> int:
        """The presses that have counted."""
        return (self.notches + 1) // 2


class PressButtonLaw:
    """Presses with closed fingers, dwells, rises above the button, and again, as often as told."""

    task = 'press_button'

    def __init__(self) -> None:
        """Know the arms."""
        self._layout = JointLayout(tuple(settings.ARM_BASES))

    def choose_arm(self, observation: Observation) -> str:
        """Return the arm nearer to the button."""
        x, y = seen_pose(observation, press_button.BUTTON)[:2, 3]
        bases = settings.ARM_BASES
        return min(self._layout.arms, key=lambda arm: math.dist((x, y), bases[arm][:2]))

    def see(
        self, observation: Observation, arm: str, tool: Tool, told: str, before: Button | None
    ) -> Button:
        """Return the button. Raises ValueError without its pose or a number in `told`."""
        found = re.search(r'(\d+) times?\b', told)
        if found is None:
            raise ValueError(
                f"'Press the button N times.' was expected as instruction, got {told!r}"
            )
        objects = observation.objects
        x, y, z = vector(
            seen_pose(observation, press_button.BUTTON)[:3, 3] - np.array(settings.ARM_BASES[arm])
        )
        assert objects is not None
        turned = objects.poses[objects.names.index(press_button.BUTTON)]
        cap_z = float(seen_pose(observation, press_button.CAP)[2, 3])
        button = Button(
            top=(x, y, z + press_button.CAP_TOP_M),
            depth_m=max(press_button.CAP_TOP_M - cap_z, 0.0),
            notches=press_button.notches_of(turned),
            told=int(found[1]),
            stamp_ns=observation.stamp_ns,
        )
        if before is None:
            return button
        return _remembering(
            button, before, tool, ns_to_seconds(observation.stamp_ns - before.stamp_ns)
        )

    def intent(self, tool: Tool, world: Button) -> Intent:
        """Return what to do now."""
        touch = _touching(world)
        hover = touch._replace(height_m=touch.height_m + _HOVER_M)
        here = tool.place
        beside_m = math.dist(here.point[:2], touch.point[:2])
        of = f'{world.told}'
        if (world.pressed and world.down_s >= _DWELL_S) or world.rising:
            return Intent(
                goal=hover,
                width_m=0.0,
                subtask=f'Lift after press {world.count} of {of}.',
                speed_m_s=0.15,
            )
        if world.pressed:
            down = touch._replace(height_m=touch.height_m - _DEPTH_M)
            return Intent(
                goal=down,
                width_m=0.0,
                subtask=f'Press {world.count} of {of}.',
                speed_m_s=_PRESS_M_S,
            )
        if world.count >= world.told:
            there = math.dist(here.point, HOME.point) < _HOME_M
            subtask = 'Done.' if there else 'Return home.'
            return Intent(goal=HOME, width_m=0.0, subtask=subtask, finished=there)
        turn = f'press {world.count + 1} of {of}'
        if beside_m > _OVER_M or tool.width_m > _CLOSED_M:
            wanted = min(_SLOPE * max(beside_m - _CENTRED_M, 0.0), _CLEAR_M - hover.height_m)
            goal = hover._replace(height_m=hover.height_m + wanted)
            if here.height_m < hover.height_m - _HOVER_REACHED_M and beside_m > _OVER_M:
                goal = here._replace(height_m=hover.height_m + _HOVER_REACHED_M)
            return Intent(goal=goal, width_m=0.0, subtask=f'Go to the button for {turn}.')
        off_m = _SLOPE * max(beside_m - _CENTRED_M, 0.0)
        down = touch._replace(height_m=touch.height_m - _DEPTH_M + off_m)
        return Intent(
            goal=down, width_m=0.0, subtask=f'{turn.capitalize()}.', speed_m_s=_PRESS_M_S
        )

    def predict(
        self, world: Button, intent: Intent, before: Tool, after: Tool, dt_s: float
    ) -> Button:
        """Return the button after a step: the cap is where the fingers push it."""
        del intent, before
        touch = _touching(world)
        over = math.dist(after.place.point[:2], touch.point[:2]) < 2 * _OVER_M
        depth = min(max(touch.height_m - after.place.height_m, 0.0), press_button.TRAVEL_M)
        depth = depth if over else 0.0
        notches = world.notches
        if world.pressed:
            notches += depth < press_button.RELEASED_M
        else:
            notches += depth > press_button.PRESSED_M
        moved = replace(world, depth_m=depth, notches=notches)
        return _remembering(moved, world, after, dt_s)

    def stopped_width_m(self, place: Place, world: Button) -> float:
        """Return 0: nothing is grasped."""
        del place, world
        return 0.0


def _touching(world: Button) -> Place:
    x, y, z = world.top
    return place_at((x, y, z + _CONTACT_M), TILT_RAD)


def _remembering(button: Button, before: Button, tool: Tool, passed_s: float) -> Button:
    """Return `button` with what was going on `passed_s` earlier carried on."""
    touch = _touching(button)
    near = math.dist(tool.place.point[:2], touch.point[:2]) < 2 * _OVER_M
    low = tool.place.height_m < touch.height_m + _HOVER_M - _HOVER_REACHED_M
    ended = before.pressed and not button.pressed
    down_s = before.down_s + passed_s if button.pressed and before.pressed else 0.0
    rising = (ended or before.rising or down_s >= _DWELL_S) and near and low
    return replace(button, down_s=down_s, rising=rising)
