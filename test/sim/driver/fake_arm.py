# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""An arm without physics: joints are where the last set-point says, unless the motors are off."""

import numpy as np

from wla_ros.robots.encoding import EncodedJointState
from wla_ros.sim.config import ArmFaults
from wla_ros.sim.config import DriverConfig
from wla_ros.sim.driver.driver import PERIOD_NS
from wla_ros.sim.driver.driver import PiperDriver
from wla_ros.sim.fault_injection import FaultyBus
from wla_ros.sim.servos import ArmMeasurement
from wla_ros.sim.servos import ArmPower

NAMES = ('joint1', 'joint2', 'joint3', 'joint4', 'joint5', 'joint6', 'gripper')
HOME = (0.0, 0.4754, -0.603, 0.1, 0.7384, 0.0)
START_NS = 1_000_000_000


class FakeArm:
    """Servos that follows exactly; without power the joints stay."""

    def __init__(self, position=HOME):
        self.position = np.array(position)
        self.velocity = np.zeros(6)
        self.width_m = 0.05
        self.force_n = 0.0
        self.power = ArmPower.LIMP

    def set_joint_target(self, position, velocity):
        if self.power is ArmPower.POWERED:
            self.position, self.velocity = np.array(position), np.array(velocity)

    def set_gripper_target(self, width_m, force_n):
        self.width_m, self.force_n = width_m, force_n

    def set_power(self, power):
        self.power = power

    def measure(self):
        return ArmMeasurement(
            position=self.position,
            velocity=self.velocity,
            torque=np.full(6, 0.5),
            gripper_width_m=self.width_m,
            gripper_force_n=self.force_n,
        )


class Bench:
    """A driver on a fake arm and a clock that is moved by hand."""

    def __init__(self, bus=None, **config):
        self.arm = FakeArm()
        self.driver = PiperDriver(
            self.arm, DriverConfig(**config), bus=bus or FaultyBus(ArmFaults(), seed=0, arm='left')
        )
        self.now_ns = START_NS
        self.driver.reset(self.now_ns, gripper_m=0.05)

    def send(self, joints=HOME, gripper=0.05, **fields):
        command = {'names': NAMES, 'position': (*joints, gripper), 'velocity': (), 'effort': ()}
        return self.driver.command_joints(**{**command, **fields}, now_ns=self.now_ns)

    def send_encoded(self, command: EncodedJointState):
        return self.driver.command_joints(
            names=command.names,
            position=command.position,
            velocity=command.velocity,
            effort=command.effort,
            now_ns=self.now_ns,
        )

    def run(self, seconds):
        """Step for `seconds` and return the publications; None where there was none."""
        publications = []
        for _ in range(round(seconds * 1e9 / PERIOD_NS)):
            self.now_ns += PERIOD_NS
            publications.append(self.driver.step(self.now_ns))
        return publications
