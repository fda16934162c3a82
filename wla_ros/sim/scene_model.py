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

# Soft limits of piper_sdk (`piper_param_manager.py`), the mechanical stops of the simulated arm.
STOPS_RAD = (
    (-2.6179, 2.6179),
    (0.0, 3.14),
    (-2.967, 0.0),
    (-1.745, 1.745),
    (-1.22, 1.22),
    (-2.09439, 2.09439),
)


def scene_xml(task: Task, *, timestep_s: float) -> str:
    """Return the MJCF text of the scene; it loads in MuJoCo's viewer as it is."""
    root = ET.Element('mujoco', model=f'wla_ros {task.name}')
    add_options(root, timestep_s)
    add_arm_defaults(add(root, 'default'))
    asset = add(root, 'asset')
    add_world_materials(asset)
    add_arm_materials(asset)
    world = add(root, 'worldbody')
    add_surroundings(world)
    for arm in settings.ARM_BASES:
        add_arm(root, arm, STOPS_RAD)
    add_cameras(world)
    task.add_to(root)
    ET.indent(root)
    return ET.tostring(root, encoding='unicode')


def build_model(task: Task, *, timestep_s: float) -> mujoco.MjModel:
    """Return the compiled scene."""
    return mujoco.MjModel.from_xml_string(scene_xml(task, timestep_s=timestep_s))
