# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Builds the parts of episodes from choices and runs them, also in parallel processes."""

import dataclasses
import functools
import os
import threading
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED
from concurrent.futures import Future
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import wait
from dataclasses import dataclass
from dataclasses import field
from multiprocessing import get_context
from multiprocessing import parent_process
from pathlib import Path
from typing import Any
from typing import TypeVar

from wla_ros.bags.actions import read_actions
from wla_ros.base import registry
from wla_ros.base.arguments import unknown_names
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import Observation
from wla_ros.base.types import Policy
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.metrics import EpisodeMetrics
from wla_ros.episodes.metrics import measure
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.episodes.rig import VirtualExecutor
from wla_ros.episodes.rig import VirtualRig
from wla_ros.episodes.virtual import VirtualEpisode
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.inference.pacing import check_strategy
from wla_ros.inference.pacing import choose_strategy
from wla_ros.inference.session import InferenceSession
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import SynchronisationConfig
from wla_ros.policies.adapters import PolicyWithCameras
from wla_ros.policies.simple import HoldPolicy
from wla_ros.policies.simple import ReplayPolicy
from wla_ros.robots.piper.limits import piper_limits
from wla_ros.robots.robot import Robot
from wla_ros.robots.robot import RobotSection
from wla_ros.robots.robot import require_robot
from wla_ros.sim.cameras import MOUNTS
from wla_ros.sim.config import RigCamera
from wla_ros.sim.config import RigConfig
from wla_ros.sim.expert.direct_run import run_direct_episode
from wla_ros.sim.expert.plan import make_expert
from wla_ros.sim.rig import SimulatedRig
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks.task import make_task

# Calls of one function in several processes, results as they come.
#
# Owns the processes: whatever ends the loop, also Ctrl-C, ends them without the work that waits,
# and they end with this process however it ends.

Item = TypeVar('Item')
Result = TypeVar('Result')
# Items handed to the processes ahead of time, per process: enough that none waits.
_AHEAD = 4
_END: Any = object()


def results_of(
    work: Callable[[Item], Result], items: Iterable[Item], *, jobs: int
) -> Iterator[Result]:
    """
    Yield `work(item)` for every item in `jobs` processes, in this one if it is a single job.

    Everything must be picklable. What `work` raises is raised here.
    """
    if jobs <= 1:
        yield from map(work, items)
        return
    source = iter(items)
    # Forked children would share OpenGL and MuJoCo state with this process.
    pool = ProcessPoolExecutor(
        max_workers=jobs, mp_context=get_context('spawn'), initializer=_end_with_parent
    )
    try:
        waiting: set[Future[Result]] = set()
        while True:
            while len(waiting) < jobs * _AHEAD and (found := next(source, _END)) is not _END:
                waiting.add(pool.submit(work, found))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """End this worker when its parent has ended; by itself it would wait for work for ever."""
    parent = parent_process()
    if parent is None:
        return

    def wait_for_its_end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait_for_its_end, name='parent', daemon=True).start()


RENDER_SIZES = {'small': (96, 72), 'full': (640, 480)}
POLICIES = ('expert', 'hold', 'replay')


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationChoices:
    """What to evaluate; plain values, because it travels to other processes."""

    policy: str = 'expert'
    task: str = 'stack_cup'
    replay_bag: str = ''
    driver_profile: str = 'piper_ros'
    render: str = 'off'  # off | small | full
    cameras: tuple[str, ...] = ()
    pictures: bool = False  # only of episodes whose record is kept
    settings: EpisodeSettings = field(default_factory=EpisodeSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeResult:
    """What comes back from a process; the record only when it was asked for."""

    metrics: EpisodeMetrics
    record: EpisodeRecord | None


def run_episodes(
    choices: EvaluationChoices, seeds: range, *, jobs: int, keep: frozenset[int], direct: bool
) -> Iterator[EpisodeResult]:
    """
    Return the results of all seeds as they come; records come back for the seeds in `keep` and for
    failures.

    `direct` feeds the expert to the scene without the pipeline. Raises ConfigurationError for
    impossible choices before anything runs.
    """
    check(choices)
    work = functools.partial(_work, choices, keep, direct=direct)
    return results_of(work, seeds, jobs=jobs)


def check(choices: EvaluationChoices) -> None:
    """Raise ConfigurationError when the parts cannot be built."""
    problems = (
        *unknown_names('--task', (choices.task,), registry.names(registry.TASKS)),
        *unknown_names('--cameras', choices.cameras, tuple(MOUNTS)),
    )
    if choices.policy == 'replay' and not choices.replay_bag:
        problems += (Problem(where='--bag', what='is empty', remedy='give the folder of a bag'),)
    if problems:
        raise ConfigurationError('evaluate', problems)
    robot = _robot(choices.driver_profile)
    policy = make_policy(choices, robot.layout)
    InferenceSession(policy.spec, synchronisation(choices), robot.layout)
    policy.close()
    problems = check_strategy(policy.spec, choices.settings.strategy)
    if problems:
        raise ConfigurationError('evaluate', problems)


def make_policy(choices: EvaluationChoices, layout: JointLayout) -> Policy:
    """Return the policy; it demands the chosen cameras whether or not it looks at them."""
    if choices.policy == 'expert':
        return PolicyWithCameras(make_expert(choices.task), choices.cameras)
    if choices.policy == 'hold':
        return HoldPolicy(layout, cameras=choices.cameras)
    if choices.policy == 'replay':
        recording = read_actions(Path(choices.replay_bag), layout)
        return ReplayPolicy(recording, layout, cameras=choices.cameras)
    problem = Problem(
        where='policy',
        what=f'{choices.policy!r} is unknown',
        remedy=f'one of {", ".join(POLICIES)}',
    )
    raise ConfigurationError('evaluate', (problem,))


def synchronisation(choices: EvaluationChoices) -> SynchronisationConfig:
    """Return the bounds of the inputs: the defaults of the nodes for every chosen camera."""
    return SynchronisationConfig(cameras={name: CameraSync() for name in choices.cameras})


def run_virtual(choices: EvaluationChoices, seed: int, *, pictures: bool) -> EpisodeRecord:
    """Run the episode of `seed` through the pipeline in virtual time."""
    began = time.perf_counter()
    robot = _robot(choices.driver_profile)
    rig = _rig(choices.task, choices.render, choices.cameras)
    virtual_rig = VirtualRig(rig, robot.profile, render=choices.render != 'off', pictures=pictures)
    policy = make_policy(choices, robot.layout)
    strategy, _ = choose_strategy(policy.spec, choices.settings.strategy)
    settings = dataclasses.replace(choices.settings, strategy=strategy)
    if pictures and not settings.picture_period_ns:
        settings = dataclasses.replace(settings, picture_period_ns=250_000_000)
    try:
        episode = VirtualEpisode(
            rig=virtual_rig,
            session=InferenceSession(
                policy.spec,
                synchronisation(choices),
                robot.layout,
                strategy=settings.strategy,
            ),
            executor=VirtualExecutor(
                ChunkExecutor(
                    dataclasses.replace(
                        load_configuration(ExecutorConfig, {}, source='defaults'),
                        strategy=settings.strategy,
                    ),
                    robot.layout,
                    piper_limits(robot.layout),
                )
            ),
            policy=policy,
            layout=robot.layout,
            settings=settings,
            seed=seed,
            task=choices.task,
            instruction=rig.task.instruction,
        )
        record = episode.run()
    finally:
        policy.close()
        virtual_rig.close_pictures()
    return dataclasses.replace(
        record,
        wall_s=time.perf_counter() - began,
        configuration={
            'policy': choices.policy,
            'driver profile': choices.driver_profile,
            'render': choices.render,
            'cameras': ', '.join(choices.cameras) or 'none',
            **record.configuration,
        },
    )


def run_direct(choices: EvaluationChoices, seed: int) -> EpisodeRecord:
    """Feed the expert to the scene directly: none of the parts of the pipeline."""
    began = time.perf_counter()
    scene = TwoArmScene(make_task(choices.task))
    expert = JudgedPolicy(make_expert(choices.task), scene)
    outcome = run_direct_episode(
        seed,
        task=choices.task,
        time_limit_s=choices.settings.time_limit_ns / 1e9,
        scene=scene,
        expert=expert,
    )
    end_ns = round(outcome.duration_s * 1e9)
    return EpisodeRecord(
        source='direct',
        task=choices.task,
        instruction='',
        policy='expert',
        seed=seed,
        start_ns=0,
        end_ns=end_ns,
        success=outcome.success,
        judgement=outcome.judgement,
        end_reason='finished' if outcome.finished else 'time_limit',
        task_ns=expert.solved_since_ns if outcome.success else None,
        wall_s=time.perf_counter() - began,
    )


class JudgedPolicy:
    """An expert whose scene is judged at every inference: since when is it solved?"""

    def __init__(self, policy: Policy, scene: TwoArmScene) -> None:
        """Wrap `policy`, which acts in `scene`."""
        self._policy = policy
        self._scene = scene
        self.solved_since_ns: int | None = None

    @property
    def spec(self) -> PolicySpec:
        """The specification of the wrapped policy."""
        return self._policy.spec

    def reset(self, *, seed: int) -> None:
        """Reset the wrapped policy."""
        self.solved_since_ns = None
        self._policy.reset(seed=seed)

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """Judge, then ask the wrapped policy."""
        if not self._scene.judge().success:
            self.solved_since_ns = None
        elif self.solved_since_ns is None:
            self.solved_since_ns = observation.stamp_ns
        return self._policy.infer(observation, request)

    def close(self) -> None:
        """Close the wrapped policy."""
        self._policy.close()


def _work(
    choices: EvaluationChoices, keep: frozenset[int], seed: int, *, direct: bool
) -> EpisodeResult:
    kept = seed in keep
    if direct:
        record = run_direct(choices, seed)
    else:
        record = run_virtual(choices, seed, pictures=choices.pictures and kept)
    return EpisodeResult(
        metrics=measure(record), record=record if kept or not record.success else None
    )


@functools.lru_cache(maxsize=1)
def _robot(driver_profile: str) -> Robot:
    return require_robot(RobotSection(driver_profile=driver_profile), source='evaluate')


@functools.lru_cache(maxsize=1)
def _rig(task: str, render: str, cameras: tuple[str, ...]) -> SimulatedRig:
    """Return the rig of this process; compiling the scene takes longer than resetting it."""
    width, height = RENDER_SIZES.get(render, (16, 16))
    # Free-running cameras: phases apart, as on a real robot without a trigger line.
    sections = {
        name: RigCamera(width=width, height=height, phase_s=0.007 * i)
        for i, name in enumerate(cameras)
    }
    return SimulatedRig(RigConfig(task=task, cameras=sections))
