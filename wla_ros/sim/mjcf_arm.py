"""
One Piper as MJCF: bodies and joints from the DH table, servos, geometry classes.

Frame of link i is the DH frame, so that forward kinematics of the model is that of `robots.piper`.
"""

import xml.etree.ElementTree as ET

from wla_ros.robots.piper.dh_parameters import DH_TABLES
from wla_ros.robots.piper.limits import JOINT_LOWER_RAD
from wla_ros.robots.piper.limits import JOINT_UPPER_RAD
from wla_ros.robots.piper.zero_convention import ZeroConvention
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.mjcf import Attributes
from wla_ros.sim.mjcf import Vector
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf import rotation_x_then_z
from wla_ros.sim.mjcf import section
from wla_ros.sim.mjcf_gripper import add_gripper
from wla_ros.sim.mjcf_links import LINK_GEOMETRY
from wla_ros.sim.mjcf_links import add_base_geometry

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
