# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
An expert fed to the scene directly: no synchroniser, schedule, limiter or driver. What the
pipeline is compared with.

Virtual time. Rows are interpolated to the 200 Hz of a driver by cubic Hermite, exactly as they
are.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Observation
from wla_ros.base.types import Policy
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import PrefixUse
from wla_ros.sim.arm_settings import GRIPPER_FORCE_N
from wla_ros.sim.expert.disturbed_start import Pushes
from wla_ros.sim.expert.plan import make_expert
from wla_ros.sim.scene import ARMS
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks.task import make_task

PERIOD_NS = 5_000_000
_OBSERVATION_PERIOD_NS = 33_333_333
_LAYOUT = JointLayout(ARMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeOutcome:
    """How one episode ended."""

    seed: int
    success: bool
    finished: bool  # the expert says so
    duration_s: float
    judgement: str


def run_direct_episode(
    seed: int,
    *,
    task: str = 'stack_cup',
    latency_ns: int = 0,
    time_limit_s: float | None = None,
    scene: TwoArmScene | None = None,
    expert: Policy | None = None,
    start: FloatArray | None = None,
    pushes: Pushes | None = None,
    committed: bool = False,
) -> EpisodeOutcome:
    """
    Run the episode of `seed` until the expert is finished or nothing can change the judgement.

    A chunk takes effect `latency_ns` after its observation. `scene` and `expert` may be given to
    be used again. Without `time_limit_s` that of the task holds. The arms begin at `start` [D], at
    home without it, and are pushed by `pushes`. `committed` gives the expert the next rows in
    execution as clean prefix rows, as the strategy prefix does.
    """
    scene = scene or TwoArmScene(make_task(task))
    expert = expert or make_expert(task)
    scene.reset(seed=seed)
    if start is not None:
        for arm in ARMS:
            row = start[_LAYOUT.arm_slice(arm)]
            scene.place_arm(arm, row[:6], gripper_width_m=float(row[6]))
    expert.reset(seed=seed)
    told = scene.task.instruction
    # A law that began again at the measured arm would fall behind by the lag of the servos every
    # time.
    certain = latency_ns // expert.spec.dt_ns + 2 if committed else 0
    steps = PERIOD_NS // scene.timestep_ns
    pending: list[_Rows] = []
    current: _Rows | None = None
    finished, next_observation_ns = False, 0
    limit_s = scene.task.time_limit_s if time_limit_s is None else time_limit_s
    while not finished and ns_to_seconds(scene.elapsed_ns) < limit_s:
        now_ns = scene.elapsed_ns
        if now_ns >= next_observation_ns:
            observation = observe(scene)
            prefix = _certain(current, observation, expert.spec, certain)
            result = expert.infer(observation, PolicyRequest(instruction=told, prefix=prefix))
            pending.append(_Rows(now_ns, expert.spec.dt_ns, result.rows))
            next_observation_ns += _OBSERVATION_PERIOD_NS
            finished = result.finished or scene.judge().final
            if pushes is not None:
                pushes.advance()
        while pending and now_ns >= pending[0].stamp_ns + latency_ns:
            current = pending.pop(0)
        if current is not None:
            position, velocity = current.at(now_ns + PERIOD_NS)
            if pushes is not None:
                since_s = ns_to_seconds(now_ns + PERIOD_NS - current.stamp_ns)
                position = position + pushes.speed * since_s
                velocity = velocity + pushes.speed
            _command(scene, position, velocity)
        scene.step(steps)
    judgement = scene.judge()
    return EpisodeOutcome(
        seed=seed,
        success=judgement.success,
        finished=finished,
        duration_s=ns_to_seconds(scene.elapsed_ns),
        judgement=judgement.text,
    )


def observe(scene: TwoArmScene) -> Observation:
    """Return a perfect observation of `scene` without images."""
    now_ns = scene.elapsed_ns
    names, poses = scene.object_poses()
    position = [
        np.append(scene.arm(arm).joint_position(), scene.arm(arm).gripper_width()) for arm in ARMS
    ]
    velocity = [
        np.append(scene.arm(arm).joint_velocity(), scene.arm(arm).gripper_velocity())
        for arm in ARMS
    ]
    return Observation(
        stamp_ns=now_ns,
        epoch=0,
        images={},
        history={},
        joint_position=np.concatenate(position),
        joint_velocity=np.concatenate(velocity),
        objects=ObjectPoses(stamp_ns=now_ns, receive_ns=now_ns, names=names, poses=poses),
        samples=(),
        synchronised_ns=now_ns,
    )


def _certain(
    current: '_Rows | None', observation: Observation, spec: PolicySpec, count: int
) -> CommittedPrefix | None:
    """Return the next `count` rows in execution; arms that were given none rest."""
    if not count:
        return None
    rows = np.tile(observation.joint_position, (count, 1))
    if current is not None:
        times_ns = observation.stamp_ns + spec.dt_ns * np.arange(count)
        rows = np.array([current.at(int(time_ns))[0] for time_ns in times_ns])
    return CommittedPrefix(rows=rows, weights=np.ones(count), use=PrefixUse.CLEAN)


class _Rows:
    """Rows of one chunk as a function of time."""

    def __init__(self, stamp_ns: int, dt_ns: int, rows: FloatArray) -> None:
        self.stamp_ns = stamp_ns
        self._dt_ns, self._rows = dt_ns, rows
        self._slopes = np.gradient(rows, axis=0)  # per row

    def at(self, time_ns: int) -> tuple[FloatArray, FloatArray]:
        """Return position [D] and velocity [D] at `time_ns`; after the last row, at rest there."""
        x = (time_ns - self.stamp_ns) / self._dt_ns
        if x >= len(self._rows) - 1:
            return self._rows[-1], np.zeros_like(self._rows[-1])
        i = int(x)
        f = x - i
        before, after = self._rows[i], self._rows[i + 1]
        m0, m1 = self._slopes[i], self._slopes[i + 1]
        position = (
            (1 - 3 * f**2 + 2 * f**3) * before
            + (3 * f**2 - 2 * f**3) * after
            + (f - 2 * f**2 + f**3) * m0
            + (f**3 - f**2) * m1
        )
        change = (
            6 * (f**2 - f) * (before - after)
            + (1 - 4 * f + 3 * f**2) * m0
            + (3 * f**2 - 2 * f) * m1
        )
        return position, change * 1e9 / self._dt_ns


def _command(scene: TwoArmScene, position: FloatArray, velocity: FloatArray) -> None:
    for arm in ARMS:
        mine = _LAYOUT.arm_slice(arm)
        scene.arm(arm).set_joint_target(position[mine][:6], velocity[mine][:6])
        scene.arm(arm).set_gripper_target(
            width_m=float(position[mine][6]), force_n=GRIPPER_FORCE_N
        )
