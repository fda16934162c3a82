# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The simulated rig: physics, drivers and cameras advanced together in integer nanoseconds."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np

from wla_ros.base import registry
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ImageArray
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Refusal
from wla_ros.robots.encoding import EncodedJointState
from wla_ros.robots.encoding import EncodedPosCmd
from wla_ros.sim.arm_settings import HOME_RAD
from wla_ros.sim.cameras import MOUNTS
from wla_ros.sim.config import ArmFaults
from wla_ros.sim.config import CameraFaults
from wla_ros.sim.config import DriverConfig
from wla_ros.sim.config import RigConfig
from wla_ros.sim.driver.driver import PERIOD_NS
from wla_ros.sim.driver.driver import EnableCall
from wla_ros.sim.driver.driver import JointStateMessage
from wla_ros.sim.driver.driver import PiperArmStatus
from wla_ros.sim.driver.driver import PiperDriver
from wla_ros.sim.driver.driver import Publication
from wla_ros.sim.exposure import CameraCounts
from wla_ros.sim.exposure import CameraSchedule
from wla_ros.sim.exposure import Exposure
from wla_ros.sim.exposure import ImageSource
from wla_ros.sim.fault_injection import CameraFaultInjector
from wla_ros.sim.fault_injection import FaultyBus
from wla_ros.sim.scene import ARMS
from wla_ros.sim.scene import SceneSnapshot
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.servos import ArmServos
from wla_ros.sim.tasks.task import Judgement
from wla_ros.sim.tasks.task import Task
from wla_ros.sim.tasks.task import make_task

# One arm of the rig with its driver and the delays on both sides of it.
#
# Commands may reach the driver late, publications may be delivered late; nothing is lost without
# being counted.

# Delivered publications wait for `take` up to this many, two seconds at 200 Hz; a rig that is only
# asked for the newest must not grow.
_UNTAKEN_LIMIT = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """
    Messages since construction.

    commands_received = commands_applied + sum(commands_refused) + commands_flushed +
    commands_waiting. published = delivered + feedback_flushed + feedback_waiting.
    """

    commands_received: int
    commands_applied: int
    commands_refused: Mapping[str, int]  # by reason
    commands_flushed: int  # delayed at a reset
    commands_waiting: int  # delayed now
    last_refusal: Refusal | None
    published: int
    delivered: int
    feedback_flushed: int
    feedback_waiting: int
    feedback_implausible: int  # of the published, those whose joint state the driver dropped


class ArmLine:
    """Commands in, publications out, for one arm. One thread."""

    def __init__(
        self, port: ArmServos, config: DriverConfig, faults: ArmFaults, *, seed: int, arm: str
    ) -> None:
        """Build the driver on a bus that fails as configured."""
        self._bus = FaultyBus(faults, seed=seed, arm=arm)
        self._lag_ns = seconds_to_ns(faults.actuation_lag_s)
        self._delay_ns = seconds_to_ns(faults.feedback_delay_s)
        self.driver = PiperDriver(port, config, bus=self._bus)
        self._commands: deque[tuple[int, EncodedJointState | EncodedPosCmd]] = deque()
        self._publications: deque[Publication] = deque()
        self._untaken: deque[Publication] = deque(maxlen=_UNTAKEN_LIMIT)
        self._received = self._commands_flushed = 0
        self._published = self._delivered = self._feedback_flushed = 0
        self.newest: Publication | None = None

    def reset(self, now_ns: int, *, gripper_m: float) -> None:
        """Restart the driver; delayed commands and publications are gone."""
        self._commands_flushed += len(self._commands)
        self._feedback_flushed += len(self._publications)
        self._commands.clear()
        self._publications.clear()
        self._untaken.clear()
        self.newest = None
        self._bus.reset(now_ns)
        self.driver.reset(now_ns, gripper_m=gripper_m)

    def command(
        self, command: EncodedJointState | EncodedPosCmd, *, now_ns: int
    ) -> Refusal | None:
        """Take a command; None if it was applied or is on its way with the actuation lag."""
        self._received += 1
        if self._lag_ns == 0:
            return self._apply(command, now_ns)
        self._commands.append((now_ns + self._lag_ns, command))
        return None

    def advance(self, now_ns: int) -> None:
        """Apply what has become due and move the set-points on to `now_ns`."""
        while self._commands and self._commands[0][0] <= now_ns:
            due_ns, command = self._commands.popleft()
            self._apply(command, due_ns)
        self.driver.advance(now_ns)

    def publish(self, now_ns: int) -> None:
        """Run the driver's loop and deliver what is due."""
        publication = self.driver.publish(now_ns)
        if publication is not None:
            self._published += 1
            self._publications.append(publication)
        while self._publications and self._publications[0].published_ns + self._delay_ns <= now_ns:
            self.newest = self._publications.popleft()
            self._untaken.append(self.newest)
            self._delivered += 1

    def take(self) -> tuple[Publication, ...]:
        """Return what was delivered since the last call, oldest first, two seconds at most."""
        taken = tuple(self._untaken)
        self._untaken.clear()
        return taken

    def counts(self) -> ArmCounts:
        """Return the counters."""
        commands = self.driver.counts()
        return ArmCounts(
            commands_received=self._received,
            commands_applied=commands.applied,
            commands_refused=commands.refused,
            commands_flushed=self._commands_flushed,
            commands_waiting=len(self._commands),
            last_refusal=commands.last_refusal,
            published=self._published,
            delivered=self._delivered,
            feedback_flushed=self._feedback_flushed,
            feedback_waiting=len(self._publications),
            feedback_implausible=self.driver.dropped_feedback,
        )

    def _apply(self, command: EncodedJointState | EncodedPosCmd, now_ns: int) -> Refusal | None:
        if isinstance(command, EncodedPosCmd):
            return self.driver.command_pose(command, now_ns=now_ns)
        return self.driver.command_joints(
            names=command.names,
            position=command.position,
            velocity=command.velocity,
            effort=command.effort,
            now_ns=now_ns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RigCounts:
    """Counters of all arms and cameras since construction."""

    arms: Mapping[str, ArmCounts]
    cameras: Mapping[str, CameraCounts]


class SimulatedRig:
    """
    Two simulated Pipers with drivers, cameras and faults: what a robot is to the other rooms.

    The caller says what time it is; physics runs in whole steps up to then. Example::

        rig = SimulatedRig(RigConfig(task='stack_cup', cameras={}))
        rig.reset(seed=1, now_ns=0)
        names = ('joint1', 'joint2', 'joint3', 'joint4', 'joint5', 'joint6', 'gripper')
        opened = EncodedJointState(names=names, position=(*HOME_RAD, 0.05))
        rig.command('left', opened)  # fields of a JointState, as piper_ros takes them
        rig.step_to(50_000_000)
        print(rig.feedback('left'), rig.status('left'))  # as the driver publishes them
        for exposure in rig.due_exposures():
            pixels = rig.render(exposure)
        print(rig.object_poses(), rig.judge(), rig.counts())

    One thread calls everything (a node holds one lock around all calls); pictures may be rendered
    in other threads with sources from `make_image_source`.
    """

    def __init__(self, config: RigConfig) -> None:
        """
        Compile the scene and reset with seed 0.

        Raises ConfigurationError for unknown tasks, cameras, arms.
        """
        _check(config)
        self.config = config
        self._scene = TwoArmScene(make_task(config.task, config.task_options))
        faults = config.faults
        self._lines = {
            arm: ArmLine(
                self._scene.arm(arm),
                config.driver,
                faults.arms.get(arm, ArmFaults()),
                seed=faults.seed,
                arm=arm,
            )
            for arm in ARMS
        }
        self._schedules = {
            name: CameraSchedule(
                name,
                camera,
                CameraFaultInjector(
                    faults.cameras.get(name, CameraFaults()), seed=faults.seed, camera=name
                ),
            )
            for name, camera in config.cameras.items()
        }
        self._images: ImageSource | None = None
        self.reset(seed=0, now_ns=0)

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, in column order."""
        return ARMS

    @property
    def scene(self) -> TwoArmScene:
        """The physics, for those who may know the truth: experts, judges, pictures for people."""
        return self._scene

    @property
    def task(self) -> Task:
        """The task of the scene."""
        return self._scene.task

    @property
    def now_ns(self) -> int:
        """The time physics has reached."""
        return self._origin_ns + self._scene.elapsed_ns

    def reset(self, *, seed: int, now_ns: int) -> None:
        """
        Start an episode at `now_ns`: arms at home, grippers open, objects by `seed`, faults and
        delays anew.

        Drivers that died live again. Counters go on; images and messages on their way are counted
        as flushed.
        """
        self._origin_ns = now_ns
        self._scene.reset(seed=seed)
        wanted_m = self._scene.task.gripper_start_m
        width_m = self.config.gripper_start_m if wanted_m is None else wanted_m
        for arm, line in self._lines.items():
            self._scene.place_arm(arm, np.array(HOME_RAD), gripper_width_m=width_m)
            line.reset(now_ns, gripper_m=width_m)
        for schedule in self._schedules.values():
            schedule.reset(now_ns)
        self._expose_until(now_ns, before=None)

    def step_to(self, now_ns: int) -> None:
        """Advance physics and drivers by whole steps up to `now_ns`; earlier times do nothing."""
        step_ns = self._scene.timestep_ns
        while self.now_ns + step_ns <= now_ns:
            end_ns = self.now_ns + step_ns
            before = self._scene.snapshot() if self._exposure_due(end_ns) else None
            for line in self._lines.values():
                line.advance(end_ns)
            self._scene.step(1)
            if (end_ns - self._origin_ns) % PERIOD_NS == 0:
                for line in self._lines.values():
                    line.publish(end_ns)
            if before is not None:
                self._expose_until(end_ns, before=before)

    def command(
        self, arm: str, command: EncodedJointState, *, now_ns: int | None = None
    ) -> Refusal | None:
        """
        Give the driver of `arm` a JointState at `now_ns`, default the rig's time.

        Returns why it moves nothing; None if it does or will, after the actuation lag. Raises
        KeyError for an unknown arm, as all methods here.
        """
        return self._lines[arm].command(command, now_ns=self.now_ns if now_ns is None else now_ns)

    def command_pose(
        self, arm: str, command: EncodedPosCmd, *, now_ns: int | None = None
    ) -> Refusal | None:
        """Give the driver of `arm` a PosCmd; an unsolvable pose shows in the status only."""
        return self._lines[arm].command(command, now_ns=self.now_ns if now_ns is None else now_ns)

    def set_enable_flag(self, arm: str, *, enable: bool) -> None:
        """
        Give the driver a message of enable_flag.

        Disabled arms fall, enabling closes the gripper.
        """
        self._lines[arm].driver.set_enable_flag(enable=enable, now_ns=self.now_ns)

    def call_enable(self, arm: str, *, enable: bool) -> EnableCall:
        """Start a call of enable_srv; its `response` is set while the rig steps on."""
        return self._lines[arm].driver.call_enable(enable=enable, now_ns=self.now_ns)

    def emergency_stop(self, arm: str) -> None:
        """Press the stop of the arm: it sinks damped and ignores commands."""
        self._lines[arm].driver.emergency_stop()

    def resume(self, arm: str) -> None:
        """Reset the arm after a stop: it falls; enable it twice."""
        self._lines[arm].driver.resume()

    def driver(self, arm: str) -> PiperDriver:
        """Return the driver stand-in of `arm`."""
        return self._lines[arm].driver

    def feedback(self, arm: str) -> JointStateMessage | None:
        """
        Return the joint state delivered last.

        None if none was, or the driver dropped it as implausible.
        """
        newest = self._lines[arm].newest
        return None if newest is None else newest.joint_state

    def status(self, arm: str) -> PiperArmStatus | None:
        """Return the arm status delivered last."""
        newest = self._lines[arm].newest
        return None if newest is None else newest.status

    def take_publications(self, arm: str) -> tuple[Publication, ...]:
        """Return what the driver published and was delivered since the last call, oldest first."""
        return self._lines[arm].take()

    def due_exposures(self, now_ns: int | None = None) -> tuple[Exposure, ...]:
        """
        Return the images to be delivered by `now_ns` (default: the rig's time), in order.

        Each is returned once.
        """
        until_ns = self.now_ns if now_ns is None else now_ns
        due = [
            exposure
            for schedule in self._schedules.values()
            for exposure in schedule.due(until_ns)
        ]
        return tuple(sorted(due, key=lambda exposure: exposure.deliver_ns))

    def render(self, exposure: Exposure) -> ImageArray:
        """Return [h, w, 3] RGB, read-only; for the thread that calls this first."""
        if self._images is None:
            self._images = self.make_image_source()
        return self._images.render(exposure)

    def make_image_source(self) -> ImageSource:
        """Return a renderer for the calling thread; it frees its own when closed."""
        return ImageSource(self._scene.model, self.config.cameras, seed=self.config.faults.seed)

    def object_poses(self, *, now_ns: int | None = None) -> ObjectPoses:
        """Return the objects' poses in the world, stamped with the rig's time."""
        names, poses = self._scene.object_poses()
        receive_ns = self.now_ns if now_ns is None else now_ns
        return ObjectPoses(stamp_ns=self.now_ns, receive_ns=receive_ns, names=names, poses=poses)

    def judge(self) -> Judgement:
        """Return the task's judgement of the present state."""
        return self._scene.judge()

    def counts(self) -> RigCounts:
        """Return the counters of all arms and cameras."""
        return RigCounts(
            arms={arm: line.counts() for arm, line in self._lines.items()},
            cameras={name: schedule.counts() for name, schedule in self._schedules.items()},
        )

    def close(self) -> None:
        """Free the renderer of `render`; idempotent, to be called by the thread that rendered."""
        if self._images is not None:
            self._images.close()
            self._images = None

    def _exposure_due(self, end_ns: int) -> bool:
        return any(schedule.next_exposure_ns <= end_ns for schedule in self._schedules.values())

    def _expose_until(self, end_ns: int, *, before: SceneSnapshot | None) -> None:
        """Expose what is due in the step that ended at `end_ns`, from states along the step."""
        after = self._scene.snapshot()
        shared: dict[
            int, SceneSnapshot
        ] = {}  # cameras that expose at once are rendered from one state
        for schedule in self._schedules.values():
            while (due_ns := schedule.next_exposure_ns) <= end_ns:
                if due_ns not in shared:
                    shared[due_ns] = self._state_at(due_ns - self._origin_ns, before, after)
                schedule.expose(shared[due_ns])

    def _state_at(
        self, elapsed_ns: int, before: SceneSnapshot | None, after: SceneSnapshot
    ) -> SceneSnapshot:
        """Interpolate along the joints and rotations of the model."""
        if before is None or elapsed_ns >= after.elapsed_ns:
            return after
        model = self._scene.model
        change = np.zeros(model.nv)
        mujoco.mj_differentiatePos(model, change, 1.0, before.qpos, after.qpos)
        qpos = before.qpos.copy()
        fraction = (elapsed_ns - before.elapsed_ns) / (after.elapsed_ns - before.elapsed_ns)
        mujoco.mj_integratePos(model, qpos, change, fraction)
        return SceneSnapshot(elapsed_ns=elapsed_ns, qpos=qpos)


def _check(config: RigConfig) -> None:
    problems: list[Problem] = []
    if config.task not in registry.names(registry.TASKS):
        problems.append(_unknown('task', config.task, registry.names(registry.TASKS)))
    problems.extend(
        _unknown('cameras', name, tuple(MOUNTS)) for name in config.cameras if name not in MOUNTS
    )
    problems.extend(
        _unknown('faults.cameras', name, tuple(config.cameras))
        for name in config.faults.cameras
        if name not in config.cameras
    )
    problems.extend(
        _unknown('faults.arms', name, ARMS) for name in config.faults.arms if name not in ARMS
    )
    if problems:
        raise ConfigurationError('simulated rig', tuple(problems))


def _unknown(where: str, name: str, known: tuple[str, ...]) -> Problem:
    return Problem(
        where=where, what=f'{name!r} does not exist', remedy=f'there are: {", ".join(known)}'
    )
