# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Rig and executor of an episode in virtual time behind the ports of its loop."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Protocol

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import ImageArray
from wla_ros.base.types import ImageFrame
from wla_ros.base.types import JointCommand
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Refusal
from wla_ros.episodes.record import CounterValue
from wla_ros.episodes.record import SpliceRecord
from wla_ros.episodes.record import counters_of
from wla_ros.episodes.record import splice_record
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.robots.decoding import decode_feedback
from wla_ros.robots.encoding import encode_command
from wla_ros.robots.piper.arm_status import ArmHealth
from wla_ros.robots.piper.arm_status import decode_arm_status
from wla_ros.robots.profile import DriverProfile
from wla_ros.sim.cameras import SCENE
from wla_ros.sim.driver.driver import PiperArmStatus
from wla_ros.sim.exposure import OffscreenRenderer
from wla_ros.sim.rig import SimulatedRig

# The seams of a virtual-time episode: the rig and the executor that a composition root plugs in.
#
# `Rig` speaks core types: the encoding of the driver lies between it and the simulated robot. The
# views are what a record needs to know of a part, however the part names it.

STATES = ('tracking', 'decelerating', 'holding', 'not ready')  # as in ExecutorStatus.msg


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the judge of a task says about the physical state of its objects."""

    success: bool
    text: str  # 'success' or what is missing
    final: bool = False  # nothing that still happens can change it


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorView:
    """State of the executor at one instant."""

    mode: Mode
    state: str  # one of STATES
    reason: str  # why it holds or decelerates
    starvations: int
    seam_position_step_rad: float  # of the last splice
    seam_velocity_step_rad_s: float


class Rig(Protocol):
    """A simulated robot with its drivers and cameras. Times never run backwards."""

    @property
    def arms(self) -> tuple[str, ...]:
        """Names in the order of the joint layout."""
        ...

    def reset(self, *, seed: int, now_ns: int) -> None:
        """Put arms and objects into the start state of an episode."""
        ...

    def step_to(self, now_ns: int) -> None:
        """Advance the physics."""
        ...

    def command(self, arm: str, command: JointCommand, now_ns: int) -> None:
        """Give the columns of `arm` to its driver."""
        ...

    def take_feedback(self) -> tuple[JointSample, ...]:
        """Return what the drivers published since the last call, each sample once."""
        ...

    def take_conditions(self, now_ns: int) -> tuple[Any, ...]:
        """Return the newest condition of every arm that reports one, for the executor."""
        ...

    def take_frames(self) -> tuple[ImageFrame, ...]:
        """Return the images the cameras delivered since the last call, each once."""
        ...

    def picture(self) -> ImageArray | None:
        """Return a picture for people, None if nothing can be rendered."""
        ...

    def object_poses(self, now_ns: int) -> ObjectPoses:
        """Return the true poses of the objects."""
        ...

    def judge(self) -> Verdict:
        """Judge the present state."""
        ...

    def counters(self) -> tuple[CounterValue, ...]:
        """
        Return counts since the reset; owners are 'driver <arm>', 'feedback <arm>', 'camera
        <name>'.
        """
        ...


class Executor(Protocol):
    """The pure part of the executor node."""

    def accept_feedback(self, sample: JointSample) -> Refusal | None:
        """Take feedback of one arm."""
        ...

    def accept_condition(self, condition: Any) -> Refusal | None:
        """Take the state of one arm."""
        ...

    def accept_chunk(self, chunk: ActionChunk, now_ns: int) -> Refusal | None:
        """Take a chunk, or say why not."""
        ...

    def set_mode(self, mode: Mode, now_ns: int, reason: str) -> Refusal | None:
        """Change who commands, or say why not."""
        ...

    def tick(self, now_ns: int) -> JointCommand | None:
        """Return the command of this tick, None while nothing trustworthy can be commanded."""
        ...

    @property
    def plan_revision(self) -> int:
        """Changes whenever `execution_plan` changes other than by time passing."""
        ...

    def execution_plan(self, now_ns: int) -> ExecutionPlan:
        """Return what is going to be executed, for the policy."""
        ...

    def take_splice(self) -> SpliceRecord | None:
        """Return how the newest accepted chunk joined the plan, once."""
        ...

    def view(self, now_ns: int) -> ExecutorView:
        """Return the state."""
        ...

    def counters(self, now_ns: int) -> tuple[CounterValue, ...]:
        """Return the counters of ExecutorStatus.msg; the owner is 'executor'."""
        ...


PICTURE_WIDTH, PICTURE_HEIGHT = 480, 300


class VirtualRig:
    """A `SimulatedRig` behind a driver profile. One thread."""

    def __init__(
        self,
        rig: SimulatedRig,
        profile: DriverProfile,
        *,
        render: bool,
        pictures: bool,
    ) -> None:
        """Speak to `rig` as `profile` says; without `render` pixels are fresh noise."""
        self._rig = rig
        self._layout = JointLayout(rig.arms)
        self._profiles = {arm: profile.arm(arm) for arm in rig.arms}
        self._render = render
        self._pictures = pictures
        self._renderer: OffscreenRenderer | None = None
        self._random = np.random.default_rng(0)
        self._samples = dict.fromkeys(rig.arms, 0)
        self._unreadable = dict.fromkeys(rig.arms, 0)
        self._refused_before_wire = dict.fromkeys(rig.arms, 0)
        self._base: Mapping[tuple[str, str], int] = {}

    @property
    def arms(self) -> tuple[str, ...]:
        """Names in the order of the joint layout."""
        return self._rig.arms

    def reset(self, *, seed: int, now_ns: int) -> None:
        """Put arms and objects into the start state of an episode; counters start at zero."""
        before = {(item.owner, item.name): item.value for item in self._rig_counters()}
        self._rig.reset(seed=seed, now_ns=now_ns)
        # What was on its way belongs to the episode before; images of time zero to this one.
        for item in self._rig_counters():
            if item.name == 'flushed':
                before[item.owner, item.name] = item.value
        self._base = before
        self._random = np.random.default_rng(seed)
        for arm in self.arms:
            self._samples[arm] = self._unreadable[arm] = self._refused_before_wire[arm] = 0

    def step_to(self, now_ns: int) -> None:
        """Advance the physics."""
        self._rig.step_to(now_ns)

    def command(self, arm: str, command: JointCommand, now_ns: int) -> None:
        """Encode the columns of `arm` as its driver wants them and send them."""
        columns = self._layout.arm_slice(arm)
        encoded = encode_command(
            self._profiles[arm], command.position[columns], command.velocity[columns]
        )
        if isinstance(encoded, Refusal):
            self._refused_before_wire[arm] += 1
            return
        self._rig.command(arm, encoded, now_ns=now_ns)

    def take_feedback(self) -> tuple[JointSample, ...]:
        """Decode what the drivers published since the last call."""
        samples = []
        for arm in self.arms:
            for publication in self._rig.take_publications(arm):
                message = publication.joint_state
                decoded = (
                    None
                    if message is None
                    else decode_feedback(
                        self._profiles[arm],
                        message.names,
                        message.position,
                        message.velocity,
                        message.effort,
                    )
                )
                if message is None or decoded is None or isinstance(decoded, Refusal):
                    self._unreadable[arm] += 1
                    continue
                self._samples[arm] += 1
                samples.append(
                    JointSample(
                        arm=arm,
                        stamp_ns=message.stamp_ns,
                        receive_ns=publication.published_ns,
                        position=decoded.position,
                        velocity=decoded.velocity,
                        effort=decoded.effort,
                    )
                )
        return tuple(samples)

    def take_conditions(self, now_ns: int) -> tuple[ArmHealth, ...]:
        """Return what the newest status of every arm means."""
        conditions = []
        for arm in self.arms:
            status = self._rig.status(arm)
            if status is not None:
                fault, released = _condition_of(arm, status)
                conditions.append(
                    ArmHealth(
                        arm=arm,
                        ok=not fault,
                        reason=fault,
                        receive_ns=now_ns,
                        released=released,
                    )
                )
        return tuple(conditions)

    def take_frames(self) -> tuple[ImageFrame, ...]:
        """Return the images the cameras delivered since the last call."""
        return tuple(
            ImageFrame(
                stream=exposure.camera,
                stamp_ns=exposure.stamp_ns,
                receive_ns=exposure.deliver_ns,
                pixels=self._rig.render(exposure) if self._render else self._fresh_pixels(),
            )
            for exposure in self._rig.due_exposures()
        )

    def picture(self) -> ImageArray | None:
        """Return a picture of the whole scene for people."""
        if not self._pictures:
            return None
        if self._renderer is None:
            self._renderer = OffscreenRenderer(
                self._rig.scene.model,
                width=PICTURE_WIDTH,
                height=PICTURE_HEIGHT,
                presentation=True,
            )
        return self._renderer.render(self._rig.scene.snapshot(), SCENE)

    def object_poses(self, now_ns: int) -> ObjectPoses:
        """Return the true poses of the objects."""
        return self._rig.object_poses(now_ns=now_ns)

    def judge(self) -> Verdict:
        """Judge the present state."""
        judgement = self._rig.judge()
        return Verdict(success=judgement.success, text=judgement.text, final=judgement.final)

    def counters(self) -> tuple[CounterValue, ...]:
        """Return counts since the reset."""
        waiting = ('waiting',)
        counted = [
            CounterValue(
                owner=item.owner,
                name=item.name,
                # What waits is a state, not a count since the reset.
                value=item.value
                - (0 if item.name in waiting else self._base.get((item.owner, item.name), 0)),
            )
            for item in self._rig_counters()
        ]
        for arm in self.arms:
            owner = f'feedback {arm}'
            counted.append(CounterValue(owner=owner, name='samples', value=self._samples[arm]))
            counted.append(
                CounterValue(owner=owner, name='unreadable', value=self._unreadable[arm])
            )
            counted.append(
                CounterValue(
                    owner=f'driver {arm}',
                    name='refused_before_wire',
                    value=self._refused_before_wire[arm],
                )
            )
        return tuple(counted)

    def close_pictures(self) -> None:
        """Free the renderer of `picture`; idempotent. The rig belongs to the caller."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _fresh_pixels(self) -> ImageArray:
        return self._random.integers(0, 256, (4, 4, 3), dtype=np.uint8)

    def _rig_counters(self) -> tuple[CounterValue, ...]:
        counts = self._rig.counts()
        counters: list[CounterValue] = []
        for arm, item in counts.arms.items():
            refused = sum(item.commands_refused.values())
            for owner, name, value in (
                (f'driver {arm}', 'received', item.commands_received),
                (f'driver {arm}', 'applied', item.commands_applied),
                (f'driver {arm}', 'refused', refused),
                (f'driver {arm}', 'flushed', item.commands_flushed),
                (f'driver {arm}', 'waiting', item.commands_waiting),
                (f'feedback {arm}', 'published', item.published),
                (f'feedback {arm}', 'flushed', item.feedback_flushed),
                (f'feedback {arm}', 'waiting', item.feedback_waiting),
            ):
                counters.append(CounterValue(owner=owner, name=name, value=value))
        for camera, images in counts.cameras.items():
            names = ('exposed', 'delivered', 'dropped', 'flushed', 'waiting')
            values = {name: int(getattr(images, name)) for name in names}
            counters += counters_of(f'camera {camera}', values)
        return tuple(counters)


@functools.lru_cache(maxsize=64)
def _condition_of(arm: str, status: PiperArmStatus) -> tuple[str, bool]:
    """
    Return what is wrong with the arm, '' if nothing is, and whether it follows no command.

    A status hardly ever changes.
    """
    decoded = decode_arm_status(
        arm=arm,
        ctrl_mode=status.ctrl_mode,
        arm_status=status.arm_status,
        mode_feedback=status.mode_feedback,
        teach_status=status.teach_status,
        motion_status=status.motion_status,
        err_code=status.err_code,
        angle_limit=status.joint_angle_limit,
        communication_error=status.communication_status_joint,
    )
    return '' if decoded.ok else decoded.text, decoded.released


class VirtualExecutor:
    """A `ChunkExecutor` as the episode sees it. One thread."""

    def __init__(self, executor: ChunkExecutor) -> None:
        """Wrap `executor`."""
        self._executor = executor
        self._chunk: ActionChunk | None = None  # the newest that was accepted

    def accept_feedback(self, sample: JointSample) -> Refusal | None:
        """Take feedback of one arm."""
        return self._executor.accept_feedback(sample)

    def accept_condition(self, condition: Any) -> Refusal | None:
        """Take the state of one arm."""
        return self._executor.accept_arm_condition(condition)

    def accept_chunk(self, chunk: ActionChunk, now_ns: int) -> Refusal | None:
        """Take a chunk, or say why not."""
        refusal = self._executor.accept_chunk(chunk, now_ns)
        if refusal is None:
            self._chunk = chunk
        return refusal

    def set_mode(self, mode: Mode, now_ns: int, reason: str) -> Refusal | None:
        """Change who commands, or say why not."""
        return self._executor.set_mode(mode, now_ns, reason)

    def tick(self, now_ns: int) -> JointCommand | None:
        """Return the command of this tick."""
        return self._executor.tick(now_ns)

    @property
    def plan_revision(self) -> int:
        """Rises whenever the plan changes other than by time passing."""
        return self._executor.plan_revision

    def execution_plan(self, now_ns: int) -> ExecutionPlan:
        """Return what is going to be executed."""
        return self._executor.execution_plan(now_ns)

    def take_splice(self) -> SpliceRecord | None:
        """Return how the newest accepted chunk joined the plan, once."""
        reports, chunk = self._executor.take_splices(), self._chunk
        if not reports or chunk is None:
            return None
        return splice_record(chunk, reports[-1], delay_ns=reports[-1].delay_ns)

    def view(self, now_ns: int) -> ExecutorView:
        """Return the state."""
        snapshot = self._executor.snapshot(now_ns)
        return ExecutorView(
            mode=snapshot.mode.mode,
            state=STATES[snapshot.state],
            reason=snapshot.reason,
            starvations=snapshot.counts.starvations,
            seam_position_step_rad=snapshot.seams.last_position_rad,
            seam_velocity_step_rad_s=snapshot.seams.last_velocity_rad_s,
        )

    def counters(self, now_ns: int) -> tuple[CounterValue, ...]:
        """Return its counters."""
        return counters_of('executor', self._executor.snapshot(now_ns).counters)
