# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the piper_ros driver does with commands and what it publishes."""

import functools
from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wla_ros.base.geometry import matrix_to_quaternion
from wla_ros.base.geometry import matrix_to_rpy
from wla_ros.base.geometry import rpy_to_matrix
from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import period_ns
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.robots.encoding import EncodedPosCmd
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.robots.piper.limits import ACCELERATION_RAD_S2
from wla_ros.sim.config import DriverConfig
from wla_ros.sim.driver.bus import NOTHING_RECEIVED
from wla_ros.sim.driver.bus import FeedbackFrame
from wla_ros.sim.driver.bus import StatusFrame
from wla_ros.sim.driver.bus import feedback_rad
from wla_ros.sim.driver.bus import true_rad
from wla_ros.sim.driver.commands import GRIPPER_FORCE_MN
from wla_ros.sim.driver.commands import SPEED_PERCENT
from wla_ros.sim.driver.commands import find_accident
from wla_ros.sim.driver.commands import read_joint_command
from wla_ros.sim.driver.commands import read_pose_command
from wla_ros.sim.driver.firmware import PiperFirmware
from wla_ros.sim.driver.generators import SetpointGenerator
from wla_ros.sim.driver.generators import StreamGenerator
from wla_ros.sim.driver.generators import TrapezoidGenerator
from wla_ros.sim.fault_injection import FaultyBus
from wla_ros.sim.servos import ArmPower
from wla_ros.sim.servos import ArmServos

# What one driver publishes, as plain values. No frame ids: the driver leaves them empty.


@dataclass(frozen=True, slots=True, kw_only=True)
class JointStateMessage:
    """The fields of sensor_msgs/JointState; in feedback 7 positions, 6 velocities, 7 efforts."""

    stamp_ns: int
    names: tuple[str, ...]
    position: tuple[float, ...]  # [rad], gripper [m]
    velocity: tuple[float, ...]  # [rad/s]
    effort: tuple[float, ...]  # [N m], gripper [N]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlangePose:
    """The fields of geometry_msgs/PoseStamped: link 6 in base_link."""

    stamp_ns: int
    position: tuple[float, float, float]  # [m]
    orientation: tuple[float, float, float, float]  # x y z w


@dataclass(frozen=True, slots=True, kw_only=True)
class PiperArmStatus:
    """The fields of PiperStatusMsg; the six joint flags of each kind are tuples."""

    ctrl_mode: int
    arm_status: int
    mode_feedback: int
    teach_status: int
    motion_status: int
    trajectory_num: int
    err_code: int
    joint_angle_limit: tuple[bool, ...]  # [6]
    communication_status_joint: tuple[bool, ...]  # [6] true = abnormal


def joint_feedback(frame: FeedbackFrame) -> JointStateMessage:
    """Return the joint feedback with the driver's factors."""
    return JointStateMessage(
        stamp_ns=frame.stamp_ns,
        names=ARM_COLUMNS,
        position=(*map(feedback_rad, frame.joints_mdeg), frame.gripper_um / 1e6),
        velocity=tuple([speed / 1000 for speed in frame.speeds_mrad_s]),
        effort=(*[effort / 1000 for effort in frame.efforts_mnm], frame.gripper_effort_mn / 1000),
    )


def joint_echo(stamp_ns: int, joints_mdeg: tuple[int, ...], gripper_um: int) -> JointStateMessage:
    """Return the targets on the bus (`joint_ctrl`); velocity and effort stay zero."""
    return JointStateMessage(
        stamp_ns=stamp_ns,
        names=ARM_COLUMNS,
        position=(*(feedback_rad(joint) for joint in joints_mdeg), gripper_um / 1e6),
        velocity=(0.0,) * 7,
        effort=(0.0,) * 7,
    )


def flange_feedback(frame: FeedbackFrame) -> FlangePose:
    """
    Return the flange pose as the firmware sends it: 0.001 mm, 0.001 deg.

    All zeros before the first frame.
    """
    if frame.stamp_ns == 0:
        return FlangePose(stamp_ns=0, position=(0.0, 0.0, 0.0), orientation=(0.0, 0.0, 0.0, 1.0))
    pose = flange_pose(true_rad(frame.joints_mdeg))
    position: FloatArray = np.round(pose[:3, 3] * 1e6) / 1e6
    angles = np.radians(np.round(np.degrees(matrix_to_rpy(pose[:3, :3])) * 1000) / 1000)
    x, y, z, w = matrix_to_quaternion(rpy_to_matrix(angles)).tolist()
    return FlangePose(
        stamp_ns=frame.stamp_ns,
        position=(float(position[0]), float(position[1]), float(position[2])),
        orientation=(x, y, z, w),
    )


@functools.lru_cache(maxsize=64)
def arm_status(frame: StatusFrame) -> PiperArmStatus:
    """Return the status; err_code carries the limit bits in bits 8 to 13."""
    return PiperArmStatus(
        ctrl_mode=int(frame.ctrl_mode),
        arm_status=int(frame.arm_status),
        mode_feedback=int(frame.mode_feedback),
        teach_status=0,
        motion_status=int(frame.motion_status),
        trajectory_num=0,
        err_code=sum(1 << (8 + i) for i, limit in enumerate(frame.joint_angle_limit) if limit),
        joint_angle_limit=frame.joint_angle_limit,
        communication_status_joint=(False,) * 6,
    )


PERIOD_NS = period_ns(200.0)  # of the publishing loop

NOT_ENABLED = 'not_enabled'
DRIVER_DEAD = 'driver_dead'
DRIVER_BUSY = 'driver_busy'
CAN_SILENT = 'can_silent'

_DEATH_NS = 250 * NS_PER_MS  # SDK isOk(): five checks of 50 ms without a frame
_ENABLE_POLL_NS = NS_PER_S // 2
_ENABLE_TIMEOUT_NS = 5 * NS_PER_S
_PLAUSIBLE = 3.5  # the newer driver drops feedback beyond, [rad] and [m] alike

_GENERATORS: Mapping[str, type[StreamGenerator] | type[TrapezoidGenerator]] = {
    'stream': StreamGenerator,
    'trapezoid': TrapezoidGenerator,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCounts:
    """Commands since construction: received = applied + the sum of refused."""

    received: int
    applied: int
    refused: Mapping[str, int]  # by Refusal.reason
    last_refusal: Refusal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One turn of the publishing loop."""

    published_ns: int
    joint_state: (
        JointStateMessage | None
    )  # on joint_states_single and joint_states_feedback; None: dropped
    echo: tuple[int, tuple[int, ...], int]  # stamp [ns], joints [0.001 deg], gripper [um]
    status: PiperArmStatus
    frame: FeedbackFrame

    @property
    def joint_ctrl(self) -> JointStateMessage:
        """What goes out on joint_ctrl; computed here because few read it."""
        return joint_echo(*self.echo)

    @property
    def flange(self) -> FlangePose:
        """What goes out on end_pose and end_pose_stamped; computed here because few read it."""
        return flange_feedback(self.frame)


class EnableCall:
    """A running call of enable_srv; while it runs the driver's single thread reads no commands."""

    def __init__(self, *, enable: bool, now_ns: int) -> None:
        """Start the call; the driver polls at once."""
        self.enable = enable
        self.started_ns = now_ns
        self.poll_due_ns = now_ns
        self.response: bool | None = (
            None  # enable_response: the requested state was reached; None: running
        )


class PiperDriver:
    """One driver and its arm. One thread calls all methods."""

    def __init__(self, port: ArmServos, config: DriverConfig, *, bus: FaultyBus) -> None:
        """Connect to the arm behind `port`; call `reset` before the first step."""
        self._config = config
        self._bus = bus
        generator: SetpointGenerator = _GENERATORS[config.motion_mode](
            acceleration_rad_s2=ACCELERATION_RAD_S2
        )
        self._firmware = PiperFirmware(
            port, kinematics=PiperKinematics(margin_rad=0.0), generator=generator
        )
        self._received = 0
        self._applied = 0
        self._refused: Counter[str] = Counter()
        self._last_refusal: Refusal | None = None
        self._dropped_feedback = 0
        self.reset(0, gripper_m=0.0)

    def reset(self, now_ns: int, *, gripper_m: float) -> None:
        """
        Restart arm and driver where the arm stands; enabled if configured so.

        Counters go on.
        """
        self._alive = True
        self._enabled = self._config.auto_enable
        self._silent_since_ns: int | None = None
        self._call: EnableCall | None = None
        self._frame = NOTHING_RECEIVED
        self._status = StatusFrame()
        self._firmware.reset(now_ns, enabled=self._enabled, gripper_m=gripper_m)

    @property
    def alive(self) -> bool:
        """Whether the node runs; a lost bus ends it and nothing but `reset` restarts it."""
        return self._alive

    @property
    def power(self) -> ArmPower:
        """What the motors do."""
        return self._firmware.power

    @property
    def firmware(self) -> PiperFirmware:
        """The controller of the arm."""
        return self._firmware

    @property
    def dropped_feedback(self) -> int:
        """Feedback messages that the driver dropped as implausible, since construction."""
        return self._dropped_feedback

    def counts(self) -> CommandCounts:
        """Return the counters of joint and pose commands."""
        return CommandCounts(
            received=self._received,
            applied=self._applied,
            refused=dict(self._refused),
            last_refusal=self._last_refusal,
        )

    def command_joints(
        self,
        *,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
        effort: Sequence[float],
        now_ns: int,
    ) -> Refusal | None:
        """Take a message of joint_ctrl_single. Returns why it moves nothing."""
        return self._counted(self._joints(names, position, velocity, effort, now_ns))

    def command_pose(self, command: EncodedPosCmd, *, now_ns: int) -> Refusal | None:
        """
        Take a message of pos_cmd.

        Returns why it moves nothing; unsolvable poses show in the status only.
        """
        return self._counted(self._pose(command, now_ns))

    def set_enable_flag(self, *, enable: bool, now_ns: int) -> None:
        """Take a message of enable_flag. Enabling closes the gripper; disabling drops the arm."""
        if not self._alive:
            return
        self._enabled = enable
        self._send_enable(enable=enable, now_ns=now_ns)

    def call_enable(self, *, enable: bool, now_ns: int) -> EnableCall:
        """
        Start a call of enable_srv; `publish` carries it on.

        A dead or busy driver answers False.
        """
        call = EnableCall(enable=enable, now_ns=now_ns)
        if not self._alive or self._call is not None:
            call.response = False
            return call
        self._call = call
        self._poll_enable(call, now_ns)
        return call

    def emergency_stop(self) -> None:
        """
        Press the stop of the arm (no driver topic leads here): it sinks damped and ignores
        commands.
        """
        self._firmware.emergency_stop()

    def resume(self) -> None:
        """Reset the arm after a stop: power is lost at once; enable twice."""
        self._firmware.resume()

    def advance(self, now_ns: int) -> None:
        """Move the set-points on to `now_ns`; call before every physics step that ends there."""
        self._firmware.advance(now_ns)

    def publish(self, now_ns: int) -> Publication | None:
        """Run one turn of the 200 Hz loop. Returns None once the driver is dead."""
        if not self._alive:
            return None
        if self._bus.silent(now_ns):
            if self._silent_since_ns is None:
                self._silent_since_ns = now_ns
            if now_ns - self._silent_since_ns >= _DEATH_NS:
                self._alive = False
                if self._call is not None:
                    self._call.response = False
                    self._call = None
                return None
        else:
            self._silent_since_ns = None
            frame, self._status = self._firmware.frames(now_ns)
            self._frame = self._bus.carry(frame)
        if self._call is not None and now_ns >= self._call.poll_due_ns:
            self._poll_enable(self._call, now_ns)
        return Publication(
            published_ns=now_ns,
            joint_state=self._joint_state(),
            echo=self._firmware.commanded,
            status=arm_status(self._status),
            frame=self._frame,
        )

    def step(self, now_ns: int) -> Publication | None:
        """Advance and publish; for an arm without physics of its own."""
        self.advance(now_ns)
        return self.publish(now_ns)

    def _joint_state(self) -> JointStateMessage | None:
        message = joint_feedback(self._frame)
        position = message.position
        if (
            self._config.drop_implausible
            and not -_PLAUSIBLE <= min(position) <= max(position) <= _PLAUSIBLE
        ):
            self._dropped_feedback += 1
            return None
        return message

    def _joints(
        self,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
        effort: Sequence[float],
        now_ns: int,
    ) -> Refusal | None:
        deaf = self._deafness()
        if deaf is not None:
            return deaf
        if self._config.strict_commands:
            accident = find_accident(names=names, position=position)
            if accident is not None:
                return accident
        frames = read_joint_command(
            names=names,
            position=position,
            velocity=velocity,
            effort=effort,
            gripper_value_multiple=self._config.gripper_value_multiple,
        )
        if isinstance(frames, Refusal):
            return frames
        unheard = self._unheard(now_ns)
        if unheard is not None:
            return unheard
        refusal = self._firmware.joint_ctrl(
            frames.joints_mdeg, speed_percent=frames.speed_percent, now_ns=now_ns
        )
        self._firmware.gripper_ctrl(frames.gripper_um, frames.gripper_force_mn, now_ns=now_ns)
        return refusal

    def _pose(self, command: EncodedPosCmd, now_ns: int) -> Refusal | None:
        deaf = self._deafness()
        if deaf is not None:
            return deaf
        frames = read_pose_command(command)
        if isinstance(frames, Refusal):
            return frames
        unheard = self._unheard(now_ns)
        if unheard is not None:
            return unheard
        refusal = self._firmware.end_pose_ctrl(
            frames.matrix(), speed_percent=SPEED_PERCENT, now_ns=now_ns
        )
        self._firmware.gripper_ctrl(frames.gripper_um, GRIPPER_FORCE_MN, now_ns=now_ns)
        return refusal

    def _deafness(self) -> Refusal | None:
        """Return why no callback of the node runs."""
        if not self._alive:
            return Refusal(
                reason=DRIVER_DEAD,
                detail='the driver ended when the CAN bus fell silent; restart it',
            )
        if self._call is not None:
            return Refusal(
                reason=DRIVER_BUSY,
                detail='enable_srv is running and blocks the thread of the driver',
            )
        return None

    def _unheard(self, now_ns: int) -> Refusal | None:
        """Return why a command that the node understood does not reach the arm."""
        if not self._enabled:
            return Refusal(
                reason=NOT_ENABLED,
                detail='the driver is not enabled; use enable_flag or enable_srv',
            )
        if self._bus.silent(now_ns):
            return Refusal(reason=CAN_SILENT, detail='no frame passes the CAN bus')
        return None

    def _poll_enable(self, call: EnableCall, now_ns: int) -> None:
        """Do one turn of the loop in handle_enable_service: read the bits, send again, compare."""
        reported = self._firmware.reported_enabled
        self._send_enable(enable=call.enable, now_ns=now_ns)
        self._enabled = reported
        if reported == call.enable:
            call.response = True
        elif now_ns - call.started_ns > _ENABLE_TIMEOUT_NS:
            call.response = False
        else:
            call.poll_due_ns = now_ns + _ENABLE_POLL_NS
            return
        self._call = None

    def _send_enable(self, *, enable: bool, now_ns: int) -> None:
        if self._bus.silent(now_ns):
            return
        if enable:
            self._firmware.enable_arm()
            self._firmware.gripper_ctrl(0, GRIPPER_FORCE_MN, now_ns=now_ns)
        else:
            self._firmware.disable_arm()

    def _counted(self, refusal: Refusal | None) -> Refusal | None:
        self._received += 1
        if refusal is None:
            self._applied += 1
        else:
            self._refused[refusal.reason] += 1
            self._last_refusal = refusal
        return refusal
