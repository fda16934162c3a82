# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from wla_ros.base.config import ConfigurationError
from wla_ros.sim.arm_settings import ARM_BASES
from wla_ros.sim.tasks.stack_cup import MOVED
from wla_ros.sim.tasks.stack_cup import TARGET
from wla_ros.sim.tasks.stack_cup import StackCup
from wla_ros.sim.tasks.task import ObjectState
from wla_ros.sim.tasks.task import make_task

NESTED = (0.30, 0.05, 0.039)


def state(name, *, position=NESTED, tilt_deg=0.0, speed=0.0, held_by=()):
    half = math.radians(tilt_deg) / 2
    pose = np.array([*position, math.sin(half), 0.0, 0.0, math.cos(half)])
    return ObjectState(name=name, pose=pose, speed_m_s=speed, held_by=held_by)


def judged(*, target=None, **moved):
    target = target or state(TARGET, position=(0.30, 0.05, 0.0))
    return StackCup().judge({MOVED: state(MOVED, **moved), TARGET: target})


def test_a_nested_cup_at_rest_that_nobody_touches_is_success():
    judgement = judged()
    assert judgement.success
    assert judgement.text == 'success'


@pytest.mark.parametrize(
    ('change', 'missing'),
    [
        ({'position': (0.3121, 0.05, 0.039)}, 'apart'),
        ({'position': (0.30, 0.05, 0.0149)}, 'above'),
        ({'position': (0.30, 0.05, 0.0601)}, 'above'),
        ({'tilt_deg': 15.1}, 'leans'),
        ({'speed': 0.1}, 'moves'),
        ({'held_by': ('left',)}, 'left hand touches the orange'),
        ({'position': (float('nan'), 0.05, 0.039)}, 'apart'),
    ],
)
def test_each_condition_is_needed_and_named(change, missing):
    judgement = judged(**change)
    assert not judgement.success
    assert missing in judgement.text


@pytest.mark.parametrize(
    'change',
    [
        {'position': (0.3119, 0.05, 0.039)},
        {'position': (0.30, 0.05, 0.0151)},
        {'position': (0.30, 0.05, 0.0599)},
        {'tilt_deg': 14.9},
        {'speed': 0.099},
    ],
)
def test_just_inside_every_bound_is_success(change):
    assert judged(**change).success


def test_the_target_has_to_stand_too():
    fallen = state(TARGET, position=(0.30, 0.05, 0.0), tilt_deg=90.0)
    assert 'blue cup leans' in judged(target=fallen).text


def test_everything_missing_is_listed():
    text = judged(position=(0.5, 0.05, 0.0), tilt_deg=90.0, speed=1.0, held_by=('right',)).text
    assert text.count(';') == 4


def test_cups_start_apart_within_reach_of_one_arm():
    task = StackCup()
    for seed in range(300):
        placed = task.place(seed)
        points = np.array([placed[name][:2] for name in task.objects])
        assert np.all((points[:, 0] >= 0.22) & (points[:, 0] <= 0.46))
        assert np.all(np.abs(points[:, 1]) <= 0.25)
        assert np.hypot(*(points[0] - points[1])) >= 0.12
        radii = [np.hypot(*(points - base[:2]).T) for base in ARM_BASES.values()]
        assert any(np.all((r >= 0.20) & (r <= 0.52)) for r in radii)


def test_placing_is_repeatable_and_differs_between_seeds():
    task = StackCup()
    for name in task.objects:
        np.testing.assert_array_equal(task.place(4)[name], task.place(4)[name])
        assert not np.array_equal(task.place(4)[name], task.place(5)[name])


def test_an_unknown_task_names_the_known_ones():
    with pytest.raises(ConfigurationError, match='stack_cup'):
        make_task('fold_shirt')
