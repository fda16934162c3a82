"""
Task pass_post: bring the left tool past a post, on either side, and into a goal that wanders
behind it.

Both sides are equally good, so the mean of two good answers runs into the post. Touching it ends
the episode. The goal wanders smoothly and cannot be foretold, so old observations miss it.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import numpy as np

from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import FloatArray
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf import section
from wla_ros.sim.tasks.smooth_drift import SmoothDrift
from wla_ros.sim.tasks.task import DrivenState
from wla_ros.sim.tasks.task import Judgement
from wla_ros.sim.tasks.task import ObjectState
from wla_ros.sim.tasks.task import SceneSight
from wla_ros.sim.tasks.task_options import PostOptions

ARM = 'left'
POST, GOAL = 'post', 'goal'
PLANE_M = 0.25  # height of the way: that of the tool at home
POST_RADIUS_M = 0.018
POST_TOP_M = 0.255  # above the middle of the fingers, below the palm
_POST_M = (0.35, settings.BASE_HALF_DISTANCE_M)
_POST_SCATTER_M = (0.010, 0.005)  # along and across the way
_GOAL_M = (0.51, settings.BASE_HALF_DISTANCE_M)
_GOAL_SCATTER_M = (0.015, 0.030)
_DEPTH_SHARE = 0.3  # of the drift, along the way
_SLOWEST_HZ, _FASTEST_HZ = 0.10, 0.40


class PassPost:
    """The left tool has to come into the goal and stay; its fingers must not touch the post."""

    name = 'pass_post'
    instruction = 'Move the left gripper past the post into the goal.'
    objects = (POST, GOAL)
    timestep_ns = 5_000_000
    gripper_start_m = 0.004  # closed, without pressing
    time_limit_s = 6.0

    def __init__(self, options: PostOptions | None = None) -> None:
        """Take drift and size of the goal from `options`."""
        self._options = options or PostOptions()

    def add_to(self, root: ET.Element) -> None:
        """Append the post and the goal, which nothing can touch."""
        world, asset = section(root, 'worldbody'), section(root, 'asset')
        add(asset, 'material', name=POST, rgba=(0.80, 0.22, 0.20, 1), specular=0.3)
        add(asset, 'material', name=GOAL, rgba=(0.20, 0.70, 0.35, 0.45), specular=0.1)
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
        goal = add(world, 'body', name=GOAL, gravcomp=1)
        add(goal, 'freejoint', name=GOAL)
        add(goal, 'inertial', pos=(0, 0, 0), mass=1.0, diaginertia=(0.1, 0.1, 0.1))
        add(
            goal,
            'geom',
            class_='look',
            type='sphere',
            size=(self._options.goal_radius_m,),
            material=GOAL,
        )

    def place(self, seed: int) -> dict[str, FloatArray]:
        """Return where post and goal are at first."""
        return {name: state.pose for name, state in self.course(seed).drive(0).items()}

    def course(self, seed: int) -> 'WanderingGoal':
        """Return the way of the goal for `seed` and the memory of the episode."""
        return WanderingGoal(self._options, seed)

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Return that nothing is reached: only the course of an episode can tell."""
        del objects
        return Judgement(success=False, text='the tool was not in the goal yet')


class WanderingGoal:
    """Where post and goal are at any time, and what the tool has reached or touched."""

    def __init__(self, options: PostOptions, seed: int) -> None:
        """Draw the places and the drift of the goal."""
        random = np.random.default_rng((seed, 0x9057))
        self._options = options
        post = np.array(_POST_M) + random.uniform(-1, 1, 2) * _POST_SCATTER_M
        self._goal: FloatArray = np.array(_GOAL_M) + random.uniform(-1, 1, 2) * _GOAL_SCATTER_M
        self._post = DrivenState(
            pose=np.array([*post, 0.0, 0.0, 0.0, 0.0, 1.0]), velocity=np.zeros(3)
        )
        self._drift = [
            SmoothDrift(
                random,
                amplitude=share * options.drift_m,
                slowest_hz=_SLOWEST_HZ,
                fastest_hz=_FASTEST_HZ,
            )
            for share in (_DEPTH_SHARE, 1.0)
        ]
        self._dwell_ns = seconds_to_ns(options.dwell_s)
        self._inside_since_ns: int | None = None
        self._touched_ns: int | None = None
        self._reached = False

    def drive(self, elapsed_ns: int) -> dict[str, DrivenState]:
        """Return the standing post and the moving goal."""
        time_s = ns_to_seconds(elapsed_ns)
        x, y = (self._goal[i] + drift.at(time_s) for i, drift in enumerate(self._drift))
        vx, vy = (drift.rate_at(time_s) for drift in self._drift)
        goal = DrivenState(
            pose=np.array([x, y, PLANE_M, 0.0, 0.0, 0.0, 1.0]), velocity=np.array([vx, vy, 0.0])
        )
        return {POST: self._post, GOAL: goal}

    def watch(self, scene: SceneSight) -> None:
        """Note a touch of the post, and how long the tool has been in the goal."""
        if self._reached or self._touched_ns is not None:
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
        self._reached = scene.elapsed_ns - self._inside_since_ns >= self._dwell_ns

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Return success once the tool has stayed in the goal; a touch of the post is final."""
        del objects
        if self._touched_ns is not None:
            after_s = ns_to_seconds(self._touched_ns)
            text = f'the arm touched the post after {after_s:.2f} s'
            return Judgement(success=False, text=text, final=True)
        if self._reached:
            return Judgement(success=True, text='success', final=True)
        return Judgement(success=False, text='the tool has not stayed in the goal')
