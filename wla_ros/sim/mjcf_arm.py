# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""One Piper as MJCF: links, joints, gripper."""

import xml.etree.ElementTree as ET
from collections.abc import Callable

from wla_ros.robots.piper.forward_kinematics import DH_TABLES
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.piper.limits import JOINT_LOWER_RAD
from wla_ros.robots.piper.limits import JOINT_UPPER_RAD
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.arm_settings import LINK_MASS_KG
from wla_ros.sim.cameras import WRIST_CAMERA_POSITION_M
from wla_ros.sim.cameras import WRIST_CAMERA_TILT_RAD
from wla_ros.sim.mjcf import Attributes
from wla_ros.sim.mjcf import Vector
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf import rotation_x_then_z
from wla_ros.sim.mjcf import section

# What the links of a Piper look like: capsules, cylinders and boxes of our own, in the DH frames.
#
# One shape per link touches and carries the mass; the others are only seen.

SHELL, JOINT = 'arm_shell', 'arm_joint'
_ORIGIN = (0.0, 0.0, 0.0)


def look(
    body: ET.Element,
    shape: str,
    size: tuple[float, ...],
    position: Vector = _ORIGIN,
    *,
    material: str = SHELL,
    axis: Vector = (0.0, 0.0, 1.0),
) -> None:
    """Append a shape that is only seen; `size` as in MJCF, z of the shape along `axis`."""
    add(
        body, 'geom', class_='look', type=shape, size=size, pos=position, zaxis=axis,
        material=material,
    )  # fmt: skip


def add_base_geometry(body: ET.Element) -> None:
    """Mounting plate, pedestal, bearing, connector at the back."""
    look(body, 'box', (0.075, 0.06, 0.007), (0, 0, 0.007), material=JOINT)
    look(body, 'cylinder', (0.052, 0.03), (0, 0, 0.042))
    look(body, 'cylinder', (0.047, 0.006), (0, 0, 0.078), material=JOINT)
    look(body, 'box', (0.02, 0.022, 0.016), (-0.055, 0, 0.035), material=JOINT)


def _link1(body: ET.Element, solid: str) -> None:
    """Turret: a short column and the shoulder fork along y."""
    _carry(body, solid, 0, 'cylinder', size=(0.044, 0.022), pos=(0, 0, -0.016))
    look(body, 'capsule', (0.043, 0.028), axis=(0, 1, 0))


def _link2(body: ET.Element, solid: str) -> None:
    """Upper arm: shoulder motor, a beam along x to the elbow motor."""
    _carry(body, solid, 1, 'capsule', size=(0.031,), fromto=(0.02, 0, 0, 0.262, 0, 0))
    look(body, 'cylinder', (0.046, 0.046), material=JOINT)
    look(body, 'cylinder', (0.036, 0.050))
    look(body, 'cylinder', (0.039, 0.040), (0.28503, 0, 0), material=JOINT)


def _link3(body: ET.Element, solid: str) -> None:
    """Forearm: from the elbow along -y to the wrist."""
    along = (-0.006, -0.02, 0, -0.0215, -0.15, 0)
    _carry(body, solid, 2, 'capsule', size=(0.028,), fromto=along)
    look(body, 'cylinder', (0.031, 0.044))


def _link4(body: ET.Element, solid: str) -> None:
    """Forearm roll: a dark collar and a light sleeve along z, rounded at the wrist."""
    _carry(body, solid, 3, 'cylinder', size=(0.0285, 0.030), pos=(0, 0, -0.056))
    look(body, 'cylinder', (0.0305, 0.007), (0, 0, -0.092), material=JOINT)
    look(body, 'sphere', (0.0285,), (0, 0, -0.026))


def _link5(body: ET.Element, solid: str) -> None:
    """Wrist pitch: a dark motor along z with light caps."""
    _carry(body, solid, 4, 'cylinder', size=(0.028, 0.033), material=JOINT)
    look(body, 'cylinder', (0.019, 0.036))


def _link6(body: ET.Element, solid: str) -> None:
    """Wrist roll: a sleeve along z up to the flange disc at z = 0."""
    _carry(body, solid, 5, 'cylinder', size=(0.026, 0.026), pos=(0, 0, -0.036))
    look(body, 'cylinder', (0.030, 0.006), (0, 0, -0.005), material=JOINT)


def _carry(
    body: ET.Element, solid: str, index: int, shape: str, **attributes: str | tuple[float, ...]
) -> None:
    """Append the shape of link `index` that touches and has its mass."""
    add(body, 'geom', class_=solid, type=shape, mass=LINK_MASS_KG[index], **attributes)


LINK_GEOMETRY: tuple[Callable[[ET.Element, str], None], ...] = (
    _link1,
    _link2,
    _link3,
    _link4,
    _link5,
    _link6,
)


# The parallel gripper of a Piper as MJCF, with the wrist camera's housing.
#
# Both fingers slide by half the opening width. One actuator pulls on their sum, an equality keeps
# them alike, so its force is that of each finger. Pads are the only parts that hold things.

_PAD_HALF_M = (0.010, 0.005, 0.0255)  # 20 x 10 x 51 mm
_PAD_CENTRE_Z_M = 0.1175  # from the flange; the tip is at 0.143 m


def add_gripper(root: ET.Element, hand: ET.Element, arm: str) -> None:
    """Append palm and fingers to the body `hand` of link 6, tendon and equality to `root`."""
    add(
        hand,
        'geom',
        class_=f'{arm}_arm',
        type='box',
        size=(0.024, 0.040, 0.026),
        pos=(0, 0, 0.030),
        mass=settings.PALM_MASS_KG,
    )
    look(hand, 'box', (0.0235, 0.062, 0.009), (0, 0, 0.065), material=JOINT)
    for y in (0.0405, -0.0405):
        mark = f'{arm}_mark'
        look(hand, 'cylinder', (0.013, 0.0015), (0, y, 0.030), axis=(0, 1, 0), material=mark)
    add(hand, 'site', name=f'{arm}/tool', pos=(0, 0, settings.TCP_OFFSET_M), group=4)  # not drawn
    _add_camera_housing(hand)
    for number, side in ((1, 1.0), (2, -1.0)):
        _add_finger(hand, arm, number, side)
    tendon = add(section(root, 'tendon'), 'fixed', name=f'{arm}/gripper')
    for number in (1, 2):
        add(tendon, 'joint', joint=f'{arm}/finger{number}', coef=1)
    add(
        section(root, 'equality'),
        'joint',
        joint1=f'{arm}/finger1',
        joint2=f'{arm}/finger2',
        polycoef=(0, 1, 0, 0, 0),
        solref=(0.005, 1.0),
    )


def _add_finger(hand: ET.Element, arm: str, number: int, side: float) -> None:
    """Append the finger on the side of +y (1.0) or -y (-1.0)."""
    finger = add(hand, 'body', name=f'{arm}/finger{number}', gravcomp=1)
    add(
        finger,
        'joint',
        name=f'{arm}/finger{number}',
        type='slide',
        axis=(0, side, 0),
        range=(0.0, settings.FINGER_TRAVEL_M),
        solreflimit=(0.005, 1.0),  # under full force, 0.3 mm of give per finger
        armature=0.05,
        damping=1.0,
    )
    look(finger, 'box', (0.016, 0.009, 0.009), (0, side * 0.014, 0.083))
    look(finger, 'box', (0.008, 0.0035, 0.024), (0, side * 0.0130, 0.114))
    add(
        finger,
        'geom',
        name=f'{arm}/pad{number}',
        class_=f'{arm}_pad',
        type='box',
        size=_PAD_HALF_M,
        pos=(0, side * _PAD_HALF_M[1], _PAD_CENTRE_Z_M),
        mass=settings.FINGER_MASS_KG,
    )


def _add_camera_housing(hand: ET.Element) -> None:
    """Draw a bracket and a camera around the lens; both stay out of its image."""
    look(hand, 'box', (0.006, 0.012, 0.008), (-0.045, 0, 0.012), material=JOINT)
    look(hand, 'box', (0.025, 0.006, 0.003), (-0.060, 0, 0.012), material=JOINT)
    tilt = (0, WRIST_CAMERA_TILT_RAD, 0)
    housing = add(hand, 'body', pos=WRIST_CAMERA_POSITION_M, euler=tilt, gravcomp=1)
    look(housing, 'box', (0.011, 0.024, 0.010), (0, 0, -0.018))
    look(housing, 'cylinder', (0.007, 0.002), (0, 0, -0.007), material='lens')


QUARTER_TURN_RAD = 1.5707963267948966


def add_arm(root: ET.Element, arm: str) -> None:
    """Append arm `arm` with its actuators; the joint stops are the SDK's soft limits."""
    base = add(
        section(root, 'worldbody'),
        'body',
        name=f'{arm}/base_link',
        pos=settings.ARM_BASES[arm],
    )
    add_base_geometry(base)
    parent = base
    for index, link in enumerate(DH_TABLES[ZeroConvention.NEW]):
        body = add(
            parent,
            'body',
            name=f'{arm}/link{index + 1}',
            pos=_after_twist(link.alpha_rad, link.a_m, link.d_m),
            quat=rotation_x_then_z(link.alpha_rad, link.offset_rad),
            gravcomp=1,
        )
        add(
            body,
            'joint',
            name=f'{arm}/joint{index + 1}',
            axis=(0, 0, 1),
            range=(JOINT_LOWER_RAD[index], JOINT_UPPER_RAD[index]),
            damping=settings.DAMPING_POWERED[index],
            armature=settings.ARMATURE[index],
        )
        LINK_GEOMETRY[index](body, f'{arm}_arm')
        parent = body
    add_gripper(root, parent, arm)
    _add_servos(root, arm)


def add_arm_defaults(default: ET.Element) -> None:
    """Append the geometry classes: 'look' is only seen, '<arm>_arm' and '<arm>_pad' touch."""
    look = add(default, 'default', class_='look')
    add(look, 'geom', contype=0, conaffinity=0, mass=0, group=1)
    for arm, bits in settings.ARM_BITS.items():
        touch: Attributes = {'contype': bits.kind, 'conaffinity': bits.touches, 'group': 1}
        solid = add(default, 'default', class_=f'{arm}_arm')
        add(solid, 'geom', material='arm_shell', **touch)
        pad = add(default, 'default', class_=f'{arm}_pad')
        # Stiff contact with friction of their own, whatever they touch; condim 4 resists twisting.
        contact: Attributes = {'priority': 2, 'condim': 4, 'friction': (1.5, 0.01, 0.0005)}
        hardness: Attributes = {'solref': (0.004, 1.0), 'solimp': (0.95, 0.99, 0.001)}
        add(pad, 'geom', material='rubber', **touch, **contact, **hardness)


def add_arm_materials(asset: ET.Element) -> None:
    """Append the materials of the arms."""
    add(asset, 'material', name='arm_shell', rgba=(0.86, 0.87, 0.88, 1), specular=0.35)
    add(asset, 'material', name='arm_joint', rgba=(0.16, 0.17, 0.19, 1), specular=0.4)
    add(asset, 'material', name='rubber', rgba=(0.10, 0.10, 0.11, 1), specular=0.1)
    add(asset, 'material', name='lens', rgba=(0.05, 0.10, 0.22, 1), specular=0.9)
    add(asset, 'material', name='left_mark', rgba=(0.20, 0.55, 0.85, 1))
    add(asset, 'material', name='right_mark', rgba=(0.95, 0.60, 0.15, 1))


def _after_twist(alpha_rad: float, a_m: float, d_m: float) -> Vector:
    """Return Rx(alpha) (a, 0, d); the table has quarter turns only, done without rounding."""
    turns = round(alpha_rad / QUARTER_TURN_RAD)
    return {0: (a_m, 0.0, d_m), 1: (a_m, -d_m, 0.0), -1: (a_m, d_m, 0.0)}[turns]


def _add_servos(root: ET.Element, arm: str) -> None:
    actuator = section(root, 'actuator')
    for index in range(6):
        limit = settings.TORQUE_LIMIT[index]
        add(
            actuator,
            'position',
            name=f'{arm}/joint{index + 1}',
            joint=f'{arm}/joint{index + 1}',
            kp=settings.STIFFNESS[index],
            dampratio=1.0,
            forcerange=(-limit, limit),
        )
    add(
        actuator,
        'position',
        name=f'{arm}/gripper',
        tendon=f'{arm}/gripper',
        kp=settings.GRIPPER_STIFFNESS,
        kv=settings.GRIPPER_DAMPING,
        forcerange=(-settings.GRIPPER_FORCE_N, settings.GRIPPER_FORCE_N),
    )
