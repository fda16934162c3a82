# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Driver profiles: those shipped are sound, and every mistake in one is named."""

import pytest
import yaml
from robots.drivers import PROFILES
from robots.drivers import profile

from wla_ros.base.config import ConfigurationError
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.profile import load_driver_profile

NAMES = ('piper_ros', 'cobot_magic', 'agx_arm_ros', 'ros2_control', 'ros2_control_forward')
SHIPPED = sorted(path.stem for path in PROFILES.glob('*.yaml'))


def written(folder, **sections):
    """Write a small sound profile with changed sections; return its path."""
    arms = {'arm': {'command_topic': 'command', 'feedback_topic': 'feedback'}}
    path = folder / 'profile.yaml'
    path.write_text(yaml.safe_dump({'driver': 'mine', 'arms': arms, **sections}))
    return path


def problems_of(path):
    with pytest.raises(ConfigurationError) as caught:
        load_driver_profile(path)
    return str(caught.value)


def test_every_driver_comes_for_two_arms_and_for_one():
    assert set(SHIPPED) == {*NAMES, *(f'{name}_single' for name in NAMES)}
    for name in NAMES:
        assert profile(name).layout.arms == ('left', 'right')
        assert profile(f'{name}_single').layout.arms == ('arm',)


@pytest.mark.parametrize('name', SHIPPED)
def test_topics_are_relative_and_no_two_arms_share_a_command(name):
    shipped = profile(name)
    for channels in shipped.arms.values():
        for field in ('command_topic', 'feedback_topic', 'status_topic'):
            assert not getattr(channels, field).startswith('/')
    commands = [channels.command_topic for channels in shipped.arms.values()]
    assert len(set(commands)) == len(commands)


@pytest.mark.parametrize('name', NAMES)
def test_one_arm_has_the_encodings_of_two(name):
    two, one = profile(name), profile(f'{name}_single')
    for section in ('driver', 'command', 'feedback', 'end_pose', 'status'):
        assert getattr(one, section) == getattr(two, section)
    assert one.description != two.description


def test_topics_of_the_two_arm_launch_of_piper_ros():
    arm = profile('piper_ros').arm('left')
    assert arm.channels.command_topic == 'joint_ctrl_cmd_left'
    assert arm.channels.feedback_topic == 'joint_states_left'
    assert arm.status.message_types == ('piper_msgs/msg/PiperStatusMsg', 'wla_ros/msg/PiperStatus')
    assert arm.end_pose.message_types[1] == 'wla_ros/msg/PiperPosCmd'


def test_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="unknown arm 'middle'"):
        profile('piper_ros').arm('middle')


def test_defaults_make_a_profile_of_two_topics(tmp_path):
    arm = load_driver_profile(written(tmp_path)).arm('arm')
    assert arm.command_names[-1] == 'gripper'
    assert arm.end_pose is arm.status is None


def test_firmware_zero_is_a_fact_of_each_arm(tmp_path):
    arms = {
        'left': {'command_topic': 'a', 'feedback_topic': 'b'},
        'right': {'command_topic': 'c', 'feedback_topic': 'd', 'firmware_zero': 'old'},
    }
    loaded = load_driver_profile(written(tmp_path, arms=arms))
    assert loaded.arm('left').zero is ZeroConvention.NEW
    assert loaded.arm('right').zero is ZeroConvention.OLD


def test_all_mistakes_are_listed_at_once(tmp_path):
    text = problems_of(
        written(
            tmp_path,
            command={
                'speed_procent': 50,
                'gripper': {'unit': 'cm', 'maximum_m': 70},
                'velocity': 'rad_s',
                'angle_scale': 57.3,
            },
            feedback={'qos': {'reliability': 'maybe'}, 'effort': 3},
        )
    )
    for part in (
        "command.speed_procent: unknown key (did you mean 'speed_percent', in %?)",
        "command.gripper.unit: 'cm' is not one of m, mm",
        'command.gripper.maximum_m',
        'the unit is m',
        "command.velocity: 'rad_s'",
        'command.angle_scale',
        "feedback.qos.reliability: 'maybe'",
        'feedback.effort: expected a text',
    ):
        assert part in text


@pytest.mark.parametrize(
    ('sections', 'part'),
    [
        ({'command': {'joint_names': ['joint1']}}, 'joint_names must be six'),
        ({'feedback': {'gripper': {'names': ['joint6']}}}, 'must be distinct'),
        ({'command': {'gripper': {'names': ['a', 'b']}}}, 'signs must be'),
        ({'command': {'gripper': {'names': []}}}, 'at least one'),
        (
            {
                'command': {
                    'velocity': 'speed_percent',
                    'gripper': {'names': ['a', 'b'], 'signs': [1, -1]},
                }
            },
            'exactly one gripper entry',
        ),
        (
            {'command': {'velocity': 'speed_percent', 'gripper': {'present': False}}},
            'of a gripper that is present',
        ),
        ({'command': {'message_types': ['std_msgs/msg/Float64']}}, 'message_types must be'),
        (
            {'command': {'message_types': ['std_msgs/msg/Float64MultiArray']}},
            'mapping must be index, velocity and effort omitted, got name',
        ),
        (
            {
                'command': {
                    'message_types': ['trajectory_msgs/msg/JointTrajectory'],
                    'velocity': 'speed_percent',
                }
            },
            'velocity must be omitted or joint_velocity, effort omitted, got speed_percent',
        ),
        (
            {
                'command': {
                    'message_types': ['trajectory_msgs/msg/JointTrajectory'],
                    'effort': 'gripper_force',
                }
            },
            'effort omitted, got omitted, gripper_force',
        ),
        ({'feedback': {'message_types': []}}, 'message_types must be'),
        ({'status': {'message_types': ['PiperStatusMsg']}}, "like 'package/msg/Type'"),
        ({'arms': {}}, 'at least one arm'),
        ({'arms': {'arm': {'command_topic': 'a', 'feedback_topic': 'a'}}}, 'both on'),
        ({'arms': {'arm': {'command_topic': '', 'feedback_topic': 'a'}}}, 'must not be empty'),
        (
            {'arms': {'arm': {'command_topic': 'a', 'feedback_topic': 'b', 'status_topic': 'c'}}},
            "no section 'status'",
        ),
        (
            {
                'arms': {
                    'left': {'command_topic': 'a', 'feedback_topic': 'b'},
                    'right': {'command_topic': 'a', 'feedback_topic': 'b'},
                }
            },
            'several arms have command_topic a; arms that share a feedback_topic',
        ),
    ],
)
def test_settings_that_do_not_fit_together_are_named(tmp_path, sections, part):
    assert part in problems_of(written(tmp_path, **sections))


def test_missing_file_names_the_profiles_there(tmp_path):
    written(tmp_path)
    assert 'profiles there: profile' in problems_of(tmp_path / 'piper.yaml')
    assert 'give the path' in problems_of(tmp_path / 'nowhere' / 'piper.yaml')


def test_files_that_are_no_profile_are_named(tmp_path):
    path = tmp_path / 'broken.yaml'
    path.write_text('driver: [')
    assert 'is it YAML?' in problems_of(path)
    path.write_text('just text')
    assert 'expected sections' in problems_of(path)
    path.write_text('extends: broken.yaml')
    assert 'extends itself' in problems_of(path)


def test_extending_merges_sections_and_replaces_the_arms(tmp_path):
    base = {
        'command': {'gripper': {'maximum_m': 0.1}, 'velocity': 'speed_percent'},
        'arms': {'left': {'command_topic': 'a', 'feedback_topic': 'b'}},
    }
    (tmp_path / 'base.yaml').write_text(yaml.safe_dump({'driver': 'base', **base}))
    path = written(tmp_path, extends='base.yaml', command={'speed_percent': 40})
    loaded = load_driver_profile(path)
    assert loaded.command.gripper.maximum_m == 0.1
    assert (loaded.command.velocity, loaded.command.speed_percent) == ('speed_percent', 40)
    assert list(loaded.arms) == ['arm']
