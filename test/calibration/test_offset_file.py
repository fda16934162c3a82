# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Offsets go into parameter files, nothing else changes; what cannot be set is refused."""

import difflib
from pathlib import Path

import pytest
import yaml

from wla_ros.base.config import ConfigurationError
from wla_ros.calibration.offset_file import OffsetChange
from wla_ros.calibration.offset_file import apply_offsets

BIMANUAL = (Path(__file__).parents[2] / 'config/bimanual.yaml').read_text(encoding='utf-8')
SINGLE = (Path(__file__).parents[2] / 'config/single.yaml').read_text(encoding='utf-8')


def change(value_s, *path, node='executor_node'):
    return OffsetChange(node=node, path=path, value_s=value_s)


def arm(value_s, name='left', key='action_latency_s'):
    return change(value_s, 'execution', 'arms', name, key)


def camera(value_s, name='head'):
    return change(value_s, 'synchronisation', 'cameras', name, 'latency_s', node='policy_node')


def changed_lines(before, after):
    delta = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in delta if line[0] in '+-']


def test_a_number_of_the_shipped_file_is_replaced_where_it_stands():
    after = apply_offsets(BIMANUAL, [camera(0.08213), arm(0.0457, 'right')], source='f')
    lines = changed_lines(BIMANUAL, after)
    assert len(lines) == 4
    assert '+         head: {rate_hz: 30.0, max_age_s: 0.25, latency_s: 0.0821}' in lines
    assert '# a file in config/drivers, or the path of one' in after
    content = yaml.safe_load(after)
    assert (
        content['/**/executor_node']['ros__parameters']['execution']['arms']['right'][
            'action_latency_s'
        ]
        == 0.0457
    )


def test_a_missing_key_is_added_beside_its_siblings():
    after = apply_offsets(BIMANUAL, [arm(0.12, key='gripper_latency_s')], source='f')
    (removed, added) = changed_lines(BIMANUAL, after)
    assert added == f'+{removed[1:-1]}, gripper_latency_s: 0.12}}'


def test_every_shipped_file_takes_every_offset():
    for text, arms in ((BIMANUAL, ('left', 'right')), (SINGLE, ())):
        content = yaml.safe_load(text)
        cameras = content['/**/policy_node']['ros__parameters']['cameras']
        changes = [camera(0.01, name) for name in cameras]
        changes += [arm(0.02, name) for name in arms]
        after = apply_offsets(text, changes, source='f')
        assert yaml.safe_load(after) != content


BLOCK = """\
# top
executor_node:
  ros__parameters:   # here
    execution:
      rate_hz: 200.0  # ticks

      # what differs between arms
      arms:
        left:
          action_latency_s: 0.0   # measured
          home_rad:
            - 0.0
            - 0.5
# end
"""


def test_block_style_keeps_comments_blank_lines_and_indentation():
    after = apply_offsets(
        BLOCK, [arm(0.05), arm(0.1, key='gripper_latency_s'), arm(0.2, 'right')], source='f'
    )
    assert changed_lines(BLOCK, after) == [
        '-           action_latency_s: 0.0   # measured',
        '+           action_latency_s: 0.05   # measured',
        '+           gripper_latency_s: 0.1',
        '+         right: {action_latency_s: 0.2}',
    ]
    assert after.endswith(
        '- 0.5\n          gripper_latency_s: 0.1\n        right: {action_latency_s: 0.2}\n# end\n'
    )


@pytest.mark.parametrize(
    'text',
    [
        'executor_node:\n  ros__parameters:\n    execution.arms.left.action_latency_s: 0.0\n',
        'executor_node:\n  ros__parameters:\n    execution: {rate_hz: 200.0}\n',
        'executor_node:\n  ros__parameters:\n    execution:\n      arms:\n',
        'executor_node:\n  ros__parameters:\n    execution:\n      arms: {}\n',
        'executor_node:\n  ros__parameters:\n    autostart: true',
        'executor_node:\n  ros__parameters: {}\n',
        '/cell/executor_node: {ros__parameters: {execution: {arms: {left: {}}}}}\n',
        '"/**/executor_node":\n    "ros__parameters":\n        execution:\n'
        '            arms: {left: {action_latency_s: 1.0e-2}}\n',
    ],
)
def test_missing_sections_and_dotted_keys_are_understood(text):
    after = apply_offsets(text, [arm(0.03)], source='f')
    (section,) = yaml.safe_load(after).values()
    at = section['ros__parameters']
    if 'execution.arms.left.action_latency_s' in at:
        assert at['execution.arms.left.action_latency_s'] == 0.03
    else:
        assert at['execution']['arms']['left']['action_latency_s'] == 0.03


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        ('policy_node:\n  ros__parameters: {a: 1}\n', 'has no section for it'),
        ('/**:\n  ros__parameters: {a: 1}\n', 'has no section for it'),
        (
            '/a/executor_node: {ros__parameters: {a: 1}}\n'
            '/b/executor_node: {ros__parameters: {a: 1}}\n',
            'has 2 sections',
        ),
        ('executor_node: {a: 1}\n', 'has no ros__parameters'),
        ('- a\n- b\n', 'no sections of nodes'),
        ('a: [\n', 'file'),
        (
            'executor_node:\n  ros__parameters:\n    execution:\n      arms:\n'
            '        right: &same {action_latency_s: 0.0}\n        left: *same\n',
            'without changing more',
        ),
        (
            'executor_node:\n  ros__parameters:\n    execution:\n      arms: [1, 2]\n',
            'without changing more',
        ),
    ],
)
def test_what_cannot_be_changed_cleanly_is_refused(text, what):
    with pytest.raises(ConfigurationError, match='file.yaml') as error:
        apply_offsets(text, [arm(0.03)], source='file.yaml')
    assert what in str(error.value)


def test_windows_line_ends_and_missing_last_line_ends_survive():
    text = BLOCK.replace('\n', '\r\n').rstrip()
    after = apply_offsets(text, [arm(0.05)], source='f')
    assert after == text.replace('action_latency_s: 0.0 ', 'action_latency_s: 0.05 ')
