# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Unit mistakes of live feedback are named."""

import numpy as np
import pytest

from wla_ros.robots.decoding import judge_feedback

LOWER = np.array([-2.618, 0.0, -2.967, -1.745, -1.22, -2.0944, 0.0])
UPPER = np.array([2.618, 3.14, 0.0, 1.745, 1.22, 2.0944, 0.07])
POSE = np.array([0.1, 0.5, -0.6, 0.0, 0.7, 0.0, 0.05])


def test_a_healthy_arm_has_no_findings():
    assert judge_feedback(np.tile(POSE, (20, 1)), LOWER, UPPER) == ()


@pytest.mark.parametrize(
    ('position', 'word'),
    [
        (np.empty((0, 7)), 'no feedback'),
        (np.where(np.arange(7) == 3, np.nan, POSE)[None], 'joint4'),
        (np.zeros((3, 7)), 'exactly 0'),
        (np.where(np.arange(7) < 6, np.degrees(POSE), POSE)[None], 'radians'),
        (np.where(np.arange(7) < 6, np.degrees(POSE) * 1000, POSE)[None], 'radians'),
        (np.where(np.arange(7) == 6, 50.0, POSE)[None], 'no width in metres'),
        (np.where(np.arange(7) == 6, 0.7, POSE)[None], 'no width in metres'),
    ],
)
def test_a_unit_mistake_is_severe_and_named(position, word):
    findings = judge_feedback(position, LOWER, UPPER)
    assert any(finding.severe and word in finding.what for finding in findings), findings


def test_degrees_and_thousandths_of_degrees_are_told_apart():
    degrees = np.where(np.arange(7) < 6, np.degrees(POSE), POSE)[None]
    thousandths = np.where(np.arange(7) < 6, np.degrees(POSE) * 1000, POSE)[None]
    assert 'publish degrees' in judge_feedback(degrees, LOWER, UPPER)[0].remedy
    assert 'thousandths' in judge_feedback(thousandths, LOWER, UPPER)[0].remedy


@pytest.mark.parametrize(
    ('column', 'value', 'word'),
    [(1, -0.2, 'joint2'), (6, -0.02, 'gripper'), (6, 0.09, 'stroke')],
)
def test_a_value_just_outside_its_range_is_doubtful_not_severe(column, value, word):
    position = np.where(np.arange(7) == column, value, POSE)[None]
    (finding,) = judge_feedback(position, LOWER, UPPER)
    assert not finding.severe
    assert word in finding.what
