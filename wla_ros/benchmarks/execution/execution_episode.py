# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
One episode of the execution benchmark, in a process of its own or in this one.

Composition only: the parts of `wla_ros evaluate`, a strategy of this package or a peer's queue in
place of the executor. A process compiles the scene of a task once.
"""

import dataclasses
import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.curve import CurveSample
from wla_ros.base.joints import JointLimits
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.base.types import Policy
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.benchmarks.execution.benchmark_cell import BenchmarkCell
from wla_ros.benchmarks.execution.benchmark_cell import cell_of
from wla_ros.benchmarks.execution.benchmark_table import FAST
from wla_ros.benchmarks.execution.episode_outcome import EpisodeOutcome
from wla_ros.benchmarks.execution.episode_outcome import outcome_of
from wla_ros.benchmarks.execution.task_variant import task_variant
from wla_ros.benchmarks.flow.flow_settings import FlowSettings
from wla_ros.benchmarks.peers.catalogue import PEERS
from wla_ros.benchmarks.peers.lerobot_rtc import MAX_GUIDANCE_WEIGHT
from wla_ros.benchmarks.peers.lerobot_rtc import LeRobotRtc
from wla_ros.benchmarks.peers.peer_executor import PeerExecutor
from wla_ros.benchmarks.post.noisy_expert import NoisyExpertSettings
from wla_ros.composition.executor import ExecutorNodeConfiguration
from wla_ros.composition.executor import require_executor
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.episodes.rig import Executor
from wla_ros.episodes.rig import VirtualExecutor
from wla_ros.episodes.rig import VirtualRig
from wla_ros.episodes.virtual import VirtualEpisode
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.limiter import MotionLimiter
from wla_ros.inference.session import InferenceSession
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.inference.strategy import strategy_named
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import SynchronisationConfig
from wla_ros.policies.expert import ExpertSettings
from wla_ros.policies.registry import PolicySection
from wla_ros.policies.registry import make_policy
from wla_ros.robots.piper.limits import piper_limits
from wla_ros.robots.robot import Robot
from wla_ros.robots.robot import RobotSection
from wla_ros.robots.robot import load_robot
from wla_ros.sim.config import RigCamera
from wla_ros.sim.config import RigConfig
from wla_ros.sim.rig import SimulatedRig
from wla_ros.sim.tasks.task_options import PostOptions
from wla_ros.sim.tasks.task_options import TaskOptions
from wla_ros.sim.tasks.task_options import TurntableOptions

POLICIES = ('expert', 'noisy_expert', 'flow')
# The camera whose exposures the policy's observations are anchored to.
_CAMERA = 'head'
# From exposure to the policy node besides the injected delay: image transport of EpisodeSettings
# and half a frame period of waiting.
_USUAL_AGE_S = 0.05
_STATUS_PERIOD_NS = 100 * NS_PER_MS
# Between two inferences. Asked at every image, a policy sees its own rows only one at a time: at
# no delay guided, prefixed and rolled policies then follow what they said themselves.
ROWS = 8
# Stopping and starting cost sync more than the delay does: it executes most of a chunk, so that
# what is compared with is sync at its best.
SYNC_ROWS = 28
_JUDGE_PERIOD_NS = 10 * NS_PER_MS  # the resolution of task times


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeParts:
    """What an episode needs besides its cell; plain values, it travels to other processes."""

    weights: Mapping[str, Path] = dataclasses.field(
        default_factory=dict
    )  # of `flow`, by task variant
    driver_profile: str = 'piper_ros'


def run_outcome(parts: EpisodeParts, key: str, seed: int) -> EpisodeOutcome:
    """Run one episode of the cell `key` and return its numbers."""
    began = time.process_time()
    cell = cell_of(key)
    record = run_record(parts, cell, seed)
    robot = _robot(parts.driver_profile)
    config = executor_config(cell)
    return outcome_of(
        record,
        cell=key,
        limits=config.motion.scaled(piper_limits(robot.layout)),
        layout=robot.layout,
        limit_s=_rig(cell.task).task.time_limit_s,
        cpu_s=time.process_time() - began,
    )


def run_record(
    parts: EpisodeParts, cell: BenchmarkCell, seed: int, *, pictures: bool = False
) -> EpisodeRecord:
    """Run one episode and return all of it."""
    robot = _robot(parts.driver_profile)
    rig = _rig(cell.task)
    peer = PEERS.get(cell.strategy)
    policy = make_policy(policy_section(parts, cell), robot, (_CAMERA,))
    spec = policy.spec
    executor: Executor
    if peer is None:
        strategy = strategy_config(cell)
        executor = VirtualExecutor(
            require_executor(
                ExecutorNodeConfiguration(
                    robot=RobotSection(driver_profile=parts.driver_profile), strategy=strategy
                ),
                source='bench-execution',
            ).make_executor()
        )
    else:
        strategy = peer.asks(spec.horizon)
        queue = peer.queue(spec.horizon, spec.dt_ns / 1e9)
        config = executor_config(cell)
        limits = config.motion.scaled(piper_limits(robot.layout))
        executor = PeerExecutor(
            queue,
            LimiterStage(limits),
            robot.layout,
            strategy=strategy.name,
            dt_ns=spec.dt_ns,
            period_ns=config.period_ns,
        )
        if isinstance(queue, LeRobotRtc):
            policy = GuidedByQueue(policy, queue)
    virtual_rig = VirtualRig(rig, robot.profile, render=False, pictures=pictures)
    try:
        return VirtualEpisode(
            rig=virtual_rig,
            session=InferenceSession(
                spec,
                SynchronisationConfig(cameras={_CAMERA: CameraSync()}),
                robot.layout,
                strategy=strategy,
            ),
            executor=executor,
            policy=policy,
            layout=robot.layout,
            settings=episode_settings(cell, rig.task.time_limit_s),
            seed=seed,
            task=cell.task,
            instruction=rig.task.instruction,
        ).run()
    finally:
        policy.close()
        virtual_rig.close_pictures()


def strategy_config(cell: BenchmarkCell) -> StrategyConfig:
    """
    Return the strategy of this package with the delay that a user would have measured.

    'NAME' infers every `ROWS` rows, or as fast as it can if the delay is longer; 'NAME fast'
    always does.
    """
    at = cell.conditions
    name, _, cadence = cell.strategy.partition(' ')
    return StrategyConfig(
        name=name,
        infer='fast' if cadence == FAST else 'every',
        rows=SYNC_ROWS if strategy_named(name).waits else ROWS,
        expected_delay_s=(at.delay_ms + at.jitter_ms) / 1e3 + _USUAL_AGE_S,
        warm_up=0,  # nothing warms up in virtual time
    )


def executor_config(cell: BenchmarkCell) -> ExecutorConfig:
    """Return the defaults of the executor node with the cell's strategy, a peer's with none."""
    if cell.strategy in PEERS:
        return ExecutorConfig()
    return ExecutorConfig(strategy=strategy_config(cell))


def episode_settings(cell: BenchmarkCell, time_limit_s: float) -> EpisodeSettings:
    """Return the conditions of `cell` in the words of an episode."""
    at = cell.conditions
    return EpisodeSettings(
        inference_latency_ns=at.delay_ms * NS_PER_MS,
        inference_jitter_ns=at.jitter_ms * NS_PER_MS,
        inference_drop_probability=at.drop_percent / 100.0,
        status_period_ns=_STATUS_PERIOD_NS,
        judge_period_ns=_JUDGE_PERIOD_NS,
        strategy=StrategyConfig() if cell.strategy in PEERS else strategy_config(cell),
        time_limit_ns=seconds_to_ns(time_limit_s),
    )


def policy_section(parts: EpisodeParts, cell: BenchmarkCell) -> PolicySection:
    """Return which policy `cell` names, and how it runs."""
    task = task_variant(cell.task).task
    settings: dict[str, Any] = {
        'expert': ExpertSettings(task=task),
        'noisy_expert': NoisyExpertSettings(task=task),
    }
    if cell.policy == 'flow':
        weights = str(parts.weights[cell.task])
        settings['flow'] = FlowSettings(weights=weights)
        if cell.strategy in PEERS and PEERS[cell.strategy].guided:
            # Its peer is guided as strongly as the peer is.
            settings['flow'] = FlowSettings(
                weights=weights,
                steps=round(MAX_GUIDANCE_WEIGHT),
                guidance_weight=MAX_GUIDANCE_WEIGHT,
            )
    return PolicySection(name=cell.policy, settings=settings)


class LimiterStage:
    """The executor's last stage behind a peer's queue."""

    def __init__(self, limits: JointLimits) -> None:
        """Limit by `limits`."""
        self._limiter = MotionLimiter(limits)
        self._nothing = np.zeros(limits.width)
        everything = np.ones(limits.width, dtype=np.bool_)
        self._stopping = CurveSample.of(self._nothing, self._nothing, self._nothing, everything)

    def seed(self, position: FloatArray) -> None:
        """Rest at `position` [D]."""
        self._limiter.seed(position)

    def approach(
        self, position: FloatArray, velocity: FloatArray, duration_s: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Move towards the target and return the commanded state."""
        self._limiter.step(CurveSample.of(position, velocity, self._nothing), duration_s)
        return self._state()

    def stop(self, duration_s: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Brake and return the commanded state."""
        self._limiter.step(self._stopping, duration_s)
        return self._state()

    def _state(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self._limiter.position, self._limiter.velocity, self._limiter.acceleration


class GuidedByQueue:
    """A policy that is guided by the rows that wait in a peer's queue when it is asked."""

    def __init__(self, policy: Policy, queue: LeRobotRtc) -> None:
        """Wrap `policy`."""
        self._policy, self._queue = policy, queue

    @property
    def spec(self) -> PolicySpec:
        """The specification of the wrapped policy."""
        return self._policy.spec

    def reset(self, *, seed: int) -> None:
        """Reset the wrapped policy."""
        self._policy.reset(seed=seed)

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """Ask the wrapped policy with the peer's prefix."""
        guided = dataclasses.replace(request, prefix=self._queue.prefix())
        result = self._policy.infer(observation, guided)
        # The peer's executor counts no committed rows.
        return dataclasses.replace(result, committed_prefix=0)

    def close(self) -> None:
        """Close the wrapped policy."""
        self._policy.close()


def task_options(name: str) -> TaskOptions:
    """Return the parameters of a task variant: speed of the turntable, passes by the post."""
    variant = task_variant(name)
    if variant.difficulty is None:
        return TaskOptions()
    if variant.task == 'dispose_trash':
        return TaskOptions(turntable=TurntableOptions(speed_rad_s=variant.difficulty))
    if variant.task == 'pass_post':
        if variant.difficulty < 1 or variant.difficulty != round(variant.difficulty):
            problem = Problem(where='task', what=f'{name!r}: passes must be a whole number from 1')
            raise ConfigurationError('bench-execution', (problem,))
        return TaskOptions(post=PostOptions(passes=round(variant.difficulty)))
    problem = Problem(
        where='task',
        what=f'{name!r}: {variant.task} has no number of difficulty',
        remedy=f'{variant.task} without @',
    )
    raise ConfigurationError('bench-execution', (problem,))


@functools.lru_cache(maxsize=1)
def _robot(driver_profile: str) -> Robot:
    robot = load_robot(RobotSection(driver_profile=driver_profile))
    if isinstance(robot, tuple):
        raise ConfigurationError('bench-execution', robot)
    return robot


@functools.lru_cache(maxsize=8)
def _rig(task: str) -> SimulatedRig:
    """Return the rig of this process for a task variant."""
    cameras = {_CAMERA: RigCamera(width=16, height=16)}
    return SimulatedRig(
        RigConfig(task=task_variant(task).task, cameras=cameras, task_options=task_options(task))
    )
