# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A tapered drinking cup as MJCF: a smooth mesh to look at, twelve boxes and a disc to touch. 60 g, 9
cm high.

Frame: origin in the middle of the bottom, z up through the opening. Two cups nest with 39 mm
between their bottoms.
"""

import math
import xml.etree.ElementTree as ET

from wla_ros.sim import arm_settings as settings
from wla_ros.sim.mjcf import Attributes
from wla_ros.sim.mjcf import add

HEIGHT_M = 0.09
RADIUS_BOTTOM_M = 0.021  # outer
RADIUS_TOP_M = 0.030  # outer
WALL_M = 0.0025
NESTED_DISTANCE_M = 0.039
_BOTTOM_THICKNESS_M = 0.004
_WALL_BOXES = 12
_BOX_MASS_KG = 0.0045
_BOTTOM_MASS_KG = 0.006
_FACETS = 36
_MESH = 'cup'
Colour = tuple[float, float, float, float]


def radius_at(height_m: float) -> float:
    """Return the outer radius [m] at `height_m` above the bottom."""
    return RADIUS_BOTTOM_M + (RADIUS_TOP_M - RADIUS_BOTTOM_M) * height_m / HEIGHT_M


def add_cup_mesh(asset: ET.Element) -> None:
    """Append the mesh all cups share to the MJCF `asset` section."""
    vertices, faces = _lathe(_profile())
    vertex_text = ' '.join(f'{x:.6f} {y:.6f} {z:.6f}' for x, y, z in vertices)
    face_text = ' '.join(f'{a} {b} {c}' for a, b, c in faces)
    add(asset, 'mesh', name=_MESH, inertia='shell', vertex=vertex_text, face=face_text)


def add_cup(world: ET.Element, asset: ET.Element, name: str, colour: Colour) -> None:
    """Append a free cup called `name`."""
    add(asset, 'material', name=name, rgba=colour, specular=0.4, shininess=0.5)
    body = add(world, 'body', name=name)
    add(body, 'freejoint', name=name)
    add(
        body,
        'geom',
        type='mesh',
        mesh=_MESH,
        material=name,
        contype=0,
        conaffinity=0,
        mass=0,
        group=1,
    )
    touch: Attributes = {
        'contype': settings.OBJECT_BITS.kind,
        'conaffinity': settings.OBJECT_BITS.touches,
        'friction': (0.8, 0.005, 0.0001),
        'condim': 4,
        'group': 3,  # not drawn
    }
    half = _BOTTOM_THICKNESS_M / 2
    add(
        body,
        'geom',
        type='cylinder',
        size=(RADIUS_BOTTOM_M - WALL_M, half),
        pos=(0, 0, half),
        mass=_BOTTOM_MASS_KG,
        **touch,
    )
    slope_rad = math.atan2(RADIUS_TOP_M - RADIUS_BOTTOM_M, HEIGHT_M)
    middle_m = radius_at(HEIGHT_M / 2) - WALL_M / 2
    half_width = radius_at(HEIGHT_M / 2) * math.tan(math.pi / _WALL_BOXES)
    for i in range(_WALL_BOXES):
        angle = 2 * math.pi * i / _WALL_BOXES
        c, s = math.cos(angle), math.sin(angle)
        # z of a box follows the wall, leaning outward; x points outward and slightly down
        outward = (c * math.cos(slope_rad), s * math.cos(slope_rad), -math.sin(slope_rad))
        add(
            body,
            'geom',
            type='box',
            size=(WALL_M / 2, half_width, HEIGHT_M / 2),
            pos=(middle_m * c, middle_m * s, HEIGHT_M / 2),
            xyaxes=(*outward, -s, c, 0.0),
            mass=_BOX_MASS_KG,
            **touch,
        )


def _profile() -> tuple[tuple[float, float], ...]:
    """
    Return (radius, height) from the middle of the underside, up outside, down inside, to the
    middle.
    """
    rim = WALL_M / 2
    return (
        (0.0, 0.0),
        (RADIUS_BOTTOM_M - 0.0015, 0.0),
        (RADIUS_BOTTOM_M, 0.0015),
        (RADIUS_TOP_M - 0.0003, HEIGHT_M - rim),
        (RADIUS_TOP_M - rim, HEIGHT_M),
        (RADIUS_TOP_M - WALL_M, HEIGHT_M - rim),
        (radius_at(_BOTTOM_THICKNESS_M) - WALL_M, _BOTTOM_THICKNESS_M),
        (0.0, _BOTTOM_THICKNESS_M),
    )


def _lathe(
    profile: tuple[tuple[float, float], ...],
) -> tuple[list[tuple[float, float, float]], list[tuple[int, int, int]]]:
    """Return vertices and outward faces of `profile` turned about z; its ends lie on the axis."""
    rings = profile[1:-1]
    vertices = [
        (r * math.cos(2 * math.pi * k / _FACETS), r * math.sin(2 * math.pi * k / _FACETS), z)
        for r, z in rings
        for k in range(_FACETS)
    ]
    first, last = len(vertices), len(vertices) + 1
    vertices += [(0.0, 0.0, profile[0][1]), (0.0, 0.0, profile[-1][1])]
    faces: list[tuple[int, int, int]] = []
    for k in range(_FACETS):
        after = (k + 1) % _FACETS
        faces.append((first, after, k))
        for ring in range(len(rings) - 1):
            a, b = ring * _FACETS + k, ring * _FACETS + after
            faces += [(a, b, b + _FACETS), (a, b + _FACETS, a + _FACETS)]
        top = (len(rings) - 1) * _FACETS
        faces.append((top + k, top + after, last))
    return vertices, faces
