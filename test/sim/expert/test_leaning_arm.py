# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Closed-form joints of leaning tools against forward kinematics."""

import math

import numpy as np
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.sim.arm_settings import HOME_RAD
from wla_ros.sim.arm_settings import TCP_OFFSET_M
from wla_ros.sim.expert.leaning_arm import leaning_joints
from wla_ros.sim.expert.leaning_arm import leaning_place


def joints_at(points, tilt_rad):
    return leaning_joints(np.asarray(points), tilt_rad=tilt_rad, tool_offset_m=TCP_OFFSET_M)


@given(
    radius=st.floats(0.22, 0.55),
    azimuth=st.floats(-1.0, 1.0),
    height=st.floats(0.15, 0.30),
    tilt=st.floats(0.7, 1.2),
)
@settings(max_examples=100, deadline=None)
def test_the_tool_is_at_the_point_and_leans_as_asked(radius, azimuth, height, tilt):
    point = np.array([radius * math.cos(azimuth), radius * math.sin(azimuth), height])
    pose = flange_pose(joints_at(point, tilt), tool_offset_m=TCP_OFFSET_M)
    np.testing.assert_allclose(pose[:3, 3], point, atol=1e-9)
    away = np.array([math.cos(azimuth), math.sin(azimuth), 0.0]) * math.sin(tilt)
    np.testing.assert_allclose(pose[:3, 2], away - [0, 0, math.cos(tilt)], atol=1e-9)


def test_the_branch_is_that_of_home():
    pose = flange_pose(np.array(HOME_RAD), tool_offset_m=TCP_OFFSET_M)
    tilt = math.acos(-pose[2, 2])
    np.testing.assert_allclose(joints_at(pose[:3, 3], tilt), HOME_RAD, atol=1e-6)


def test_many_points_are_solved_at_once():
    points = np.random.default_rng(0).uniform((0.25, -0.1, 0.2), (0.5, 0.1, 0.3), (3, 5, 3))
    joints = joints_at(points, 1.0)
    assert joints.shape == (3, 5, 6)
    np.testing.assert_array_equal(joints[1, 2], joints_at(points[1, 2], 1.0))


def test_place_and_joints_are_each_others_inverse_with_a_lean_of_its_own_for_each():
    place = np.random.default_rng(1).uniform((-1, 0.25, 0.15, 0.5), (1, 0.5, 0.25, 1.1), (50, 4))
    azimuth, radius, height, lean = place.T
    points = np.stack((radius * np.cos(azimuth), radius * np.sin(azimuth), height), axis=-1)
    again = leaning_place(joints_at(points, lean), tool_offset_m=TCP_OFFSET_M)
    np.testing.assert_allclose(again, place, atol=1e-9)
