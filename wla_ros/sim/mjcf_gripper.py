"""
The parallel gripper of a Piper as MJCF, with the wrist camera's housing.

Both fingers slide by half the opening width. One actuator pulls on their sum, an equality keeps
them alike, so its force is that of each finger. Pads are the only parts that hold things.
"""

import xml.etree.ElementTree as ET

from wla_ros.sim import arm_settings as settings
from wla_ros.sim.cameras import WRIST_CAMERA_POSITION_M
from wla_ros.sim.cameras import WRIST_CAMERA_TILT_RAD
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf import section
from wla_ros.sim.mjcf_links import JOINT
from wla_ros.sim.mjcf_links import look

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
