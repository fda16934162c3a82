# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The servos of one arm: what MuJoCo moves, and how it powers down."""

import enum
import math
from dataclasses import dataclass

import mujoco
import numpy as np

from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import FloatArray
from wla_ros.sim import arm_settings as settings


class ArmPower(enum.Enum):
    """State of the motors of one arm."""

    POWERED = 'powered'  # servos track the set-point, weight is compensated
    DAMPED = 'damped'  # emergency stop: motors only brake, the arm sinks slowly, the gripper holds
    LIMP = 'limp'  # disabled or reset: no torque, the arm falls, the gripper lets go


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArmMeasurement:
    """What the sensors of one arm read."""

    position: FloatArray  # [6] [rad]
    velocity: FloatArray  # [6] [rad/s]
    torque: FloatArray  # [6] [N m] of the motors
    gripper_width_m: float
    gripper_force_n: float


_DAMPING = {
    ArmPower.POWERED: np.array(settings.DAMPING_POWERED),
    ArmPower.DAMPED: np.array(settings.DAMPING_STOPPED),
    ArmPower.LIMP: np.array(settings.DAMPING_LIMP),
}


class ArmServos:
    """Servos of `arm` in `model` and `data`."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, arm: str) -> None:
        """Look up the arm's joints, bodies and actuators and remember their nominal gains."""
        self._model, self._data = model, data
        joints = [model.joint(f'{arm}/joint{i}') for i in range(1, 7)]
        fingers = [model.joint(f'{arm}/finger{i}') for i in (1, 2)]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._dofs = np.array([joint.dofadr[0] for joint in joints])
        self._finger_qpos = np.array([joint.qposadr[0] for joint in fingers])
        self._finger_dofs = np.array([joint.dofadr[0] for joint in fingers])
        self._motors = np.array([model.actuator(f'{arm}/joint{i}').id for i in range(1, 7)])
        self._gripper = int(model.actuator(f'{arm}/gripper').id)
        # The joints of an arm follow one another; slices are read faster than lists of places.
        first_q, first_dof = int(self._qpos[0]), int(self._dofs[0])
        self._qpos_slice = slice(first_q, first_q + 6)
        self._dof_slice = slice(first_dof, first_dof + 6)
        self._fingers = [int(place) for place in self._finger_qpos]
        if list(self._qpos) != list(range(first_q, first_q + 6)) or list(self._dofs) != list(
            range(first_dof, first_dof + 6)
        ):
            raise ValueError(f'the joints of {arm} do not follow one another in the model')
        root = model.body(f'{arm}/base_link').id
        self._bodies = np.array(
            [i for i in range(model.nbody) if model.body_rootid[i] == root and i != root]
        )
        every = np.append(self._motors, self._gripper)
        self._gain = model.actuator_gainprm[every].copy()
        self._bias = model.actuator_biasprm[every].copy()
        stiffness, damping = self._gain[:6, 0], -self._bias[:6, 2]
        # Setting the servo ahead by this much of the velocity cancels the drag of its own and the
        # joint's damping.
        self._lead_s = (damping + np.array(settings.DAMPING_POWERED)) / stiffness
        self.power = ArmPower.POWERED
        self._width_target_m = 0.0

    def reset(self, position: FloatArray, *, gripper_width_m: float = 0.0) -> None:
        """Place the arm at `position` [6] at rest, powered, with the gripper at its width."""
        self._data.qpos[self._qpos] = position
        self._data.qvel[self._dofs] = 0.0
        self._data.qpos[self._finger_qpos] = gripper_width_m / 2
        self._data.qvel[self._finger_dofs] = 0.0
        self._data.ctrl[self._gripper] = gripper_width_m
        self.set_power(ArmPower.POWERED)
        self.set_gripper_target(gripper_width_m, settings.GRIPPER_FORCE_N)

    def set_power(self, power: ArmPower) -> None:
        """Switch gains, damping and weight compensation; a powered arm holds where it is."""
        powered = power is ArmPower.POWERED
        self._model.actuator_gainprm[self._motors] = self._gain[:6] if powered else 0.0
        self._model.actuator_biasprm[self._motors] = self._bias[:6] if powered else 0.0
        grips = power is not ArmPower.LIMP
        self._model.actuator_gainprm[self._gripper] = self._gain[6] if grips else 0.0
        self._model.actuator_biasprm[self._gripper] = self._bias[6] if grips else 0.0
        self._model.dof_damping[self._dofs] = _DAMPING[power]
        self._model.body_gravcomp[self._bodies] = 1.0 if powered else 0.0
        self.power = power
        self._data.ctrl[self._motors] = self._data.qpos[self._qpos]

    def set_joint_target(self, position: FloatArray, velocity: FloatArray) -> None:
        """
        Set where the servos shall be and how fast they move there, [6] rad and [6] rad/s.

        Without effect on the motion while the arm is not powered. Raises ValueError for a wrong
        shape or a number that is not finite.
        """
        if np.shape(position) != (6,) or np.shape(velocity) != (6,):
            raise ValueError(
                f'expected six positions and six velocities, got shapes '
                f'{np.shape(position)} and {np.shape(velocity)}'
            )
        target = position + self._lead_s * velocity
        if not math.isfinite(sum(target.tolist())):
            raise ValueError(
                f'set-point is not finite: position {position!r}, velocity {velocity!r}'
            )
        if self.power is ArmPower.POWERED:
            self._data.ctrl[self._motors] = target

    def set_gripper_target(self, width_m: float, force_n: float) -> None:
        """
        Set opening width and force of each finger; the width is approached at 0.25 m/s.

        Values are clipped to what the gripper can do. Raises ValueError for a number that is not
        finite.
        """
        if not math.isfinite(width_m) or not math.isfinite(force_n):
            raise ValueError(
                f'gripper target is not finite: width {width_m!r} m, force {force_n!r} N'
            )
        self._width_target_m = min(
            max(width_m, settings.GRIPPER_CLOSED_COMMAND_M), settings.GRIPPER_MAX_M
        )
        force_n = min(max(force_n, 0.0), settings.GRIPPER_FORCE_N)
        self._model.actuator_forcerange[self._gripper] = (-force_n, force_n)

    def advance(self, duration_ns: int) -> None:
        """Move the gripper's set-point toward its target for the coming step of `duration_ns`."""
        reach = settings.GRIPPER_SPEED_M_S * ns_to_seconds(duration_ns)
        present = self._data.ctrl[self._gripper]
        self._data.ctrl[self._gripper] = present + min(
            max(self._width_target_m - present, -reach), reach
        )

    def measure(self) -> ArmMeasurement:
        """Return the present state of the arm."""
        return ArmMeasurement(
            position=self.joint_position(),
            velocity=self.joint_velocity(),
            torque=self.joint_torque(),
            gripper_width_m=self.gripper_width(),
            gripper_force_n=self.gripper_force(),
        )

    def joint_position(self) -> FloatArray:
        """Return [6] rad."""
        return np.array(self._data.qpos[self._qpos_slice])

    def joint_velocity(self) -> FloatArray:
        """Return [6] rad/s."""
        return np.array(self._data.qvel[self._dof_slice])

    def joint_torque(self) -> FloatArray:
        """Return the torque of the motors with their share for gravity, [6] N m."""
        torque: FloatArray = (
            self._data.qfrc_actuator[self._dof_slice] + self._data.qfrc_gravcomp[self._dof_slice]
        )
        return torque

    def gripper_width(self) -> float:
        """Return the opening width [m]; slightly negative values are normal when closed."""
        first, second = self._fingers
        return float(self._data.qpos[first] + self._data.qpos[second])

    def gripper_velocity(self) -> float:
        """Return the rate of the opening width [m/s]."""
        return float(self._data.qvel[self._finger_dofs].sum())

    def gripper_force(self) -> float:
        """Return the force of each finger [N], positive opens."""
        return float(self._data.actuator_force[self._gripper])
