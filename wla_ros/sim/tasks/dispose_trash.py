# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Task dispose_trash: put the paper ball into the bin that rides on a turntable.

The turntable's speed changes smoothly and cannot be foretold, so a drop that was planned on old
observations misses. A ball that was lifted and falls beside the bin is lost: the episode is over.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import numpy as np

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import FloatArray
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.mjcf import Attributes
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf import section
from wla_ros.sim.tasks.smooth_drift import SmoothDrift
from wla_ros.sim.tasks.task import DrivenState
from wla_ros.sim.tasks.task import Judgement
from wla_ros.sim.tasks.task import ObjectState
from wla_ros.sim.tasks.task import SceneSight
from wla_ros.sim.tasks.task_options import TaskOptions
from wla_ros.sim.tasks.task_options import TurntableOptions

BALL, BIN = 'ball', 'bin'
BALL_RADIUS_M = 0.020
BIN_RADIUS_M = 0.058  # outer
BIN_HEIGHT_M = 0.09
TURNTABLE_CENTRE_M = (0.30, 0.0)
BIN_ORBIT_M = 0.11  # from the turntable's axis to that of the bin
_BALL_MASS_KG = 0.006
_WALL_M = 0.003
_FLOOR_M = 0.006
_WALL_BOXES = 16
_DISC_RADIUS_M = 0.175
_X_RANGE_M = (0.15, 0.45)
_Y_RANGE_M = (0.18, 0.32)  # on either side
_CLEARANCE_M = 0.255  # from the turntable's axis: an open gripper fits beside the passing bin
_REACH_M = (0.22, 0.50)  # radius from the base of the arm on that side

# Success, from the physical state: the ball lies in the bin, let go, and has stayed there.
INSIDE_RADIUS_M = BIN_RADIUS_M - 0.012
INSIDE_HEIGHT_M = (0.012, 0.10)  # of its middle above the bottom of the bin
_STAYS_NS = 300 * NS_PER_MS
_LIFTED_M = 0.08
_DOWN_M = 0.03
_OFF_TABLE_M = -0.05

_SLOWEST_HZ, _FASTEST_HZ = 0.10, 0.45  # of the changes of speed


class DisposeTrash:
    """The ball has to lie in the moving bin, let go."""

    name = 'dispose_trash'
    instruction = 'Throw the paper ball into the bin.'
    objects = (BALL, BIN)
    timestep_ns = 5_000_000
    gripper_start_m = None
    time_limit_s = 20.0

    def __init__(self, options: TurntableOptions | None = None) -> None:
        """Take the speed of the turntable from `options`."""
        self._options = options or TurntableOptions()

    def add_to(self, root: ET.Element) -> None:
        """Append ball and bin; the disc turns with the bin and is only seen."""
        world, asset = section(root, 'worldbody'), section(root, 'asset')
        add(asset, 'material', name=BALL, rgba=(0.97, 0.95, 0.88, 1), specular=0.05)
        add(asset, 'material', name=BIN, rgba=(0.20, 0.46, 0.40, 1), specular=0.3)
        add(asset, 'material', name='disc', rgba=(0.36, 0.38, 0.42, 1), specular=0.2)
        add(asset, 'material', name='disc_mark', rgba=(0.62, 0.64, 0.68, 1), specular=0.2)
        _add_ball(world)
        _add_bin(world)

    def place(self, seed: int) -> dict[str, FloatArray]:
        """Return the ball at rest beside the turntable, in reach of the arm on its side."""
        random = np.random.default_rng((seed, 0xBA11))
        while True:
            x, y = random.uniform(*_X_RANGE_M), random.uniform(*_Y_RANGE_M)
            apart_m = math.hypot(x - TURNTABLE_CENTRE_M[0], y - TURNTABLE_CENTRE_M[1])
            radius_m = math.hypot(x, y - settings.BASE_HALF_DISTANCE_M)
            if apart_m >= _CLEARANCE_M and _REACH_M[0] <= radius_m <= _REACH_M[1]:
                break
        side = random.choice((-1.0, 1.0))
        ball = np.array([x, side * y, BALL_RADIUS_M, 0.0, 0.0, 0.0, 1.0])
        return {BALL: ball, BIN: self.course(seed).drive(0)[BIN].pose}

    def course(self, seed: int) -> 'TurningBin':
        """Return the motion of the turntable for `seed` and the memory of the episode."""
        return TurningBin(self._options, seed)

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Judge the state alone, without the course."""
        missing = _missing(objects[BALL], objects[BIN])
        return Judgement(success=not missing, text=missing or 'success')


class TurningBin:
    """Where the bin is at any time, and whether the ball has stayed in it or was lost."""

    def __init__(self, options: TurntableOptions, seed: int) -> None:
        """Draw direction, first angle and the changes of speed."""
        random = np.random.default_rng((seed, 0x7AB1E))
        self._start_rad = float(random.uniform(-math.pi, math.pi))
        self._speed_rad_s = options.speed_rad_s * float(random.choice((-1.0, 1.0)))
        self._change = SmoothDrift(
            random,
            amplitude=options.speed_variation * self._speed_rad_s,
            slowest_hz=_SLOWEST_HZ,
            fastest_hz=_FASTEST_HZ,
        )
        self._inside_since_ns: int | None = None
        self._lifted = self._lost = self._stayed = False

    def drive(self, elapsed_ns: int) -> dict[str, DrivenState]:
        """Return pose and speed of the bin."""
        time_s = ns_to_seconds(elapsed_ns)
        angle = self._start_rad + self._speed_rad_s * time_s + self._change.integral(time_s)
        turn = self._speed_rad_s + self._change.at(time_s)
        c, s = math.cos(angle), math.sin(angle)
        x, y = TURNTABLE_CENTRE_M
        half = angle / 2
        pose = (x + BIN_ORBIT_M * c, y + BIN_ORBIT_M * s, 0.0, 0.0, 0.0)
        velocity = (-turn * BIN_ORBIT_M * s, turn * BIN_ORBIT_M * c, 0.0)
        state = DrivenState(
            pose=np.array((*pose, math.sin(half), math.cos(half))),
            velocity=np.array(velocity),
            turn_rad_s=turn,
        )
        return {BIN: state}

    def watch(self, scene: SceneSight) -> None:
        """Note whether the ball is in the bin, for how long, or was dropped beside it."""
        ball = scene.object_point(BALL)
        self._lifted = self._lifted or bool(ball[2] > _LIFTED_M)
        if not self._lifted:
            self._lost = self._lost or bool(ball[2] < _OFF_TABLE_M)
            return
        inside = _is_inside(ball, scene.object_point(BIN)) and not any(
            name == BALL for _, name in scene.touching()
        )
        if not inside:
            self._inside_since_ns = None
            self._lost = self._lost or (
                bool(ball[2] < _DOWN_M)
                and math.dist(ball[:2], scene.object_point(BIN)[:2]) > BIN_RADIUS_M
            )
        elif self._inside_since_ns is None:
            self._inside_since_ns = scene.elapsed_ns
        elif scene.elapsed_ns - self._inside_since_ns >= _STAYS_NS:
            self._stayed = True

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Return success while the ball lies in the bin; final once it stayed or is lost."""
        if self._lost:
            return Judgement(success=False, text='the ball fell beside the bin', final=True)
        missing = _missing(objects[BALL], objects[BIN])
        return Judgement(
            success=not missing, text=missing or 'success', final=self._stayed and not missing
        )


def _is_inside(ball: FloatArray, bottom: FloatArray) -> bool:
    """Tell whether the middle of the ball [3] lies in the bin whose bottom is at `bottom` [3]."""
    away_m = math.hypot(ball[0] - bottom[0], ball[1] - bottom[1])
    height_m = float(ball[2] - bottom[2])
    return away_m <= INSIDE_RADIUS_M and INSIDE_HEIGHT_M[0] <= height_m <= INSIDE_HEIGHT_M[1]


def _missing(ball: ObjectState, bin_: ObjectState) -> str:
    """Return what is missing, or nothing."""
    if ball.held_by:
        return f'the {" and ".join(ball.held_by)} hand touches the ball'
    if not _is_inside(ball.pose[:3], bin_.pose[:3]):
        away_m = float(np.hypot(*(ball.pose[:2] - bin_.pose[:2])))
        return (
            f'the ball is {away_m * 1e3:.0f} mm from the middle of the bin and '
            f'{ball.pose[2] * 1e3:.0f} mm high'
        )
    return ''


def _touch(**more: float | tuple[float, ...]) -> Attributes:
    bits = settings.OBJECT_BITS
    # Stiffer than MuJoCo's default: a falling ball must not sink through the floor.
    return {'contype': bits.kind, 'conaffinity': bits.touches, 'solref': (0.01, 1.0), **more}


def _add_ball(world: ET.Element) -> None:
    body = add(world, 'body', name=BALL)
    add(body, 'freejoint', name=BALL)
    # Crumpled paper: it rolls, but not far.
    friction = (0.8, 0.005, 0.0005)
    add(
        body,
        'geom',
        type='sphere',
        size=(BALL_RADIUS_M,),
        material=BALL,
        mass=_BALL_MASS_KG,
        group=1,
        **_touch(condim=6, friction=friction),
    )


def _add_bin(world: ET.Element) -> None:
    body = add(world, 'body', name=BIN, gravcomp=1)
    add(body, 'freejoint', name=BIN)
    # Heavy, because it is driven: what touches it does not move it within one step.
    add(body, 'inertial', pos=(0, 0, 0), mass=20.0, diaginertia=(1.0, 1.0, 1.0))
    solid = _touch(condim=4, friction=(0.8, 0.005, 0.0005))
    add(
        body,
        'geom',
        type='cylinder',
        size=(BIN_RADIUS_M - _WALL_M, _FLOOR_M / 2),
        pos=(0, 0, _FLOOR_M / 2),
        material=BIN,
        group=1,
        **solid,
    )
    middle_m = BIN_RADIUS_M - _WALL_M / 2
    half_width_m = BIN_RADIUS_M * math.tan(math.pi / _WALL_BOXES)
    for i in range(_WALL_BOXES):
        angle = 2 * math.pi * i / _WALL_BOXES
        c, s = math.cos(angle), math.sin(angle)
        add(
            body,
            'geom',
            type='box',
            size=(_WALL_M / 2, half_width_m, BIN_HEIGHT_M / 2),
            pos=(middle_m * c, middle_m * s, BIN_HEIGHT_M / 2),
            xyaxes=(c, s, 0.0, -s, c, 0.0),
            material=BIN,
            group=1,
            **solid,
        )
    centre = (-BIN_ORBIT_M, 0.0, 0.0015)
    add(
        body,
        'geom',
        class_='look',
        type='cylinder',
        size=(_DISC_RADIUS_M, 0.0015),
        pos=centre,
        material='disc',
    )
    for turn in (math.pi / 2, math.pi, 3 * math.pi / 2):
        mark_m = (
            centre[0] + BIN_ORBIT_M * math.cos(turn),
            BIN_ORBIT_M * math.sin(turn),
            0.0031,
        )
        add(
            body,
            'geom',
            class_='look',
            type='cylinder',
            size=(0.02, 0.0003),
            pos=mark_m,
            material='disc_mark',
        )


def make_task(options: TaskOptions) -> DisposeTrash:
    """Return the task for `options`."""
    return DisposeTrash(options.turntable)
