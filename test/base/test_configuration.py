# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import dataclasses
from collections.abc import Mapping

import pytest

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import describe
from wla_ros.base.config import filled_by_owner
from wla_ros.base.config import load_configuration
from wla_ros.base.config import parameter


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    speed_rad_s: float = parameter('speed', unit='rad/s', minimum=0.0, maximum=3.0)
    soft: bool = parameter('soft stop', default=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Robot:
    name: str = parameter('name', choices=('piper', 'other'), default='piper')
    count: int = parameter('arms', minimum=1, maximum=2, default=2)
    limits: Limits = parameter('limits')
    arms: Mapping[str, Limits] = parameter('per arm', default_factory=dict)
    offsets_s: tuple[float, ...] = parameter('offsets', unit='s', default=())
    note: str | None = parameter('note', default=None)

    def __post_init__(self):
        if self.count == 1 and self.arms:
            raise ValueError('one arm needs no table of arms')


def load(values):
    return load_configuration(Robot, values, source='robot.yaml')


def problems_of(values):
    with pytest.raises(ConfigurationError) as caught:
        load(values)
    return [str(problem) for problem in caught.value.problems]


def test_nested_sections_tables_and_lists_become_values():
    robot = load(
        {
            'limits': {'speed_rad_s': 2},
            'arms': {'left': {'speed_rad_s': 1.5, 'soft': False}},
            'offsets_s': [0, 0.5],
        }
    )
    assert robot.limits == Limits(speed_rad_s=2.0)
    assert robot.arms['left'].soft is False
    assert robot.offsets_s == (0.0, 0.5)
    assert robot.note is None


def test_every_problem_is_listed_with_its_place():
    found = problems_of(
        {
            'nmae': 'piper',
            'count': 2.5,
            'limits': {'speed_rad_s': 4.0, 'soft': 'yes'},
            'arms': {'left': {}},
            'offsets_s': 3,
        }
    )
    text = '\n'.join(found)
    for part in (
        "nmae: unknown key (did you mean 'name'?)",
        'count: expected an integer, got 2.5',
        'limits.speed_rad_s: 4.0 lies outside [0, 3] rad/s',
        'limits.soft: expected true or false',
        'arms.left.speed_rad_s: is missing (set it in rad/s)',
        'offsets_s: expected a list',
    ):
        assert part in text
    assert len(found) == 6


def test_a_key_in_another_unit_is_told_the_right_one():
    (problem, *_) = problems_of({'limits': {'speed_deg_s': 90.0}})
    assert "did you mean 'speed_rad_s', in rad/s?" in problem


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_numbers_that_are_not_finite_are_refused(value):
    assert 'not finite' in problems_of({'limits': {'speed_rad_s': value}})[0]


@pytest.mark.parametrize(
    'values',
    [
        {'limits': {'speed_rad_s': True}},
        {'limits': {'speed_rad_s': '1.0'}},
        {'limits': 3},
        {'limits': None},
        {'limits': {'speed_rad_s': 1.0}, 'count': True},
        {'limits': {'speed_rad_s': 1.0}, 'name': 'ur5'},
        {},
    ],
)
def test_values_of_another_kind_are_problems(values):
    assert len(problems_of(values)) == 1


def test_conditions_between_fields_are_listed_too():
    values = {'count': 1, 'limits': {'speed_rad_s': 1}, 'arms': {'left': {'speed_rad_s': 1}}}
    assert problems_of(values) == ['top level: one arm needs no table of arms']


def test_bounds_are_inclusive():
    assert load({'limits': {'speed_rad_s': 3.0}}).limits.speed_rad_s == 3.0


def test_the_reference_table_names_every_parameter():
    rows = {row.key: row for row in describe(Robot)}
    assert rows['limits.speed_rad_s'].default == 'required'
    assert rows['limits.speed_rad_s'].bounds == '0 .. 3'
    assert rows['arms.<name>.soft'].default == 'True'
    assert rows['name'].bounds == 'piper, other'
    assert rows['offsets_s'].unit == 's'


def test_what_the_owner_fills_is_no_parameter():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Owned:
        count: int = parameter('count', default=1)
        robot: Robot = filled_by_owner(lambda: Robot(limits=Limits(speed_rad_s=1.0)))

    assert [row.key for row in describe(Owned)] == ['count']
    with pytest.raises(ConfigurationError, match=r'robot: unknown key'):
        load_configuration(Owned, {'robot': {'name': 'piper'}}, source='owned.yaml')
    assert load_configuration(Owned, {}, source='owned.yaml').robot.name == 'piper'


def test_what_files_of_others_hold_besides_is_ignored_at_every_depth_if_asked():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Inner:
        size: int = parameter('size', minimum=1)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Outer:
        inner: Inner = parameter('inner')
        maybe: Inner | None = parameter('maybe', default=None)

    values = {'inner': {'size': 1, 'b': 2}, 'maybe': {'size': 3, 'c': 4}, 'd': 5}
    loaded = load_configuration(Outer, values, source='theirs', ignore_unknown=True)
    assert loaded == Outer(inner=Inner(size=1), maybe=Inner(size=3))
    with pytest.raises(ConfigurationError, match='3 problems'):
        load_configuration(Outer, values, source='ours')
