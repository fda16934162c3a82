# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Table, lights, cameras and arms as one MJCF model."""

import math
import xml.etree.ElementTree as ET

import mujoco

from wla_ros.sim import arm_settings as settings
from wla_ros.sim.cameras import MOUNTS
from wla_ros.sim.mjcf import Attributes
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf import section
from wla_ros.sim.mjcf import text
from wla_ros.sim.mjcf_arm import add_arm
from wla_ros.sim.mjcf_arm import add_arm_defaults
from wla_ros.sim.mjcf_arm import add_arm_materials
from wla_ros.sim.tasks.task import Task

TABLE_CENTRE_M = (0.30, 0.0)
TABLE_HALF_SIZE_M = (0.48, 0.62)
_FLOOR_Z_M = -0.72
_PLANKS = 8  # of the table top, drawn as lines
_SEEN_ONLY: Attributes = {'contype': 0, 'conaffinity': 0}
_MAIN_LIGHT: Attributes = {
    'pos': (0.9, 0.7, 1.8),
    'dir': (-0.35, -0.40, -1.0),
    'diffuse': (0.42, 0.41, 0.39),
    'specular': (0.25, 0.25, 0.25),
}
_FILL_LIGHT: Attributes = {
    'pos': (0.4, -1.0, 1.6),
    'dir': (-0.2, 0.7, -1.0),
    'diffuse': (0.20, 0.21, 0.23),
    'specular': (0.05, 0.05, 0.05),
}


def add_options(root: ET.Element, timestep_s: float) -> None:
    """Append solver, visual quality and memory settings."""
    add(root, 'compiler', angle='radian', autolimits='true')
    # The elliptic cone with this ratio lets a held cup slip 1.3 mm in 8 s; a ratio of 1, 7.5 mm.
    solver: Attributes = {
        'integrator': 'implicitfast',
        'cone': 'elliptic',
        'impratio': 10,
        'iterations': 50,
    }
    add(root, 'option', timestep=timestep_s, **solver)
    add(root, 'size', memory='32M')
    add(root, 'statistic', center=(*TABLE_CENTRE_M, 0.1), extent=1.0)
    visual = add(root, 'visual')
    # Few facets, no multisampling: half the cost of a frame in software rendering.
    facets: Attributes = {'numslices': 16, 'numstacks': 8, 'numquads': 1}
    add(visual, 'quality', shadowsize=0, offsamples=0, **facets)
    ambient, diffuse = (0.36, 0.36, 0.37), (0.30, 0.30, 0.30)
    add(visual, 'headlight', ambient=ambient, diffuse=diffuse, specular=(0, 0, 0))
    add(visual, 'map', znear=0.01, zfar=20, shadowclip=0.9)
    add(visual, 'global', offwidth=640, offheight=480)


def add_world_materials(asset: ET.Element) -> None:
    """
    Append floor, wall and table materials.

    No textures and no skybox: software rendering of a 640x480 image takes 3.1 ms without them and
    7.8 ms with them (llvmpipe, one core).
    """
    add(asset, 'material', name='floor', rgba=(0.56, 0.59, 0.62, 1), specular=0)
    add(asset, 'material', name='wall', rgba=(0.80, 0.85, 0.90, 1), specular=0)
    add(asset, 'material', name='table', rgba=(0.79, 0.69, 0.55, 1), specular=0.15)
    add(asset, 'material', name='joint_line', rgba=(0.70, 0.59, 0.45, 1), specular=0)
    add(asset, 'material', name='table_edge', rgba=(0.60, 0.48, 0.35, 1), specular=0.1)
    add(asset, 'material', name='leg', rgba=(0.30, 0.32, 0.35, 1), specular=0.3)


def add_surroundings(root: ET.Element) -> None:
    """Append lights, floor and table; the table top is z = 0."""
    world = section(root, 'worldbody')
    add(world, 'light', directional='true', castshadow='true', **_MAIN_LIGHT)
    add(world, 'light', directional='true', castshadow='false', **_FILL_LIGHT)
    floor: Attributes = {'type': 'plane', 'size': (4, 4, 0.1), 'pos': (0, 0, _FLOOR_Z_M)}
    add(world, 'geom', material='floor', **floor, **_SEEN_ONLY)
    for side in (-1, 1):
        for centre, facing in (
            ((side * 4, 0, 0), (-side, 0, 0)),
            ((0, side * 4, 0), (0, -side, 0)),
        ):
            wall: Attributes = {'type': 'plane', 'size': (4, 4, 0.1), 'pos': centre}
            add(world, 'geom', material='wall', zaxis=facing, **wall, **_SEEN_ONLY)
    _add_table(world)


def add_cameras(root: ET.Element) -> None:
    """Append every camera to the body it is fixed to; the arms must be there already."""
    world = section(root, 'worldbody')
    for mount in MOUNTS.values():
        parent = world if mount.frame == 'world' else _body(world, mount.frame)
        add(
            parent,
            'camera',
            name=mount.name,
            pos=mount.position,
            xyaxes=f'{text(mount.right)} {text(mount.up)}',
            fovy=math.degrees(mount.fovy_rad),
        )


def _add_table(world: ET.Element) -> None:
    x, y = TABLE_CENTRE_M
    half_x, half_y = TABLE_HALF_SIZE_M
    bits: Attributes = {
        'contype': settings.TABLE_BITS.kind,
        'conaffinity': settings.TABLE_BITS.touches,
    }
    top: Attributes = {'type': 'box', 'size': (half_x, half_y, 0.015), 'pos': (x, y, -0.015)}
    friction = (0.8, 0.005, 0.0001)
    add(world, 'geom', name='table', material='table', friction=friction, **top, **bits)
    for index in range(1, _PLANKS):
        place = y - half_y + 2 * half_y * index / _PLANKS
        line: Attributes = {
            'type': 'box',
            'size': (half_x, 0.0016, 0.0002),
            'pos': (x, place, 0.0001),
        }
        add(world, 'geom', material='joint_line', **line, **_SEEN_ONLY)
    frame: Attributes = {
        'type': 'box',
        'size': (half_x - 0.03, half_y - 0.03, 0.03),
        'pos': (x, y, -0.06),
    }
    add(world, 'geom', material='table_edge', **frame, **_SEEN_ONLY)
    half_z = -(_FLOOR_Z_M + 0.03) / 2
    for sign_x in (-1, 1):
        for sign_y in (-1, 1):
            centre = (x + sign_x * (half_x - 0.06), y + sign_y * (half_y - 0.06), -0.03 - half_z)
            leg: Attributes = {'type': 'cylinder', 'size': (0.025, half_z), 'pos': centre}
            add(world, 'geom', material='leg', **leg, **_SEEN_ONLY)


def _body(world: ET.Element, name: str) -> ET.Element:
    found = world.find(f".//body[@name='{name}']")
    if found is None:
        raise ValueError(f'there is no body {name!r} to fix a camera to')
    return found


# The whole scene as one MuJoCo model: world, two arms, cameras, the objects of a task.


def scene_xml(task: Task, *, timestep_s: float) -> str:
    """Return the MJCF text of the scene; it loads in MuJoCo's viewer as it is."""
    root = ET.Element('mujoco', model=f'wla_ros {task.name}')
    add_options(root, timestep_s)
    add_arm_defaults(add(root, 'default'))
    asset = add(root, 'asset')
    add_world_materials(asset)
    add_arm_materials(asset)
    add_surroundings(root)
    for arm in settings.ARM_BASES:
        add_arm(root, arm)
    add_cameras(root)
    task.add_to(root)
    ET.indent(root)
    return ET.tostring(root, encoding='unicode')


def build_model(task: Task, *, timestep_s: float) -> mujoco.MjModel:
    """Return the compiled scene."""
    return mujoco.MjModel.from_xml_string(scene_xml(task, timestep_s=timestep_s))
