"""The whole scene as one MuJoCo model: world, two arms, cameras, the objects of a task."""

import xml.etree.ElementTree as ET

import mujoco

from wla_ros.sim import arm_settings as settings
from wla_ros.sim.mjcf import add
from wla_ros.sim.mjcf_arm import add_arm
from wla_ros.sim.mjcf_arm import add_arm_defaults
from wla_ros.sim.mjcf_arm import add_arm_materials
from wla_ros.sim.mjcf_world import add_cameras
from wla_ros.sim.mjcf_world import add_options
from wla_ros.sim.mjcf_world import add_surroundings
from wla_ros.sim.mjcf_world import add_world_materials
from wla_ros.sim.tasks.task import Task


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
