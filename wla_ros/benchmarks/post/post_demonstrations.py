# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Demonstrations of pass_post in bulk: the law of `post_law`, disturbed so that they show how to
recover.

What is executed deviates from what the law wants by forces that come and go, by kicks, by pauses
and by joints that wander; what is planned at every step does not. Every episode keeps to one side
of the post, but plans are drawn anew at every step, as far as the side is open: nobody who sees
one step only can tell which one it will be, and no policy that learns from them either. With more
than one pass, episodes begin before any of them.
"""

import math
from dataclasses import dataclass

import numpy as np

from wla_ros.base.config import parameter
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import period_ns
from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.execution.demonstrations import Demonstrations
from wla_ros.benchmarks.post.pass_post import ARM
from wla_ros.benchmarks.post.pass_post import GOAL
from wla_ros.benchmarks.post.pass_post import NEXT
from wla_ros.benchmarks.post.pass_post import PLANE_M
from wla_ros.benchmarks.post.pass_post import POST
from wla_ros.benchmarks.post.post_courses import Integers
from wla_ros.benchmarks.post.post_courses import PostCourses
from wla_ros.benchmarks.post.post_courses import post_courses
from wla_ros.benchmarks.post.post_law import KEEP_OUT_M
from wla_ros.benchmarks.post.post_law import SPEED_M_S
from wla_ros.benchmarks.post.post_law import ToolState
from wla_ros.benchmarks.post.post_law import acceleration
from wla_ros.benchmarks.post.post_law import side_of
from wla_ros.benchmarks.post.post_law import way
from wla_ros.benchmarks.post.post_plane import HOME_POINT_M
from wla_ros.benchmarks.post.post_plane import joints_at
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.tasks.task_options import PostOptions

DT_NS = period_ns(30.0)
_DT_S = ns_to_seconds(DT_NS)
# Episodes of the rig are drawn from small seeds; these are others.
_FIRST_SEED = 1_000_000_000
_BASE = np.array(settings.ARM_BASES[ARM])
# Beginnings that are not at home lie in this part of the plane, relative to the base.
_X_RANGE_M, _Y_RANGE_M = (0.20, 0.58), (-0.16, 0.16)
_FORCE_S = 0.25  # how long a disturbing force lasts
_WANDER_S = 0.5  # how long joints are off
# Time constant of the plan to bring them back: where chunks come late and often, a return that is
# fast compared with their delay overshoots and builds up.
_RETURN_S = 0.35
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 0.8
# A plan counts a goal as reached a little inside of it: it is not executed to the millimetre.
_REACH_SHARE = 0.9
_BRAKING_S = 0.10  # time constant of the speed in a pause
_EPISODES_AT_ONCE = 50  # memory of the plans of one block


@dataclass(frozen=True, slots=True, kw_only=True)
class PostDemonstrationConfig:
    """How many demonstrations, and how disturbed."""

    episodes: int = parameter('number', minimum=1, default=1200)
    duration_s: float = parameter('of each', unit='s', minimum=0.5, maximum=60.0, default=3.2)
    horizon: int = parameter('rows of a plan', minimum=2, maximum=1000, default=32)
    away_share: float = parameter(
        'share that begins anywhere, moving; the others begin at home, resting',
        minimum=0.0,
        maximum=1.0,
        default=0.35,
    )
    largest_rest_s: float = parameter(
        'longest rest at the beginning', unit='s', minimum=0.0, default=0.4
    )
    force_m_s2: float = parameter(
        'deviation of the disturbing acceleration', unit='m/s^2', minimum=0.0, default=0.25
    )
    kick_hz: float = parameter('kicks per second', unit='Hz', minimum=0.0, default=0.7)
    kick_m_s: float = parameter('largest kick', unit='m/s', minimum=0.0, default=0.2)
    wander_rad: float = parameter(
        'deviation of joints from the way', unit='rad', minimum=0.0, default=0.035
    )
    pause_share: float = parameter(
        'share of episodes with a pause on the way', minimum=0.0, maximum=1.0, default=0.35
    )
    velocity_noise_rad_s: float = parameter(
        'of the measured velocities', unit='rad/s', minimum=0.0, default=0.02
    )
    seed: int = parameter('of everything that is drawn', minimum=0, default=0)


def post_demonstrations(
    config: PostDemonstrationConfig, options: PostOptions | None = None
) -> Demonstrations:
    """Return demonstrations of pass_post with `options`; the other arm and grippers are absent."""
    random = np.random.default_rng([config.seed, 0x9057DE])
    options = options or PostOptions()
    steps = max(2, round(config.duration_s / _DT_S))
    courses = post_courses(
        options,
        first_seed=_FIRST_SEED * (config.seed + 1),
        episodes=config.episodes,
        steps=steps,
        dt_ns=DT_NS,
    )
    executed = _executed(config, random, courses, options.goal_radius_m)
    points = executed.points
    wander = _wandering((config.episodes, steps, 6), config.wander_rad, _WANDER_S, random)
    wander *= random.uniform(0.0, 1.5, (config.episodes, 1, 1))
    commands = joints_at(points) + wander
    rate = np.gradient(commands, _DT_S, axis=1)
    noise = random.normal(0.0, config.velocity_noise_rad_s, rate.shape)
    returning = _returning(wander, config.horizon)
    plans = np.empty((config.episodes, steps, config.horizon, 6))
    for first in range(0, config.episodes, _EPISODES_AT_ONCE):
        block = slice(first, first + _EPISODES_AT_ONCE)
        count = len(points[block])
        state = ToolState(
            point=points[block].reshape(-1, 2),
            velocity=executed.velocities[block].reshape(-1, 2),
        )
        scene = courses.scene(
            np.repeat(np.arange(first, first + count), steps),
            np.tile(np.arange(steps), count),
            executed.goal[block].ravel(),
        )
        side = side_of(state, scene, random.uniform(-1.0, 1.0, count * steps))
        ways = way(
            state,
            scene,
            side,
            rows=config.horizon,
            dt_s=_DT_S,
            goal_radius_m=_REACH_SHARE * options.goal_radius_m,
            next_draw=random.uniform(-1.0, 1.0, count * steps),
        ).reshape(count, steps, config.horizon, 2)
        plans[block] = joints_at(ways) + returning[block]
    return Demonstrations(
        dt_ns=DT_NS,
        columns=JointLayout((ARM,)).columns[:6],
        objects=(POST, GOAL, NEXT),
        lengths=np.full(config.episodes, steps, dtype=np.int64),
        # Without lag: a policy that learned to lead by one would run away from arms without.
        joints=commands,
        velocities=rate + noise,
        commands=commands,
        plans=plans,
        positions=_positions(courses, executed.goal),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Execution:
    points: FloatArray  # [e, t, 2] [m]
    velocities: FloatArray  # [e, t, 2] [m/s]
    goal: Integers  # [e, t] which one the tool is on its way to


def _executed(
    config: PostDemonstrationConfig,
    random: np.random.Generator,
    courses: PostCourses,
    goal_radius_m: float,
) -> _Execution:
    """Return what is executed."""
    episodes, steps = courses.goals.shape[:2]
    everyone = np.arange(episodes)
    goal, state = _beginning(config, random, courses)
    rest = np.where(
        np.any(state.velocity != 0.0, axis=1),
        0,
        random.integers(0, round(config.largest_rest_s / _DT_S) + 1, episodes),
    )  # [e] steps
    force = _wandering((episodes, steps, 2), config.force_m_s2, _FORCE_S, random)
    # Some are hardly disturbed: what is usual has to be learned best.
    strength = random.uniform(0.0, 1.5, (episodes, 1, 1))
    force *= strength * (random.random((episodes, 1, 1)) < 0.8)
    draw = random.uniform(-1.0, 1.0, size=(episodes, courses.passes))
    pause = rest + random.integers(0, steps, episodes)  # [e] its first step
    pause_s = random.uniform(_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S, size=episodes)
    pause_end = pause + np.round(pause_s / _DT_S).astype(np.int64)
    pause_end = np.where(random.random(episodes) < config.pause_share, pause_end, pause)
    points, velocities = np.empty((2, episodes, steps, 2))
    goals = np.empty((episodes, steps), dtype=np.int64)
    for step in range(steps):
        scene = courses.scene(everyone, step, goal)
        near = np.hypot(*(scene.goal - state.point).T) <= goal_radius_m
        goal = goal + (near & ~scene.is_last)
        scene = courses.scene(everyone, step, goal)
        points[:, step], velocities[:, step], goals[:, step] = state.point, state.velocity, goal
        moves = (step >= rest)[:, None]
        side = side_of(state, scene, draw[everyone, goal])
        pull = acceleration(state, scene, side) + force[:, step]
        is_paused = ((step >= pause) & (step < pause_end))[:, None]
        pull = np.where(is_paused, -state.velocity / _BRAKING_S, pull)
        state = state.step(moves * (pull + _kick(config, random, episodes) / _DT_S), _DT_S)
    return _Execution(points=points, velocities=velocities, goal=goals)


def _positions(courses: PostCourses, goal: Integers) -> FloatArray:
    """Return positions [e, t, 3, 3] of post, goal and next goal."""
    episodes, steps = goal.shape
    scene = courses.scene(
        np.repeat(np.arange(episodes), steps), np.tile(np.arange(steps), episodes), goal.ravel()
    )
    positions = np.empty((episodes * steps, 3, 3))
    for i, (point, height_m) in enumerate(
        ((scene.post, 0.0), (scene.goal, PLANE_M), (scene.next_goal, PLANE_M))
    ):
        positions[:, i, :2], positions[:, i, 2] = point, height_m
    return positions.reshape(episodes, steps, 3, 3)


def _beginning(
    config: PostDemonstrationConfig, random: np.random.Generator, courses: PostCourses
) -> tuple[Integers, ToolState]:
    """Return the goal [e] to go to first, and the state to begin with."""
    episodes = config.episodes
    goal = random.integers(0, courses.passes, episodes)
    is_away = random.random(episodes) < config.away_share
    # At home an arm is on its way past the post.
    goal = np.where(is_away, goal, goal - goal % 2)
    at_home = HOME_POINT_M + random.normal(0.0, 0.008, (episodes, 2))
    away = _BASE[:2] + np.column_stack(
        (random.uniform(*_X_RANGE_M, episodes), random.uniform(*_Y_RANGE_M, episodes))
    )
    from_post = away - courses.post
    distance = np.maximum(np.hypot(from_post[:, :1], from_post[:, 1:]), 1e-6)
    away = courses.post + from_post * np.maximum(1.0, KEEP_OUT_M / distance)
    return goal, ToolState(
        point=np.where(is_away[:, None], away, at_home),
        velocity=np.where(is_away[:, None], random.normal(0.0, SPEED_M_S / 3, (episodes, 2)), 0.0),
    )


def _kick(
    config: PostDemonstrationConfig, random: np.random.Generator, episodes: int
) -> FloatArray:
    """Return sudden changes of velocity [e, 2] [m/s], mostly none."""
    is_kicked = random.random(episodes) < config.kick_hz * _DT_S
    angle = random.uniform(0.0, 2.0 * math.pi, episodes)
    size = is_kicked * random.uniform(0.0, config.kick_m_s, episodes)
    return np.column_stack((size * np.cos(angle), size * np.sin(angle)))


def _wandering(
    shape: tuple[int, int, int], deviation: float, memory_s: float, random: np.random.Generator
) -> FloatArray:
    """Return values [e, t, c] that wander about zero with `deviation`, smoothly twice over."""
    keep = math.exp(-_DT_S / (memory_s / 2))
    values = np.empty(shape)
    slow = fast = np.zeros((shape[0], shape[2]))
    # Two first-order filters in a row; started early, so that the first step is like any other.
    lead = round(3 * memory_s / _DT_S)
    for step in range(-lead, shape[1]):
        fast = keep * fast + (1.0 - keep) * random.normal(0.0, 1.0, fast.shape)
        slow = keep * slow + (1.0 - keep) * fast
        if step >= 0:
            values[:, step] = slow
    return np.asarray(values * (deviation / values.std()))


def _returning(wander: FloatArray, horizon: int) -> FloatArray:
    """Return how a plan brings joints back [e, t, h, c]: critically damped, without a step."""
    rate = np.gradient(wander, _DT_S, axis=1)
    time_s = (np.arange(horizon) * _DT_S)[:, None]  # [h, 1]
    start, slope = wander[:, :, None], (rate + wander / _RETURN_S)[:, :, None]
    return np.asarray((start + slope * time_s) * np.exp(-time_s / _RETURN_S))
