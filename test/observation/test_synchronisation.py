# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
from inference.session_feed import LAYOUT
from inference.session_feed import policy_spec
from inference.session_feed import session
from inference.session_feed import sync_config

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import describe
from wla_ros.base.config import load_configuration
from wla_ros.base.types import Representation
from wla_ros.observation.config import SynchronisationConfig
from wla_ros.observation.config import check_session


def load(values):
    return load_configuration(SynchronisationConfig, values, source='test')


def test_a_configuration_loads_from_nested_mappings():
    config = load({'cameras': {'head': {'latency_s': 0.03, 'rate_hz': 15}}, 'max_skew_s': 0.01})
    assert config.cameras['head'].latency_s == 0.03
    assert config.cameras['head'].rate_hz == 15.0
    assert config.history.start == 'repeat_first'


def test_every_parameter_has_a_description():
    assert all(row.description for row in describe(SynchronisationConfig))


def test_mistakes_are_listed_together():
    with pytest.raises(ConfigurationError) as caught:
        load(
            {
                'cameras': {'head': {'max_age_ms': 200}},
                'joints': {'max_gap_s': -1.0},
                'history': {'start': 'zeros'},
            }
        )
    message = str(caught.value)
    for part in ('max_age_s', 'max_gap_s', 'repeat_first'):
        assert part in message


@pytest.mark.parametrize('required', [True, False])
def test_an_anchor_camera_must_exist_and_be_required(required):
    with pytest.raises(ConfigurationError, match='anchor_camera'):
        load(
            {
                'anchor_camera': 'head' if not required else 'tail',
                'cameras': {'head': {'required': required}},
            }
        )


def test_a_session_lists_every_mismatch_with_its_policy():
    spec = policy_spec(
        cameras=('head', 'chest'),
        history_ns={'head': (1, 2), 'belly': (5,)},
        columns=('left/joint1', 'left/joint9'),
    )
    with pytest.raises(ConfigurationError) as caught:
        session(spec, sync_config(anchor_camera='left_wrist'))
    message = str(caught.value)
    for part in ('chest', 'belly', 'largest first', 'left/joint9', 'right/gripper', 'left_wrist'):
        assert part in message


@pytest.mark.parametrize('offsets_ns', [(1, 2), (2, 2), (3, 1, 2), (0,), (5, 0), (-1,)])
def test_history_goes_from_the_largest_offset_to_the_smallest_and_never_ahead(offsets_ns):
    with pytest.raises(ConfigurationError, match='largest first') as caught:
        session(policy_spec(history_ns={'head': offsets_ns}))
    assert str(list(offsets_ns)) in str(caught.value)
    session(policy_spec(history_ns={'head': (3, 2, 1)}))


@pytest.mark.parametrize(
    ('fields', 'what'),
    [
        ({'horizon': 0}, '0 rows'),
        ({'horizon': -1}, '-1 rows'),
        ({'dt_ns': 0}, '0 ns'),
        ({'dt_ns': -5}, '-5 ns'),
    ],
)
def test_chunks_have_rows_and_rows_take_time(fields, what):
    with pytest.raises(ConfigurationError, match=what):
        check_session(dataclasses.replace(policy_spec(), **fields), sync_config(), LAYOUT)
    check_session(dataclasses.replace(policy_spec(), horizon=1, dt_ns=1), sync_config(), LAYOUT)


def test_a_policy_without_cameras_has_no_use_for_an_anchor_camera_and_minds_none():
    check_session(policy_spec(cameras=()), sync_config(anchor_camera='head'), LAYOUT)


def test_a_mismatch_names_what_there_is_instead():
    with pytest.raises(ConfigurationError, match='configured cameras: none'):
        check_session(policy_spec(cameras=('head',)), SynchronisationConfig(), LAYOUT)
    config = sync_config(anchor_camera='head')
    with pytest.raises(ConfigurationError, match='one of left_wrist, right_wrist'):
        check_session(policy_spec(cameras=('left_wrist', 'right_wrist')), config, LAYOUT)
    with pytest.raises(ConfigurationError) as caught:
        check_session(policy_spec(columns=(*LAYOUT.columns, 'left/tail')), sync_config(), LAYOUT)
    assert 'has unknown left/tail' in str(caught.value)
    assert 'lacks' not in str(caught.value)


def test_columns_in_another_order_are_a_mismatch():
    with pytest.raises(ConfigurationError, match='order differs'):
        session(policy_spec(columns=tuple(reversed(LAYOUT.columns))))


def test_end_effector_policies_need_pose_columns():
    poses = Representation.END_EFFECTOR_POSE
    session(policy_spec(representation=poses, columns=LAYOUT.pose_columns))
    with pytest.raises(ConfigurationError, match='left/qw'):
        session(policy_spec(representation=poses))
