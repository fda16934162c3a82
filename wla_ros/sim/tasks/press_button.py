# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Task press_button, after RMBench: press the button as often as told.

Between two presses the scene looks the same: what is left to do is known to memory alone. One
press too many ends the episode.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import numpy as np

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.types import FloatArray
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.mjcf import Attributes
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf import section
from wla_ros.sim.tasks.task import DrivenState
from wla_ros.sim.tasks.task import Judgement
from wla_ros.sim.tasks.task import ObjectState
from wla_ros.sim.tasks.task import SceneSight
from wla_ros.sim.tasks.task_options import ButtonOptions
from wla_ros.sim.tasks.task_options import TaskOptions

BUTTON, CAP = 'button', 'button_cap'
CAP_TOP_M = 0.040  # of the released cap above the table
TRAVEL_M = 0.010
PRESSED_M, RELEASED_M = 0.006, 0.003  # a press counts beyond the one, ends before the other
# The button turns by this at the begin and at the end of every press, as a ratchet does. Being
# round, it looks the same; experts and judges read the state of a press from it.
NOTCH_RAD = 1e-3
_CAP_RADIUS_M = 0.022
_FOOT_RADIUS_M = 0.035
_FOOT_HEIGHT_M = 0.025
_CAP_HALF_M = 0.010
_CAP_MASS_KG = 0.02
_STIFFNESS_N_M, _PRELOAD_N = 300.0, 1.2
_X_RANGE_M = (0.22, 0.46)
_Y_RANGE_M = (-0.25, 0.25)
_REACH_M = (0.22, 0.50)  # radius from the base of an arm
_LEFT_ALONE_M = 0.12  # a hand farther away than this has done with the button
_LEFT_ALONE_NS = 300 * NS_PER_MS


class PressButton:
    """The button has to be pressed the told number of times, and left alone then."""

    name = 'press_button'
    objects = (BUTTON, CAP)
    timestep_ns = 2_500_000
    gripper_start_m = None
    time_limit_s = 25.0

    def __init__(self, options: ButtonOptions | None = None) -> None:
        """Take the number of presses from `options`."""
        self.presses = (options or ButtonOptions()).presses

    @property
    def instruction(self) -> str:
        """Say how often."""
        return f'Press the button {self.presses} time{"" if self.presses == 1 else "s"}.'

    def add_to(self, root: ET.Element) -> None:
        """Append the button: a foot that stays, and the cap on a spring in it."""
        world, asset = section(root, 'worldbody'), section(root, 'asset')
        add(asset, 'material', name=BUTTON, rgba=(0.24, 0.26, 0.29, 1), specular=0.2)
        add(asset, 'material', name=CAP, rgba=(0.86, 0.12, 0.14, 1), specular=0.4)
        touch: Attributes = {
            'contype': settings.OBJECT_BITS.kind,
            'conaffinity': settings.OBJECT_BITS.touches,
            'condim': 4,
            'friction': (0.8, 0.005, 0.0001),
            'group': 1,
        }
        body = add(world, 'body', name=BUTTON, gravcomp=1)
        add(body, 'freejoint', name=BUTTON)
        # Heavy, because it is driven to stay where it is.
        add(body, 'inertial', pos=(0, 0, 0), mass=20.0, diaginertia=(1.0, 1.0, 1.0))
        foot: Attributes = {
            'type': 'cylinder',
            'size': (_FOOT_RADIUS_M, _FOOT_HEIGHT_M / 2),
            'pos': (0, 0, _FOOT_HEIGHT_M / 2),
        }
        add(body, 'geom', material=BUTTON, **foot, **touch)
        cap = add(body, 'body', name=CAP, pos=(0, 0, CAP_TOP_M), gravcomp=1)
        spring: Attributes = {
            'stiffness': _STIFFNESS_N_M,
            'springref': _PRELOAD_N / _STIFFNESS_N_M,
            'damping': 3.0,
            'armature': 0.02,
            'range': (-TRAVEL_M, 0.0),
            'solreflimit': (0.004, 1.0),  # the default gives way by 0.6 mm
        }
        add(cap, 'joint', name=CAP, type='slide', axis=(0, 0, 1), **spring)
        shape: Attributes = {
            'type': 'cylinder',
            'size': (_CAP_RADIUS_M, _CAP_HALF_M),
            'pos': (0, 0, -_CAP_HALF_M),
        }
        add(cap, 'geom', material=CAP, mass=_CAP_MASS_KG, **shape, **touch)

    def place(self, seed: int) -> dict[str, FloatArray]:
        """Return the button where one arm reaches it; the cap comes with it."""
        random = np.random.default_rng((seed, 0xB077))
        while True:
            x, y = random.uniform(*_X_RANGE_M), random.uniform(*_Y_RANGE_M)
            radii = [math.hypot(x - at[0], y - at[1]) for at in settings.ARM_BASES.values()]
            if any(_REACH_M[0] <= radius <= _REACH_M[1] for radius in radii):
                return {BUTTON: np.array([x, y, 0.0, 0.0, 0.0, 0.0, 1.0])}

    def course(self, seed: int) -> 'CountedPresses':
        """Return the count of the presses of an episode."""
        return CountedPresses(self.place(seed)[BUTTON], self.presses)

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Judge by the notches of the button, as far as they tell."""
        return _judged(presses_of(objects[BUTTON].pose), self.presses, alone=True)


class CountedPresses:
    """Counts the presses of one episode."""

    def __init__(self, place: FloatArray, told: int) -> None:
        """Leave the button at `place` [7]."""
        self._place, self._told = place, told
        self._notches = 0
        self._alone_since_ns: int | None = None
        self._alone = False

    def drive(self, elapsed_ns: int) -> dict[str, DrivenState]:
        """Return the place of the button, turned by the notches."""
        del elapsed_ns
        half = self._notches * NOTCH_RAD / 2
        pose = self._place.copy()
        pose[3:] = (0.0, 0.0, math.sin(half), math.cos(half))
        return {BUTTON: DrivenState(pose=pose, velocity=np.zeros(3))}

    def watch(self, scene: SceneSight) -> None:
        """Note whether the cap went down or came up, and whether a hand is near."""
        top = scene.object_point(CAP)
        depth_m = CAP_TOP_M - float(top[2])
        pressed = self._notches % 2 == 1
        if (not pressed and depth_m > PRESSED_M) or (pressed and depth_m < RELEASED_M):
            self._notches += 1
        hands = (scene.tool_point(arm) for arm in settings.ARM_BASES)
        if any(math.dist(hand.tolist(), top.tolist()) < _LEFT_ALONE_M for hand in hands):
            self._alone_since_ns = None
        elif self._alone_since_ns is None:
            self._alone_since_ns = scene.elapsed_ns
        since_ns = self._alone_since_ns
        self._alone = since_ns is not None and scene.elapsed_ns - since_ns >= _LEFT_ALONE_NS

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Return success once the button was pressed as told and is left alone."""
        del objects
        return _judged((self._notches + 1) // 2, self._told, alone=self._alone)


def notches_of(pose: FloatArray) -> int:
    """Return the begins and ends of presses that the button's `pose` [7] tells; odd: pressed."""
    return round(2.0 * math.atan2(float(pose[5]), float(pose[6])) / NOTCH_RAD)


def presses_of(pose: FloatArray) -> int:
    """Return the presses begun that the button's `pose` [7] tells."""
    return (notches_of(pose) + 1) // 2


def _judged(count: int, told: int, *, alone: bool) -> Judgement:
    if count > told:
        text = f'the button was pressed {count} times, told were {told}'
        return Judgement(success=False, text=text, final=True)
    if count < told:
        return Judgement(success=False, text=f'the button was pressed {count} times of {told}')
    if not alone:
        return Judgement(success=False, text='a hand is still at the button')
    # Final only by another press: a hand that returns presses once too often.
    return Judgement(success=True, text='success')


def make_task(options: TaskOptions) -> PressButton:
    """Return the task for `options`."""
    return PressButton(options.button)
