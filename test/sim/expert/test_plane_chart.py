# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from wla_ros.sim.expert.motion import ArmTool
from wla_ros.sim.expert.plane import PlaneChart


@pytest.mark.parametrize('arm', ['left', 'right'])
def test_joints_of_the_chart_put_the_tool_where_it_says(arm):
    chart = PlaneChart(arm, height_m=0.2, tilt_rad=math.radians(45.0), radius_range_m=(0.18, 0.50))
    base_y = 0.28 if arm == 'left' else -0.28
    random = np.random.default_rng(1)
    radius, azimuth = random.uniform(0.18, 0.50, 40), random.uniform(-1.2, 1.2, 40)
    points = np.stack((radius * np.cos(azimuth), base_y + radius * np.sin(azimuth)), axis=1)
    tool = ArmTool(arm)
    for point, joints in zip(points, chart.joints_at(points), strict=True):
        pose = tool.pose(joints)
        np.testing.assert_allclose(pose[:3, 3], [*point, 0.2], atol=1e-4)
        assert math.acos(-pose[2, 2]) == pytest.approx(math.radians(45.0), abs=1e-3)
        np.testing.assert_allclose(chart.point_of(joints), point, atol=1e-4)


def test_the_velocity_seen_from_above_is_that_of_the_point():
    chart = PlaneChart(
        'left', height_m=0.2, tilt_rad=math.radians(45.0), radius_range_m=(0.18, 0.50)
    )
    points = np.array([[0.30, 0.30], [0.30 + 1e-4, 0.30 + 2e-4]])
    joints = chart.joints_at(points)
    velocity = chart.velocity_of(joints[0], (joints[1] - joints[0]) / 1e-3)
    np.testing.assert_allclose(velocity, [0.1, 0.2], atol=1e-3)


def test_a_range_out_of_reach_is_refused():
    with pytest.raises(ValueError, match='no joints for radius'):
        PlaneChart('left', height_m=0.25, tilt_rad=0.0, radius_range_m=(0.2, 0.5))
