# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from wla_ros.base.joints import ARM_JOINTS
from wla_ros.robots.piper.forward_kinematics import link_frames
from wla_ros.robots.piper.limits import JOINT_LOWER_RAD
from wla_ros.robots.piper.limits import JOINT_UPPER_RAD
from wla_ros.sim.arm_settings import ARM_BASES
from wla_ros.sim.cameras import MOUNTS
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks.task import make_task


@pytest.fixture(scope='module')
def scene():
    return TwoArmScene(make_task('stack_cup'))


@pytest.mark.parametrize('arm', ['left', 'right'])
def test_frames_of_the_model_are_those_of_the_kinematics(scene, arm):
    random = np.random.default_rng(7)
    for _ in range(50):
        joints = random.uniform(JOINT_LOWER_RAD, JOINT_UPPER_RAD)
        scene.place_arm(arm, joints)
        expected = link_frames(joints)
        for link in range(1, 7):
            body = scene.data.body(f'{arm}/link{link}')
            position = body.xpos - ARM_BASES[arm]
            np.testing.assert_allclose(position, expected[link, :3, 3], atol=1e-9)
            rotation = body.xmat.reshape(3, 3)
            np.testing.assert_allclose(rotation, expected[link, :3, :3], atol=1e-9)
        flange = scene.flange_pose(arm)
        np.testing.assert_allclose(flange[:3, 3], scene.data.body(f'{arm}/link6').xpos, atol=1e-9)


def test_joints_are_ordered_from_the_base_and_stop_at_the_soft_limits(scene):
    for arm in ('left', 'right'):
        joints = [scene.model.joint(f'{arm}/{name}') for name in ARM_JOINTS]
        addresses = [int(joint.qposadr[0]) for joint in joints]
        assert addresses == sorted(addresses)
        stops = np.array([joint.range for joint in joints])
        np.testing.assert_array_equal(stops[:, 0], JOINT_LOWER_RAD)
        np.testing.assert_array_equal(stops[:, 1], JOINT_UPPER_RAD)


def test_cameras_of_the_model_look_where_their_mounts_say(scene):
    scene.reset(seed=0)
    for name, mount in MOUNTS.items():
        rotation, position = np.eye(3), np.zeros(3)
        if mount.frame != 'world':
            body = scene.data.body(mount.frame)
            rotation, position = body.xmat.reshape(3, 3), body.xpos
        camera = scene.data.camera(name)
        expected = position + rotation @ np.array(mount.position)
        np.testing.assert_allclose(camera.xpos, expected, atol=1e-9)
        axes = camera.xmat.reshape(3, 3) * [1.0, -1.0, -1.0]  # x right, y down, z forward
        np.testing.assert_allclose(axes, rotation @ mount.optical_rotation(), atol=1e-9)


def test_arms_touch_everything_but_themselves(scene):
    model = scene.model
    bits = {name: (model.geom(name).contype[0], model.geom(name).conaffinity[0])
            for name in ('left/pad1', 'right/pad1', 'table')}  # fmt: skip

    def touch(one, other):
        return bool(bits[one][0] & bits[other][1] or bits[other][0] & bits[one][1])

    assert not touch('left/pad1', 'left/pad1')
    assert not touch('right/pad1', 'right/pad1')
    assert touch('left/pad1', 'right/pad1')
    assert touch('left/pad1', 'table')
    assert touch('right/pad1', 'table')
