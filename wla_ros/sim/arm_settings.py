# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Numbers of the simulated arm: actuation, inertia, gripper, contact. Kinematics and limits live in
`robots.piper`.

Servo gains, armatures and contact settings were measured in MuJoCo: tracking error 0.5 mm with
velocity feed-forward, a held cup slips 1.3 mm in 8 s. Link masses are those of the URDF, except
the 7 g of link 6, which no solver likes.
"""

from dataclasses import dataclass

BASE_HALF_DISTANCE_M = 0.28  # bases at y = +-0.28 m on the table top
ARM_BASES = {'left': (0.0, BASE_HALF_DISTANCE_M, 0.0), 'right': (0.0, -BASE_HALF_DISTANCE_M, 0.0)}
HOME_RAD = (
    0.0,
    0.4754,
    -0.603,
    0.0,
    0.7384,
    0.0,
)  # tool at r 0.20 m, z 0.25 m, leaning out by 60 deg

STIFFNESS = (1200.0, 1200.0, 1200.0, 300.0, 300.0, 200.0)  # [N m/rad]
TORQUE_LIMIT = (100.0, 100.0, 100.0, 30.0, 30.0, 15.0)  # [N m]
ARMATURE = (0.15, 0.15, 0.15, 0.03, 0.03, 0.03)  # [kg m^2]
DAMPING_POWERED = (0.5, 0.5, 0.5, 0.1, 0.1, 0.1)  # [N m s/rad]
DAMPING_LIMP = (
    1.5,
    1.5,
    1.0,
    0.2,
    0.2,
    0.1,
)  # [N m s/rad] gear drag: falls to the table in about a second
DAMPING_STOPPED = (
    30.0,
    30.0,
    15.0,
    2.0,
    2.0,
    1.0,
)  # [N m s/rad] shorted windings: sinks about 0.2 rad/s
LINK_MASS_KG = (0.71, 1.17, 0.50, 0.38, 0.383, 0.05)
PALM_MASS_KG = 0.45
FINGER_MASS_KG = 0.025

TCP_OFFSET_M = 0.132  # from the flange along z6 to the middle of the pads
GRIPPER_MAX_M = 0.07  # opening width
FINGER_TRAVEL_M = GRIPPER_MAX_M / 2
GRIPPER_STIFFNESS = 800.0  # [N/m] of width
GRIPPER_DAMPING = 20.0  # [N s/m]
GRIPPER_FORCE_N = 10.0  # of each finger
GRIPPER_SPEED_M_S = 0.25  # of the width set-point
GRIPPER_CLOSED_COMMAND_M = -0.01  # a set-point beyond closed keeps force on thin objects


@dataclass(frozen=True, slots=True)
class CollisionBits:
    """What a geom is (`kind`) and what it `touches`, MuJoCo's contype and conaffinity."""

    kind: int
    touches: int


# Arms meet the table, the objects and each other, but never themselves.
TABLE_BITS = CollisionBits(1, 14)
ARM_BITS = {'left': CollisionBits(2, 13), 'right': CollisionBits(8, 7)}
OBJECT_BITS = CollisionBits(4, 15)
