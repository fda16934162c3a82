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
from typing import Any
from typing import TypeVar

from wla_ros.base import registry
from wla_ros.base.arguments import unknown_names
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.types import Observation
from wla_ros.base.types import Policy
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.composition.executor import ExecutorParts
from wla_ros.composition.executor import require_executor
from wla_ros.composition.policy import PolicyParts
from wla_ros.composition.policy import require_policy
from wla_ros.composition.run import RunConfiguration
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.metrics import EpisodeMetrics
from wla_ros.episodes.metrics import measure
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.episodes.rig import VirtualExecutor
from wla_ros.episodes.rig import VirtualRig
from wla_ros.episodes.virtual import VirtualEpisode
from wla_ros.sim.cameras import MOUNTS
from wla_ros.sim.config import RigCamera
from wla_ros.sim.expert.direct_run import run_direct_episode
from wla_ros.sim.expert.feedback_expert import FeedbackExpert
from wla_ros.sim.expert.plan import make_expert
from wla_ros.sim.rig import SimulatedRig
from wla_ros.sim.scene import ARMS
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
# Phases of cameras that the file starts together: free-running ones without a trigger line differ.
_PHASE_S = 0.007


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationChoices:
    """What to evaluate; plain values, because it travels to other processes."""

    run: RunConfiguration
    render: str = 'off'  # off | small | full
    pictures: bool = False  # only of episodes whose record is kept
    settings: EpisodeSettings = field(default_factory=EpisodeSettings)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras of the policy, which the rig has to have."""
        return tuple(self.run.policy.cameras)


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
    if jobs > 1:
        _parts.forget()  # the other processes load their own
    work = functools.partial(_work, choices, keep, direct=direct)
    return results_of(work, seeds, jobs=jobs)


def check(choices: EvaluationChoices) -> None:
    """Raise ConfigurationError when the parts cannot be built."""
    problems = (
        *unknown_names('--task', (choices.run.rig.task,), registry.names(registry.TASKS)),
        *unknown_names('--cameras', choices.cameras, tuple(MOUNTS)),
    )
    if problems:
        raise ConfigurationError('evaluate', problems)
    parts = _parts.of(choices)
    arms = parts.policy.robot.layout.arms
    if not arms == parts.executor.robot.layout.arms == ARMS:
        what = f'policy {arms}, executor {parts.executor.robot.layout.arms}, rig {ARMS}'
        problem = Problem(where='robot.arms', what=what, remedy='episodes need the same arms')
        raise ConfigurationError('evaluate', (problem,))


def run_virtual(choices: EvaluationChoices, seed: int, *, pictures: bool) -> EpisodeRecord:
    """Run the episode of `seed` through the pipeline in virtual time."""
    began = time.perf_counter()
    parts = _parts.of(choices)
    robot, policy, rig = parts.policy.robot, parts.policy.policy, parts.rig
    virtual_rig = VirtualRig(rig, robot.profile, render=choices.render != 'off', pictures=pictures)
    settings = dataclasses.replace(choices.settings, strategy=parts.policy.strategy)
    if pictures and not settings.picture_period_ns:
        settings = dataclasses.replace(settings, picture_period_ns=250_000_000)
    try:
        episode = VirtualEpisode(
            rig=virtual_rig,
            session=parts.policy.make_session(),
            executor=VirtualExecutor(parts.executor.make_executor()),
            policy=policy,
            layout=robot.layout,
            settings=settings,
            seed=seed,
            task=choices.run.rig.task,
            instruction=rig.task.instruction,
        )
        record = episode.run()
    finally:
        virtual_rig.close_pictures()
    return dataclasses.replace(
        record,
        wall_s=time.perf_counter() - began,
        configuration={
            'policy': choices.run.policy.policy.name,
            'driver profile': choices.run.policy.robot.driver_profile,
            'render': choices.render,
            'cameras': ', '.join(choices.cameras) or 'none',
            **record.configuration,
        },
    )


def run_direct(choices: EvaluationChoices, seed: int) -> EpisodeRecord:
    """Feed the expert to the scene directly: none of the parts of the pipeline."""
    began = time.perf_counter()
    task = choices.run.rig.task
    scene = TwoArmScene(make_task(task))
    plain = make_expert(task)
    expert = JudgedPolicy(plain, scene)
    outcome = run_direct_episode(
        seed,
        task=task,
        time_limit_s=choices.settings.time_limit_ns / 1e9,
        scene=scene,
        expert=expert,
        committed=isinstance(plain, FeedbackExpert),
    )
    end_ns = round(outcome.duration_s * 1e9)
    return EpisodeRecord(
        source='direct',
        task=task,
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What episodes of the same configuration share."""

    policy: PolicyParts
    executor: ExecutorParts
    rig: SimulatedRig


class _NewestParts:
    """
    The parts of this process, kept for the next episode of the same configuration.

    Loading a checkpoint and compiling a scene take longer than resetting them.
    """

    def __init__(self) -> None:
        self._made: tuple[RunConfiguration, str, _Parts] | None = None

    def of(self, choices: EvaluationChoices) -> _Parts:
        """Return the parts. Raises ConfigurationError with what does not fit."""
        if self._made is not None and self._made[:2] == (choices.run, choices.render):
            return self._made[2]
        self.forget()
        policy = require_policy(choices.run.policy, source='evaluate')
        execution = dataclasses.replace(choices.run.executor, strategy=policy.strategy)
        parts = _Parts(
            policy=policy,
            executor=require_executor(execution, source='evaluate'),
            rig=_rig(choices),
        )
        self._made = (choices.run, choices.render, parts)
        return parts

    def forget(self) -> None:
        """Close the policy."""
        if self._made is not None:
            self._made[2].policy.policy.close()
        self._made = None


_parts = _NewestParts()


def _rig(choices: EvaluationChoices) -> SimulatedRig:
    width, height = RENDER_SIZES.get(choices.render, (16, 16))
    given = choices.run.rig.cameras
    cameras = {}
    for i, name in enumerate(choices.cameras):
        camera = given.get(name, RigCamera())
        cameras[name] = dataclasses.replace(
            camera, width=width, height=height, phase_s=camera.phase_s or _PHASE_S * i
        )
    return SimulatedRig(dataclasses.replace(choices.run.rig, cameras=cameras))
