# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Task stack_cup: put the orange cup into the blue one.

Start poses lie where at least one arm reaches both cups with the gripper leaning out by 30
degrees.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.tasks import cup
from wla_ros.sim.tasks.task import Judgement
from wla_ros.sim.tasks.task import ObjectState
from wla_ros.sim.tasks.task_options import TaskOptions

MOVED = 'orange_cup'
TARGET = 'blue_cup'
_X_RANGE_M = (0.22, 0.46)
_Y_RANGE_M = (-0.25, 0.25)
_REACH_M = (0.20, 0.52)  # radius from the base of an arm
_SEPARATION_M = 0.12  # an open gripper fits between the cups
_REST_HEIGHT_M = 0.0002  # above the table, so that no contact exists before the first step

# Success, from the physical state of the cups: nested, upright, at rest, let go.
MAX_OFFSET_M = 0.012
HEIGHT_RANGE_M = (0.015, 0.06)
MAX_TILT_RAD = math.radians(15.0)
MAX_SPEED_M_S = 0.1
# A cup that lies still ends the episode: nobody stands it up again.
LYING_RAD = math.radians(60.0)
_AT_REST_M_S = 0.02


class StackCup:
    """The orange cup has to stand in the blue cup, let go, both upright."""

    name = 'stack_cup'
    instruction = 'Stack the orange cup on the blue cup.'
    objects = (MOVED, TARGET)
    timestep_ns = 2_500_000
    gripper_start_m = None
    time_limit_s = 60.0

    def add_to(self, root: ET.Element) -> None:
        """Append the two cups."""
        world, asset = root.find('worldbody'), root.find('asset')
        if world is None or asset is None:
            raise ValueError(
                'the model needs a worldbody and an asset section before objects are added'
            )
        cup.add_cup_mesh(asset)
        cup.add_cup(world, asset, MOVED, (0.95, 0.42, 0.12, 1.0))
        cup.add_cup(world, asset, TARGET, (0.13, 0.38, 0.78, 1.0))

    def place(self, seed: int) -> dict[str, FloatArray]:
        """Return poses drawn until one arm reaches both cups and they stand apart."""
        random = np.random.default_rng((seed, 0x57AC))
        while True:
            points = np.column_stack(
                (random.uniform(*_X_RANGE_M, 2), random.uniform(*_Y_RANGE_M, 2))
            )  # [2, 2]
            yaws = random.uniform(-math.pi, math.pi, 2)
            if _placeable(points):
                break
        return {
            name: np.array(
                [
                    points[i, 0],
                    points[i, 1],
                    _REST_HEIGHT_M,
                    0.0,
                    0.0,
                    math.sin(yaws[i] / 2),
                    math.cos(yaws[i] / 2),
                ]
            )
            for i, name in enumerate(self.objects)
        }

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Return success, or everything that is missing; final once a cup lies."""
        moved, target = objects[MOVED], objects[TARGET]
        offset_m = float(np.hypot(*(moved.pose[:2] - target.pose[:2])))
        height_m = float(moved.pose[2] - target.pose[2])
        missing, lying = [], []
        if not offset_m < MAX_OFFSET_M:
            missing.append(
                f'the cups are {offset_m * 1e3:.0f} mm apart, at most {MAX_OFFSET_M * 1e3:.0f} mm'
            )
        if not HEIGHT_RANGE_M[0] <= height_m <= HEIGHT_RANGE_M[1]:
            missing.append(
                f'the orange cup stands {height_m * 1e3:.0f} mm above the blue one, '
                f'not {HEIGHT_RANGE_M[0] * 1e3:.0f} to {HEIGHT_RANGE_M[1] * 1e3:.0f} mm'
            )
        for cup_state, label in ((moved, 'orange'), (target, 'blue')):
            tilt_rad = tilt_of(cup_state.pose)
            if not tilt_rad < MAX_TILT_RAD:
                missing.append(f'the {label} cup leans by {math.degrees(tilt_rad):.0f} deg')
            if not cup_state.speed_m_s < MAX_SPEED_M_S:
                missing.append(f'the {label} cup moves at {cup_state.speed_m_s:.2f} m/s')
            missing.extend(f'the {arm} hand touches the {label} cup' for arm in cup_state.held_by)
            # A leaning gripper cannot take a cup from the table by its side.
            if (
                tilt_rad > LYING_RAD
                and not cup_state.held_by
                and cup_state.speed_m_s < _AT_REST_M_S
            ):
                lying.append(f'the {label} cup has fallen over')
        return Judgement(
            success=not missing, text='; '.join((*lying, *missing)) or 'success', final=bool(lying)
        )


def tilt_of(pose: FloatArray) -> float:
    """Return the angle [rad] between the z axis of `pose` [7] and the vertical."""
    qx, qy = pose[3], pose[4]
    return math.acos(min(1.0, max(-1.0, 1.0 - 2.0 * float(qx * qx + qy * qy))))


def _placeable(points: FloatArray) -> bool:
    """Tell whether the cups at `points` [2, 2] stand apart and one arm reaches both."""
    if not np.hypot(*(points[0] - points[1])) >= _SEPARATION_M:
        return False
    for base in settings.ARM_BASES.values():
        radii = np.hypot(*(points - np.array(base[:2])).T)
        if np.all((radii >= _REACH_M[0]) & (radii <= _REACH_M[1])):
            return True
    return False


def make_task(options: TaskOptions) -> StackCup:
    """Return the task for `options`."""
    del options
    return StackCup()
