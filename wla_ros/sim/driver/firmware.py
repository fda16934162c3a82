# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The firmware of one arm: enable, modes, status codes, set-points at 200 Hz."""

import enum

import numpy as np

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.robots.piper.kinematics import JOINT_LIMIT
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.robots.piper.limits import VELOCITY_RAD_S
from wla_ros.sim.driver.bus import TRUE_RAD_PER_MDEG
from wla_ros.sim.driver.bus import FeedbackFrame
from wla_ros.sim.driver.bus import StatusFrame
from wla_ros.sim.driver.bus import quantised
from wla_ros.sim.driver.bus import true_rad
from wla_ros.sim.driver.generators import SetpointGenerator
from wla_ros.sim.servos import ArmPower
from wla_ros.sim.servos import ArmServos

# The codes of CAN 0x2A1 that the stand-in can report (piper_sdk, PiperStatusMsg).


class CtrlMode(enum.IntEnum):
    """Who commands the arm."""

    STANDBY = 0
    CAN = 1


class ArmState(enum.IntEnum):
    """How the arm is."""

    NORMAL = 0
    EMERGENCY_STOP = 1
    NO_SOLUTION = 2
    SINGULARITY = 3
    TARGET_BEYOND_LIMIT = 4


class MoveMode(enum.IntEnum):
    """How it moves."""

    P = 0
    J = 1


EMERGENCY_STOP = 'emergency_stop'
MOTORS_OFF = 'motors_off'

# Set in flash, resolution 0.1 deg: J1 +-150, J2 0..180, J3 -170..0, J4 +-100, J5 +-70, J6 +-120.
_LOWER_MDEG = (-150_000, 0, -170_000, -100_000, -70_000, -120_000)
_UPPER_MDEG = (150_000, 180_000, 0, 100_000, 70_000, 120_000)
# The SDK's bounds in rad times the driver's factor end up to 0.083 deg beyond; they must not raise
# a limit bit.
_LIMIT_TOLERANCE_MDEG = 100

_ENABLE_REPORT_NS = NS_PER_S // 40  # low-speed frames 0x261 to 0x266
_REACHED_RAD = 0.01  # assumed; only motion_status depends on it
# Distance of the wrist centre from axis 1, and joint 5, below which the firmware calls a pose
# singular. Assumed.
_SINGULAR_RADIUS_M = 0.001
_SINGULAR_WRIST_RAD = 0.001
_WRIST_TO_FLANGE_M = 0.091
_DEFAULT_GRIPPER_MN = 1000
_NO_LIMITS: tuple[bool, ...] = (False,) * 6


class PiperFirmware:
    """One controller. One thread calls all methods."""

    def __init__(
        self, port: ArmServos, *, kinematics: PiperKinematics, generator: SetpointGenerator
    ) -> None:
        """Connect to the arm behind `port`; `kinematics` has no tool, no margin and no base."""
        self._port = port
        self._kinematics = kinematics
        self._generator = generator
        self.reset(0, enabled=False, gripper_m=0.0)

    def reset(self, now_ns: int, *, enabled: bool, gripper_m: float) -> None:
        """Restart at the present joints, with motors on (gripper target `gripper_m`) or off."""
        self._advanced_ns = now_ns
        self._stopped = False
        self._enables_missing = 1
        self._reported_enabled = enabled
        self._report_due_ns = now_ns
        self._state = ArmState.NORMAL
        self._ctrl_mode = CtrlMode.STANDBY
        self._move_mode = MoveMode.P
        self._limit_bits: tuple[bool, ...] = (False,) * 6
        self._joint_echo_mdeg: tuple[int, ...] = (0,) * 6
        self._gripper_echo_um = 0
        self._echo_stamp_ns = 0
        self._settle()
        self._power = ArmPower.LIMP
        if enabled:
            self._enables_missing = 0
            self._switch(ArmPower.POWERED)
            self._port.set_gripper_target(gripper_m, _DEFAULT_GRIPPER_MN / 1000)
        else:
            self._switch(ArmPower.LIMP)

    @property
    def power(self) -> ArmPower:
        """What the motors do."""
        return self._power

    @property
    def reported_enabled(self) -> bool:
        """The enabled bits of all six motors as last sent, at 40 Hz."""
        return self._reported_enabled

    @property
    def commanded(self) -> tuple[int, tuple[int, ...], int]:
        """The last targets on the bus: stamp [ns], joints [6] [0.001 deg], gripper [um]."""
        return self._echo_stamp_ns, self._joint_echo_mdeg, self._gripper_echo_um

    def enable_arm(self) -> None:
        """
        0x471 enable: power comes after as many frames as are missing, two after a reset.

        Holds where it is.
        """
        if self._stopped or self._power is ArmPower.POWERED:
            return
        self._enables_missing -= 1
        if self._enables_missing <= 0:
            self._settle()
            self._switch(ArmPower.POWERED)

    def disable_arm(self) -> None:
        """0x471 disable: power is cut now and the arm falls."""
        self._enables_missing = max(self._enables_missing, 1)
        self._ctrl_mode = CtrlMode.STANDBY
        self._switch(ArmPower.LIMP)

    def emergency_stop(self) -> None:
        """0x150 stop: the arm sinks damped, arm_status 1, commands are ignored until `resume`."""
        self._stopped = True
        self._state = ArmState.EMERGENCY_STOP
        if self._power is ArmPower.POWERED:
            self._switch(ArmPower.DAMPED)

    def resume(self) -> None:
        """
        0x150 reset: errors and modes are cleared, power is lost at once, two enable frames are
        needed.
        """
        self._stopped = False
        self._state = ArmState.NORMAL
        self._limit_bits = (False,) * 6
        self._enables_missing = 2
        self._ctrl_mode = CtrlMode.STANDBY
        self._switch(ArmPower.LIMP)

    def joint_ctrl(
        self, joints_mdeg: tuple[int, ...], *, speed_percent: int, now_ns: int
    ) -> Refusal | None:
        """
        0x151 MOVE J and 0x155 to 0x157: move to [6] [0.001 deg].

        Targets beyond a limit are clipped and raise the joint's limit bit and arm_status 4
        (assumed) until a target inside arrives. Returns why the frames were ignored.
        """
        self._joint_echo_mdeg, self._echo_stamp_ns = joints_mdeg, now_ns
        refusal = self._deafness()
        if refusal is not None:
            return refusal
        bounded = list(zip(joints_mdeg, _LOWER_MDEG, _UPPER_MDEG, strict=True))
        clipped = tuple([min(max(joint, low), high) for joint, low, high in bounded])
        beyond = _NO_LIMITS
        if clipped != joints_mdeg:
            beyond = tuple(
                not low - _LIMIT_TOLERANCE_MDEG <= joint <= high + _LIMIT_TOLERANCE_MDEG
                for joint, low, high in bounded
            )
        self._limit_bits = beyond
        self._state = ArmState.TARGET_BEYOND_LIMIT if any(beyond) else ArmState.NORMAL
        self._begin(MoveMode.J, true_rad(clipped), speed_percent, now_ns)
        return None

    def end_pose_ctrl(
        self, pose: FloatArray, *, speed_percent: int, now_ns: int
    ) -> Refusal | None:
        """
        0x151 MOVE P and 0x152 to 0x154: move the flange to `pose` [4, 4] along the joints.

        Without a solution the target stays as it was and arm_status says why: 2 no solution, 3
        singular, 4 limit. Returns why the frames were ignored.
        """
        self._echo_stamp_ns = now_ns
        refusal = self._deafness()
        if refusal is not None:
            return refusal
        self._ctrl_mode, self._move_mode = CtrlMode.CAN, MoveMode.P
        solved = self._kinematics.solve(pose, self._generator.position)
        if isinstance(solved, Refusal):
            limit = solved.reason == JOINT_LIMIT
            self._state = ArmState.TARGET_BEYOND_LIMIT if limit else ArmState.NO_SOLUTION
        elif _is_singular(pose, solved):
            self._state = ArmState.SINGULARITY
        else:
            self._state = ArmState.NORMAL
            self._limit_bits = (False,) * 6
            self._begin(MoveMode.P, solved, speed_percent, now_ns)
        return None

    def gripper_ctrl(self, width_um: int, force_mn: int, *, now_ns: int) -> None:
        """0x159 with code 1: open to `width_um`, saturating at the mechanical stop."""
        self._gripper_echo_um, self._echo_stamp_ns = width_um, now_ns
        if self._deafness() is None:
            self._port.set_gripper_target(width_um * 1e-6, force_mn * 1e-3)

    def advance(self, now_ns: int) -> None:
        """
        Move the set-points on to `now_ns` and hand them to the motors.

        Time must not run backwards.
        """
        dt_ns = now_ns - self._advanced_ns
        if dt_ns < 0:
            raise ValueError(f'now_ns {now_ns} lies before {self._advanced_ns}')
        if dt_ns and self._power is ArmPower.POWERED:
            self._generator.advance(now_ns, ns_to_seconds(dt_ns))
            self._port.set_joint_target(self._generator.position, self._generator.velocity)
        self._advanced_ns = now_ns
        if now_ns >= self._report_due_ns:
            self._reported_enabled = self._power is ArmPower.POWERED
            self._report_due_ns += _ENABLE_REPORT_NS * (
                1 + (now_ns - self._report_due_ns) // _ENABLE_REPORT_NS
            )

    def frames(self, now_ns: int) -> tuple[FeedbackFrame, StatusFrame]:
        """Return the sensors as integers on the bus, and the state of the controller."""
        measured = self._port.measure()
        feedback = FeedbackFrame(
            stamp_ns=now_ns,
            joints_mdeg=quantised(measured.position, 1.0 / TRUE_RAD_PER_MDEG),
            speeds_mrad_s=quantised(measured.velocity, 1000.0),
            efforts_mnm=quantised(measured.torque, 1000.0),
            gripper_um=round(measured.gripper_width_m * 1e6),
            gripper_effort_mn=round(measured.gripper_force_n * 1e3),
        )
        status = StatusFrame(
            ctrl_mode=self._ctrl_mode,
            arm_status=self._state,
            mode_feedback=self._move_mode,
            motion_status=int(self._moving(measured.position)),
            joint_angle_limit=self._limit_bits,
        )
        return feedback, status

    def _deafness(self) -> Refusal | None:
        """Return why motion commands are ignored."""
        if self._stopped:
            return Refusal(
                reason=EMERGENCY_STOP,
                detail='the arm is in emergency stop; reset it (it falls), enable twice',
            )
        if self._power is not ArmPower.POWERED:
            return Refusal(reason=MOTORS_OFF, detail='the motors are off; enable the arm')
        return None

    def _begin(self, mode: MoveMode, target: FloatArray, speed_percent: int, now_ns: int) -> None:
        self._ctrl_mode, self._move_mode = CtrlMode.CAN, mode
        self._target = target
        self._generator.aim(
            target, max_speed_rad_s=VELOCITY_RAD_S * speed_percent / 100, now_ns=now_ns
        )

    def _settle(self) -> None:
        """Make the measured joints the target, at rest."""
        self._target = self._port.measure().position
        self._generator.reset(self._target)

    def _switch(self, power: ArmPower) -> None:
        self._power = power
        self._port.set_power(power)
        if power is ArmPower.POWERED:
            self._port.set_joint_target(self._generator.position, self._generator.velocity)

    def _moving(self, measured: FloatArray) -> bool:
        """Return whether the arm, `measured` [6], is off its target; False without power."""
        if self._power is not ArmPower.POWERED:
            return False
        pairs = zip(measured.tolist(), self._target.tolist(), strict=True)
        return any([abs(joint - target) > _REACHED_RAD for joint, target in pairs])


def _is_singular(pose: FloatArray, joints: FloatArray) -> bool:
    wrist = pose[:3, 3] - _WRIST_TO_FLANGE_M * pose[:3, 2]
    return bool(
        np.hypot(wrist[0], wrist[1]) < _SINGULAR_RADIUS_M or abs(joints[4]) < _SINGULAR_WRIST_RAD
    )
