"""Everything around the arms as MJCF: solver options, light, floor, table, cameras. Made to be looked at."""

import math
import xml.etree.ElementTree as ET

from wla_ros.sim import arm_settings as settings
from wla_ros.sim.cameras import MOUNTS
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf import axes

TABLE_CENTRE_M = (0.30, 0.0)
TABLE_HALF_SIZE_M = (0.48, 0.62)
_FLOOR_Z = -0.72


def add_options(root: ET.Element, timestep_s: float) -> None:
    """Append solver, visual quality and memory settings."""
    add(root, 'compiler', angle='radian', autolimits='true')
    add(
        root,
        'option',
        timestep=timestep_s,
        integrator='implicitfast',
        cone='elliptic',
        impratio=10,
        iterations=50,
    )
    add(root, 'size', memory='32M')
    visual = add(root, 'visual')
    # Few facets, no shadows, no multisampling: half the cost of a frame in software rendering.
    add(visual, 'quality', shadowsize=0, offsamples=0, numslices=16, numstacks=8, numquads=1)
    add(visual, 'headlight', ambient=(0.30, 0.30, 0.32), diffuse=(0.22, 0.22, 0.22), specular=(0, 0, 0))
    add(visual, 'map', znear=0.01, zfar=20)
    add(visual, 'global', offwidth=640, offheight=480)


def add_world_materials(asset: ET.Element) -> None:
    """Append sky, floor and table materials."""
    add(asset, 'texture', name='sky', type='skybox', builtin='gradient', rgb1=(0.80, 0.86, 0.92),
        rgb2=(0.45, 0.52, 0.62), width=64, height=384)
    add(asset, 'texture', name='floor', type='2d', builtin='checker', rgb1=(0.58, 0.61, 0.64),
        rgb2=(0.54, 0.57, 0.60), width=128, height=128)
    add(asset, 'material', name='floor', texture='floor', texrepeat=(8, 8), texuniform='false', specular=0)
    add(asset, 'texture', name='table', type='2d', builtin='flat', mark='random', random=0.02,
        rgb1=(0.80, 0.70, 0.56), markrgb=(0.74, 0.63, 0.49), width=256, height=256)
    add(asset, 'material', name='table', texture='table', texrepeat=(2, 2), specular=0.15, shininess=0.3)
    add(asset, 'material', name='table_edge', rgba=(0.60, 0.48, 0.35, 1), specular=0.1)
    add(asset, 'material', name='leg', rgba=(0.30, 0.32, 0.35, 1), specular=0.3)
    add(asset, 'material', name='left_mark', rgba=(0.20, 0.55, 0.85, 1))
    add(asset, 'material', name='right_mark', rgba=(0.95, 0.60, 0.15, 1))


def add_surroundings(world: ET.Element) -> None:
    """Append lights, floor and table; the table top is z = 0."""
    add(world, 'light', pos=(0.6, 0.9, 1.8), dir=(-0.25, -0.5, -1), directional='true',
        diffuse=(0.42, 0.41, 0.39), specular=(0.25, 0.25, 0.25), castshadow='false')
    add(world, 'light', pos=(0.4, -1.0, 1.6), dir=(-0.2, 0.7, -1), directional='true',
        diffuse=(0.20, 0.21, 0.23), specular=(0.05, 0.05, 0.05), castshadow='false')
    add(world, 'geom', type='plane', size=(4, 4, 0.1), pos=(0, 0, _FLOOR_Z), material='floor', contype=0, conaffinity=0)
    x, y = TABLE_CENTRE_M
    half_x, half_y = TABLE_HALF_SIZE_M
    add(world, 'geom', name='table', type='box', size=(half_x, half_y, 0.015), pos=(x, y, -0.015), material='table',
        contype=settings.TABLE_BITS.kind, conaffinity=settings.TABLE_BITS.touches, friction=(0.8, 0.005, 0.0001))
    add(world, 'geom', type='box', size=(half_x - 0.03, half_y - 0.03, 0.03), pos=(x, y, -0.06),
        material='table_edge', contype=0, conaffinity=0)
    for sign_x in (-1, 1):
        for sign_y in (-1, 1):
            centre = (x + sign_x * (half_x - 0.06), y + sign_y * (half_y - 0.06), (_FLOOR_Z - 0.03) / 2)
            add(world, 'geom', type='cylinder', size=(0.025, -(_FLOOR_Z + 0.03) / 2), pos=centre, material='leg',
                contype=0, conaffinity=0)


def add_cameras(world: ET.Element) -> None:
    """Append every camera to the body it is fixed to; the arms must be there already."""
    for mount in MOUNTS.values():
        parent = world if mount.frame == 'world' else _body(world, mount.frame)
        add(
            parent,
            'camera',
            name=mount.name,
            pos=mount.position,
            xyaxes=axes(mount.right, mount.up),
            fovy=math.degrees(mount.fovy_rad),
        )


def _body(world: ET.Element, name: str) -> ET.Element:
    found = world.find(f".//body[@name='{name}']")
    if found is None:
        raise ValueError(f'there is no body {name!r} to fix a camera to')
    return found
