"""
What the links of a Piper look like: capsules, cylinders and boxes of our own, in the DH frames.

One shape per link touches and carries the mass; the others are only seen.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable

from wla_ros.sim.arm_settings import LINK_MASS_KG
from wla_ros.sim.mjcf import Vector
from wla_ros.sim.mjcf import add

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
