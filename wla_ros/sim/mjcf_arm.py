"""
One Piper as MJCF: bodies from the DH table, simple geometry of our own, gripper with real contact, servos.

Frame of link i is the DH frame, so that forward kinematics of the model is that of `robots.piper`.
"""

import xml.etree.ElementTree as ET

from wla_ros.robots.piper.dh_parameters import DH_TABLES
from wla_ros.robots.piper.zero_convention import ZeroConvention
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.cameras import WRIST_CAMERA_TILT_RAD
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf import rotation_x_then_z

Box = tuple[float, float, float]
_SHELL, _JOINT, _RUBBER, _LENS = 'arm_shell', 'arm_joint', 'rubber', 'lens'
_PAD_HALF = (0.010, 0.005, 0.0255)  # 20 x 10 x 51 mm
_PAD_CENTRE_Z = 0.1175  # tip at 0.143 m from the flange


def add_arm(root: ET.Element, arm: str, limits_rad: tuple[tuple[float, float], ...]) -> None:
    """Append arm `arm` with its actuators to the MJCF `root`; `limits_rad` are (lower, upper) of the six joints."""
    world = _section(root, 'worldbody')
    base = add(world, 'body', name=f'{arm}/base_link', pos=settings.ARM_BASES[arm])
    _base_geometry(base)
    parent = base
    for index, link in enumerate(DH_TABLES[ZeroConvention.NEW]):
        number = index + 1
        body = add(
            parent,
            'body',
            name=f'{arm}/link{number}',
            pos=_after_twist(link.alpha_rad, link.a_m, link.d_m),
            quat=rotation_x_then_z(link.alpha_rad, link.offset_rad),
            gravcomp=1,
        )
        add(
            body,
            'joint',
            name=f'{arm}/joint{number}',
            axis=(0, 0, 1),
            range=limits_rad[index],
            limited='true',
            damping=settings.DAMPING_POWERED[index],
            armature=settings.ARMATURE[index],
        )
        _LINK_GEOMETRY[index](body, f'{arm}_arm')
        parent = body
    _add_gripper(root, parent, arm)
    _add_servos(root, arm)


def add_arm_defaults(default: ET.Element) -> None:
    """Append the geom classes of both arms to the MJCF `default` section."""
    add(add(default, 'default', class_='look'), 'geom', contype=0, conaffinity=0, mass=0, group=1)
    for arm, bits in settings.ARM_BITS.items():
        solid = add(default, 'default', class_=f'{arm}_arm')
        add(solid, 'geom', contype=bits.kind, conaffinity=bits.touches, group=1, material=_SHELL)
        pad = add(default, 'default', class_=f'{arm}_pad')
        add(
            pad,
            'geom',
            contype=bits.kind,
            conaffinity=bits.touches,
            group=1,
            material=_RUBBER,
            priority=2,
            condim=4,
            friction=(1.5, 0.01, 0.0005),
            solref=(0.004, 1.0),
            solimp=(0.95, 0.99, 0.001),
        )


def add_arm_materials(asset: ET.Element) -> None:
    """Append the materials of the arms to the MJCF `asset` section."""
    add(asset, 'material', name=_SHELL, rgba=(0.86, 0.87, 0.88, 1), specular=0.35, shininess=0.5)
    add(asset, 'material', name=_JOINT, rgba=(0.16, 0.17, 0.19, 1), specular=0.4, shininess=0.6)
    add(asset, 'material', name=_RUBBER, rgba=(0.10, 0.10, 0.11, 1), specular=0.1, shininess=0.1)
    add(asset, 'material', name=_LENS, rgba=(0.05, 0.10, 0.22, 1), specular=0.9, shininess=0.9)


def _section(root: ET.Element, tag: str) -> ET.Element:
    found = root.find(tag)
    return add(root, tag) if found is None else found


def _after_twist(alpha_rad: float, a_m: float, d_m: float) -> Box:
    """Return Rx(alpha) (a, 0, d) for the quarter turns of the table, without their rounding error."""
    turns = round(alpha_rad / 1.5707963267948966)
    return {0: (a_m, 0.0, d_m), 1: (a_m, -d_m, 0.0), -1: (a_m, d_m, 0.0)}[turns]


def _base_geometry(body: ET.Element) -> None:
    add(body, 'geom', class_='look', type='box', size=(0.075, 0.06, 0.007), pos=(0, 0, 0.007), material=_JOINT)
    add(body, 'geom', class_='look', type='cylinder', size=(0.052, 0.03), pos=(0, 0, 0.042), material=_SHELL)
    add(body, 'geom', class_='look', type='cylinder', size=(0.047, 0.006), pos=(0, 0, 0.078), material=_JOINT)
    add(body, 'geom', class_='look', type='box', size=(0.02, 0.022, 0.016), pos=(-0.055, 0, 0.035), material=_JOINT)


def _link1(body: ET.Element, solid: str) -> None:
    """Turret: a short column and the shoulder fork along y."""
    add(
        body,
        'geom',
        class_=solid,
        type='cylinder',
        size=(0.044, 0.022),
        pos=(0, 0, -0.016),
        mass=settings.LINK_MASS_KG[0],
    )
    add(body, 'geom', class_='look', type='capsule', size=(0.043, 0.028), zaxis=(0, 1, 0), material=_SHELL)


def _link2(body: ET.Element, solid: str) -> None:
    """Upper arm: shoulder motor, a beam along x to the elbow motor."""
    add(
        body,
        'geom',
        class_=solid,
        type='capsule',
        size=0.031,
        fromto=(0.02, 0, 0, 0.262, 0, 0),
        mass=settings.LINK_MASS_KG[1],
    )
    add(body, 'geom', class_='look', type='cylinder', size=(0.046, 0.046), material=_JOINT)
    add(body, 'geom', class_='look', type='cylinder', size=(0.036, 0.050), material=_SHELL)
    add(body, 'geom', class_='look', type='cylinder', size=(0.039, 0.040), pos=(0.28503, 0, 0), material=_JOINT)


def _link3(body: ET.Element, solid: str) -> None:
    """Forearm: from the elbow along -y to the wrist."""
    add(body, 'geom', class_='look', type='cylinder', size=(0.031, 0.044), material=_SHELL)
    add(
        body,
        'geom',
        class_=solid,
        type='capsule',
        size=0.028,
        fromto=(-0.006, -0.02, 0, -0.0215, -0.15, 0),
        mass=settings.LINK_MASS_KG[2],
    )


def _link4(body: ET.Element, solid: str) -> None:
    """Forearm roll: a dark collar and a light sleeve along z, then the wrist fork."""
    add(
        body,
        'geom',
        class_=solid,
        type='cylinder',
        size=(0.0285, 0.030),
        pos=(0, 0, -0.056),
        mass=settings.LINK_MASS_KG[3],
    )
    add(body, 'geom', class_='look', type='cylinder', size=(0.0305, 0.007), pos=(0, 0, -0.092), material=_JOINT)
    add(body, 'geom', class_='look', type='sphere', size=0.0285, pos=(0, 0, -0.026), material=_SHELL)


def _link5(body: ET.Element, solid: str) -> None:
    """Wrist pitch: a dark motor along z."""
    add(
        body,
        'geom',
        class_=solid,
        type='cylinder',
        size=(0.028, 0.033),
        material=_JOINT,
        mass=settings.LINK_MASS_KG[4],
    )
    add(body, 'geom', class_='look', type='cylinder', size=(0.019, 0.036), material=_SHELL)


def _link6(body: ET.Element, solid: str) -> None:
    """Wrist roll: a sleeve along z up to the flange disc at z = 0."""
    add(
        body,
        'geom',
        class_=solid,
        type='cylinder',
        size=(0.026, 0.026),
        pos=(0, 0, -0.036),
        mass=settings.LINK_MASS_KG[5],
    )
    add(body, 'geom', class_='look', type='cylinder', size=(0.030, 0.006), pos=(0, 0, -0.005), material=_JOINT)


_LINK_GEOMETRY = (_link1, _link2, _link3, _link4, _link5, _link6)


def _add_gripper(root: ET.Element, hand: ET.Element, arm: str) -> None:
    solid = f'{arm}_arm'
    add(
        hand,
        'geom',
        class_=solid,
        type='box',
        size=(0.024, 0.040, 0.026),
        pos=(0, 0, 0.030),
        mass=settings.PALM_MASS_KG,
    )
    add(hand, 'geom', class_='look', type='box', size=(0.0235, 0.062, 0.009), pos=(0, 0, 0.065), material=_JOINT)
    add(hand, 'geom', class_='look', type='cylinder', size=(0.013, 0.0015), pos=(0, 0.0405, 0.030),
        zaxis=(0, 1, 0), material=f'{arm}_mark')
    add(hand, 'geom', class_='look', type='cylinder', size=(0.013, 0.0015), pos=(0, -0.0405, 0.030),
        zaxis=(0, 1, 0), material=f'{arm}_mark')
    _add_wrist_camera_body(hand)
    for number, side in ((1, 1.0), (2, -1.0)):
        finger = add(hand, 'body', name=f'{arm}/finger{number}', gravcomp=1)
        add(
            finger,
            'joint',
            name=f'{arm}/finger{number}',
            type='slide',
            axis=(0, side, 0),
            range=(0.0, settings.FINGER_TRAVEL_M),
            limited='true',
            armature=0.05,
            damping=1.0,
        )
        add(finger, 'geom', class_='look', type='box', size=(0.016, 0.009, 0.009), pos=(0, side * 0.014, 0.083),
            material=_SHELL)
        add(finger, 'geom', class_='look', type='box', size=(0.008, 0.0035, 0.024), pos=(0, side * 0.0130, 0.114),
            material=_SHELL)
        add(
            finger,
            'geom',
            name=f'{arm}/pad{number}',
            class_=f'{arm}_pad',
            type='box',
            size=_PAD_HALF,
            pos=(0, side * _PAD_HALF[1], _PAD_CENTRE_Z),
            mass=settings.FINGER_MASS_KG,
        )
    tendon = add(_section(root, 'tendon'), 'fixed', name=f'{arm}/gripper')
    for number in (1, 2):
        add(tendon, 'joint', joint=f'{arm}/finger{number}', coef=1)
    add(
        _section(root, 'equality'),
        'joint',
        joint1=f'{arm}/finger1',
        joint2=f'{arm}/finger2',
        polycoef=(0, 1, 0, 0, 0),
        solref=(0.005, 1.0),
    )


def _add_wrist_camera_body(hand: ET.Element) -> None:
    """Draw the camera behind its own lens and the arm that carries it; both stay out of its image."""
    add(hand, 'geom', class_='look', type='box', size=(0.006, 0.012, 0.008), pos=(-0.045, 0, 0.012), material=_JOINT)
    add(hand, 'geom', class_='look', type='box', size=(0.025, 0.006, 0.003), pos=(-0.060, 0, 0.012), material=_JOINT)
    frame = add(hand, 'body', pos=(-0.085, 0, 0.04), euler=(0, WRIST_CAMERA_TILT_RAD, 0), gravcomp=1)
    add(frame, 'geom', class_='look', type='box', size=(0.011, 0.024, 0.010), pos=(0, 0, -0.018), material=_SHELL)
    add(frame, 'geom', class_='look', type='cylinder', size=(0.007, 0.002), pos=(0, 0, -0.007), material=_LENS)


def _add_servos(root: ET.Element, arm: str) -> None:
    actuator = _section(root, 'actuator')
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
