# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Task pass_post: bring the left tool past a post, on either side, and into a goal that wanders
behind it; with more than one pass, then back into one before the post, and so on.

Both sides are equally good, so the mean of two good answers runs into the post. Touching it ends
the episode. The goal wanders smoothly and cannot be foretold, so old observations miss it. The
goal after it is seen as well: whoever plans ahead need not stop in between.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import numpy as np

from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf import section
from wla_ros.sim.tasks.smooth_drift import SmoothDrift
from wla_ros.sim.tasks.task import DrivenState
from wla_ros.sim.tasks.task import Judgement
from wla_ros.sim.tasks.task import ObjectState
from wla_ros.sim.tasks.task import SceneSight
from wla_ros.sim.tasks.task_options import PostOptions
from wla_ros.sim.tasks.task_options import TaskOptions

ARM = 'left'
POST, GOAL, NEXT = 'post', 'goal', 'next'
PLANE_M = 0.25  # height of the way: that of the tool at home
POST_RADIUS_M = 0.018
POST_TOP_M = 0.255  # above the middle of the fingers, below the palm
_POST_M = (0.35, settings.BASE_HALF_DISTANCE_M)
_POST_SCATTER_M = (0.010, 0.005)  # along and across the way
_GOAL_M = (0.51, settings.BASE_HALF_DISTANCE_M)
_GOAL_SCATTER_M = (0.015, 0.030)
# Goals before the post stand still, so that the way back past it begins where both sides are open.
_NEAR_GOAL_M = (0.215, settings.BASE_HALF_DISTANCE_M)
_NEAR_SCATTER_M = (0.010, 0.020)
_DEPTH_SHARE = 0.3  # of the drift, along the way
_SLOWEST_HZ, _FASTEST_HZ = 0.10, 0.40
_FIRST_PASS_S, _PASS_S = 6.0, 3.0  # time allowed
_NEXT_SHARE = 0.5  # size of the next goal, of that of the present one


class PassPost:
    """
    The left tool has to come into one goal after the other, and stay in the last; its fingers must
    not touch the post.
    """

    name = 'pass_post'
    instruction = 'Move the left gripper past the post into the goal.'
    objects = (POST, GOAL, NEXT)
    timestep_ns = 5_000_000
    gripper_start_m = 0.004  # closed, without pressing

    def __init__(self, options: PostOptions | None = None) -> None:
        """Take the number of goals, their drift and size from `options`."""
        self._options = options or PostOptions()

    @property
    def time_limit_s(self) -> float:
        """Three times what an arm needs that is not delayed."""
        return _FIRST_PASS_S + _PASS_S * (self._options.passes - 1)

    def add_to(self, root: ET.Element) -> None:
        """Append the post, the goal and the smaller one after it, which nothing can touch."""
        world, asset = section(root, 'worldbody'), section(root, 'asset')
        add(asset, 'material', name=POST, rgba=(0.80, 0.22, 0.20, 1), specular=0.3)
        add(asset, 'material', name=GOAL, rgba=(0.20, 0.70, 0.35, 0.45), specular=0.1)
        add(asset, 'material', name=NEXT, rgba=(0.85, 0.70, 0.20, 0.45), specular=0.1)
        post = add(world, 'body', name=POST, gravcomp=1)
        add(post, 'freejoint', name=POST)
        # Heavy, because it is driven: what touches it does not move it within one step.
        add(post, 'inertial', pos=(0, 0, 0), mass=50.0, diaginertia=(5.0, 5.0, 5.0))
        add(
            post,
            'geom',
            type='cylinder',
            size=(POST_RADIUS_M, POST_TOP_M / 2),
            pos=(0, 0, POST_TOP_M / 2),
            material=POST,
            group=1,
            contype=settings.OBJECT_BITS.kind,
            # The arms only: it stands on the table.
            conaffinity=sum(bits.kind for bits in settings.ARM_BITS.values()),
        )
        # The palm passes above the post with 10 mm to spare: the way of the fingers counts.
        contact = section(root, 'contact')
        for arm in settings.ARM_BASES:
            add(contact, 'exclude', body1=POST, body2=f'{arm}/link6')
        foot = (0.045, 0.004)
        add(post, 'geom', class_='look', type='cylinder', size=foot, pos=(0, 0, 0.004))
        for name, share in ((GOAL, 1.0), (NEXT, _NEXT_SHARE)):
            goal = add(world, 'body', name=name, gravcomp=1)
            add(goal, 'freejoint', name=name)
            add(goal, 'inertial', pos=(0, 0, 0), mass=1.0, diaginertia=(0.1, 0.1, 0.1))
            size = (share * self._options.goal_radius_m,)
            add(goal, 'geom', class_='look', type='sphere', size=size, material=name)

    def place(self, seed: int) -> dict[str, FloatArray]:
        """Return where post and goals are at first."""
        return {name: state.pose for name, state in self.course(seed).drive(0).items()}

    def course(self, seed: int) -> 'WanderingGoals':
        """Return the ways of the goals for `seed` and the memory of the episode."""
        return WanderingGoals(self._options, seed)

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Return that nothing is reached: only the course of an episode can tell."""
        del objects
        return Judgement(success=False, text='the tool was not in the goal yet')


class WanderingGoals:
    """Where post and goals are at any time, and what the tool has reached or touched."""

    def __init__(self, options: PostOptions, seed: int) -> None:
        """Draw the places and the drifts of the goals."""
        random = np.random.default_rng((seed, 0x9057))
        self._options = options
        post = np.array(_POST_M) + random.uniform(-1, 1, 2) * _POST_SCATTER_M
        self._post = DrivenState(
            pose=np.array([*post, 0.0, 0.0, 0.0, 0.0, 1.0]), velocity=np.zeros(3)
        )
        self._goals = [_Goal(options, random, is_far=not i % 2) for i in range(options.passes)]
        self._dwell_ns = seconds_to_ns(options.dwell_s)
        self._inside_since_ns: int | None = None
        self._touched_ns: int | None = None
        self._reached = 0

    def goals_at(self, elapsed_ns: int) -> tuple[FloatArray, FloatArray]:
        """Return positions [passes, 2] [m] and velocities [passes, 2] [m/s] of all goals."""
        time_s = ns_to_seconds(elapsed_ns)
        states = np.array([goal.at(time_s) for goal in self._goals])
        return states[:, :2], states[:, 2:]

    def drive(self, elapsed_ns: int) -> dict[str, DrivenState]:
        """Return the standing post, the goal and the one after it: itself, if it is the last."""
        time_s, last = ns_to_seconds(elapsed_ns), len(self._goals) - 1
        return {
            POST: self._post,
            GOAL: _driven(self._goals[min(self._reached, last)].at(time_s)),
            NEXT: _driven(self._goals[min(self._reached + 1, last)].at(time_s)),
        }

    def watch(self, scene: SceneSight) -> None:
        """Note a touch of the post, goals that were reached, and the stay in the last."""
        if self._reached == len(self._goals) or self._touched_ns is not None:
            return
        if any(name == POST for _, name in scene.touching()):
            self._touched_ns = scene.elapsed_ns
            return
        away_m = math.dist(scene.tool_point(ARM).tolist(), scene.object_point(GOAL).tolist())
        if not away_m <= self._options.goal_radius_m:
            self._inside_since_ns = None
            return
        if self._inside_since_ns is None:
            self._inside_since_ns = scene.elapsed_ns
        is_last = self._reached == len(self._goals) - 1
        if not is_last or scene.elapsed_ns - self._inside_since_ns >= self._dwell_ns:
            self._inside_since_ns = None
            self._reached += 1

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Return success once the tool has stayed in the last goal; a touch is final."""
        del objects
        if self._touched_ns is not None:
            after_s = ns_to_seconds(self._touched_ns)
            text = f'the arm touched the post after {after_s:.2f} s'
            return Judgement(success=False, text=text, final=True)
        if self._reached == len(self._goals):
            return Judgement(success=True, text='success', final=True)
        text = 'the tool has not stayed in the goal'
        if len(self._goals) > 1:
            text = f'{self._reached} of {len(self._goals)} goals were reached'
        return Judgement(success=False, text=text)


class _Goal:
    """One goal: behind the post and wandering, or before it and standing."""

    def __init__(self, options: PostOptions, random: np.random.Generator, *, is_far: bool) -> None:
        middle, scatter = (_GOAL_M, _GOAL_SCATTER_M) if is_far else (_NEAR_GOAL_M, _NEAR_SCATTER_M)
        self._x_m, self._y_m = (np.array(middle) + random.uniform(-1, 1, 2) * scatter).tolist()
        self._drift = [
            SmoothDrift(
                random,
                amplitude=share * options.drift_m,
                slowest_hz=_SLOWEST_HZ,
                fastest_hz=_FASTEST_HZ,
            )
            for share in ((_DEPTH_SHARE, 1.0) if is_far else ())
        ]

    def at(self, time_s: float) -> tuple[float, float, float, float]:
        """Return x, y [m] and their velocities [m/s]."""
        if not self._drift:
            return self._x_m, self._y_m, 0.0, 0.0
        x, y = self._drift
        return (
            self._x_m + x.at(time_s),
            self._y_m + y.at(time_s),
            x.rate_at(time_s),
            y.rate_at(time_s),
        )


def _driven(goal: tuple[float, float, float, float]) -> DrivenState:
    x, y, vx, vy = goal
    return DrivenState(
        pose=np.array([x, y, PLANE_M, 0.0, 0.0, 0.0, 1.0]), velocity=np.array([vx, vy, 0.0])
    )


def make_task(options: TaskOptions) -> PassPost:
    """Return the task for `options`."""
    return PassPost(options.post)
