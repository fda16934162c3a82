"""
Demonstrations of pass_post in bulk: the law of `post_law`, disturbed so that they show how to
recover.

What is executed deviates from what the law wants by forces that come and go, by kicks and by
joints that wander; what is planned at every step does not. Every episode keeps to one side of the
post, but plans are drawn anew at every step, as far as the side is open: nobody who sees one step
only can tell which one it will be, and no policy that learns from them either.
"""

import math
from dataclasses import dataclass

import numpy as np

from wla_ros.core.configuration import parameter
from wla_ros.core.demonstrations import Demonstrations
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.timing import period_ns
from wla_ros.core.types import FloatArray
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.kinematic.leaning_arm import leaning_joints
from wla_ros.sim.kinematic.post_law import KEEP_OUT_M
from wla_ros.sim.kinematic.post_law import SPEED_M_S
from wla_ros.sim.kinematic.post_law import Scene
from wla_ros.sim.kinematic.post_law import ToolState
from wla_ros.sim.kinematic.post_law import acceleration
from wla_ros.sim.kinematic.post_law import side_of
from wla_ros.sim.kinematic.post_law import way
from wla_ros.sim.tasks.pass_post import ARM
from wla_ros.sim.tasks.pass_post import GOAL
from wla_ros.sim.tasks.pass_post import PLANE_M
from wla_ros.sim.tasks.pass_post import POST
from wla_ros.sim.tasks.pass_post import PassPost
from wla_ros.sim.tasks.task_options import PostOptions

DT_NS = period_ns(30.0)
_DT_S = ns_to_seconds(DT_NS)
# Episodes of the rig are drawn from small seeds; these are others.
_FIRST_SEED = 1_000_000_000
_BASE = np.array(settings.ARM_BASES[ARM])
_HOME_TOOL = flange_pose(np.array(settings.HOME_RAD), tool_offset_m=settings.TCP_OFFSET_M)
_TILT_RAD = math.acos(-float(_HOME_TOOL[2, 2]))
# Beginnings that are not at home lie in this part of the plane, relative to the base.
_X_RANGE_M, _Y_RANGE_M = (0.20, 0.55), (-0.15, 0.15)
_FORCE_S = 0.25  # how long a disturbing force lasts
_WANDER_S = 0.5  # how long joints are off
_RETURN_S = 0.25  # how long the plan takes to bring them back
_EPISODES_AT_ONCE = 50  # memory of the plans of one block


@dataclass(frozen=True, slots=True, kw_only=True)
class PostDemonstrationConfig:
    """How many demonstrations, and how disturbed."""

    episodes: int = parameter('number', minimum=1, default=800)
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
        'deviation of joints from the way', unit='rad', minimum=0.0, default=0.012
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
    steps = max(2, round(config.duration_s / _DT_S))
    positions, drift = _courses(config, options or PostOptions(), steps)
    post, goal = positions[:, 0, 0, :2], positions[:, :, 1, :2]
    points, velocities = _executed(config, random, post, goal, drift)
    wander = _wandering((config.episodes, steps, 6), config.wander_rad, _WANDER_S, random)
    commands = _joints(points) + wander
    rate = np.gradient(commands, _DT_S, axis=1)
    noise = random.normal(0.0, config.velocity_noise_rad_s, rate.shape)
    rows = np.arange(config.horizon) * _DT_S
    returning = np.exp(-rows / _RETURN_S)[:, None]  # [h, 1]
    plans = np.empty((config.episodes, steps, config.horizon, 6))
    for first in range(0, config.episodes, _EPISODES_AT_ONCE):
        block = slice(first, first + _EPISODES_AT_ONCE)
        count = len(post[block])
        state = ToolState(
            point=points[block].reshape(-1, 2), velocity=velocities[block].reshape(-1, 2)
        )
        scene = Scene(
            post=np.repeat(post[block], steps, axis=0),
            goal=goal[block].reshape(-1, 2),
            drift=drift[block].reshape(-1, 2),
        )
        side = side_of(state, scene, random.uniform(-1.0, 1.0, count * steps))
        ways = way(state, scene, side, rows=config.horizon, dt_s=_DT_S)
        ways = ways.reshape(count, steps, config.horizon, 2)
        plans[block] = _joints(ways) + returning * wander[block, :, None]
    return Demonstrations(
        dt_ns=DT_NS,
        columns=JointLayout((ARM,)).columns[:6],
        objects=(POST, GOAL),
        lengths=np.full(config.episodes, steps, dtype=np.int64),
        # Without lag: a policy that learned to lead by one would run away from arms without.
        joints=commands,
        velocities=rate + noise,
        commands=commands,
        plans=plans,
        positions=positions,
    )


def _courses(
    config: PostDemonstrationConfig, options: PostOptions, steps: int
) -> tuple[FloatArray, FloatArray]:
    """Return positions [e, t, 2, 3] of post and goal and the velocity [e, t, 2] of the goal."""
    positions = np.empty((config.episodes, steps, 2, 3))
    drift = np.empty((config.episodes, steps, 2))
    task = PassPost(options)
    for episode in range(config.episodes):
        seed = _FIRST_SEED * (config.seed + 1) + episode
        course = task.course(seed)
        for step in range(steps):
            states = course.drive(step * DT_NS)
            positions[episode, step, 0] = states[POST].pose[:3]
            positions[episode, step, 1] = states[GOAL].pose[:3]
            drift[episode, step] = states[GOAL].velocity[:2]
    return positions, drift


def _executed(
    config: PostDemonstrationConfig,
    random: np.random.Generator,
    post: FloatArray,
    goal: FloatArray,
    drift: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return points and velocities [e, t, 2] of what is executed."""
    episodes, steps = goal.shape[:2]
    state = _beginning(config, random, post)
    rest = np.where(
        np.any(state.velocity != 0.0, axis=1),
        0,
        random.integers(0, round(config.largest_rest_s / _DT_S) + 1, episodes),
    )  # [e] steps
    force = _wandering((episodes, steps, 2), config.force_m_s2, _FORCE_S, random)
    # Some are hardly disturbed: what is usual has to be learned best.
    strength = random.uniform(0.0, 1.5, (episodes, 1, 1))
    force *= strength * (random.random((episodes, 1, 1)) < 0.8)
    draw = np.asarray(random.uniform(-1.0, 1.0, episodes))
    points, velocities = np.empty((episodes, steps, 2)), np.empty((episodes, steps, 2))
    for step in range(steps):
        scene = Scene(post=post, goal=goal[:, step], drift=drift[:, step])
        points[:, step], velocities[:, step] = state.point, state.velocity
        moves = (step >= rest)[:, None]
        side = side_of(state, scene, draw)
        pull = acceleration(state, scene, side) + force[:, step]
        state = state.step(moves * (pull + _kick(config, random, episodes) / _DT_S), _DT_S)
    return points, velocities


def _beginning(
    config: PostDemonstrationConfig, random: np.random.Generator, post: FloatArray
) -> ToolState:
    episodes = len(post)
    at_home = _BASE[:2] + _HOME_TOOL[:2, 3] + random.normal(0.0, 0.008, (episodes, 2))
    away = _BASE[:2] + np.column_stack(
        (random.uniform(*_X_RANGE_M, episodes), random.uniform(*_Y_RANGE_M, episodes))
    )
    from_post = away - post
    distance = np.maximum(np.hypot(from_post[:, :1], from_post[:, 1:]), 1e-6)
    away = post + from_post * np.maximum(1.0, KEEP_OUT_M / distance)
    is_away = (random.random(episodes) < config.away_share)[:, None]
    return ToolState(
        point=np.where(is_away, away, at_home),
        velocity=np.where(is_away, random.normal(0.0, SPEED_M_S / 3, (episodes, 2)), 0.0),
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


def _joints(points: FloatArray) -> FloatArray:
    """Return joints [..., 6] with the tool at `points` [..., 2], leaning as at home."""
    local = np.empty((*points.shape[:-1], 3))
    local[..., :2] = points - _BASE[:2]
    local[..., 2] = PLANE_M - _BASE[2]
    return leaning_joints(local, tilt_rad=_TILT_RAD, tool_offset_m=settings.TCP_OFFSET_M)
