# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from policies.observations import observation

from wla_ros.bags.actions import RecordedActions
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import WlaError
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import PolicyRequest
from wla_ros.policies.simple import ReplayPolicy

LAYOUT = JointLayout(('left',))
REQUEST = PolicyRequest(instruction='replay')
STEP_NS = 100_000_000


def ramp(rows: int = 11, columns: tuple[str, ...] = LAYOUT.columns) -> RecordedActions:
    """0.1 rad per 0.1 s on every column, from a stamp far from zero."""
    return RecordedActions(
        source='ramp.bag',
        stamps_ns=5_000_000_000 + np.arange(rows, dtype=np.int64) * STEP_NS,
        positions=np.repeat(np.arange(rows)[:, None] * 0.1, len(columns), axis=1),
        columns=columns,
    )


def test_rows_follow_the_recording_from_the_first_observation():
    policy = ReplayPolicy(ramp(), LAYOUT, horizon=4, rate_hz=20.0)
    start = 77_000_000_000
    first = policy.infer(observation(np.zeros(7), stamp_ns=start), REQUEST)
    assert np.allclose(first.rows[:, 0], [0.0, 0.05, 0.10, 0.15])
    later = policy.infer(observation(np.full(7, 9.0), stamp_ns=start + 250_000_000), REQUEST)
    assert np.allclose(later.rows[:, 0], [0.25, 0.30, 0.35, 0.40])
    assert not later.finished


def test_rows_that_begin_later_are_later_rows():
    plain = ReplayPolicy(ramp(), LAYOUT).infer(observation(np.zeros(7)), REQUEST).rows
    later = PolicyRequest(instruction='', row_offset=3)
    moved = ReplayPolicy(ramp(), LAYOUT).infer(observation(np.zeros(7)), later).rows
    assert np.array_equal(moved[:-3], plain[3:])


def test_rows_beyond_the_end_hold_and_finish():
    policy = ReplayPolicy(ramp(), LAYOUT, horizon=4)
    policy.infer(observation(np.zeros(7)), REQUEST)
    before = policy.infer(observation(np.zeros(7), stamp_ns=999_999_999), REQUEST)
    assert np.allclose(before.rows[1:], 1.0)
    assert not before.finished
    end = policy.infer(observation(np.zeros(7), stamp_ns=1_000_000_000), REQUEST)
    assert np.allclose(end.rows, 1.0)
    assert end.finished


@pytest.mark.parametrize('start', [0.2, -0.2, np.nan, np.inf])
def test_a_start_away_from_the_recording_is_refused_with_the_joint_named(start):
    policy = ReplayPolicy(ramp(), LAYOUT, max_start_deviation_rad=0.1)
    measured = np.zeros(7)
    measured[3] = start
    with pytest.raises(WlaError, match='left/joint4'):
        policy.infer(observation(measured), REQUEST)
    assert policy.infer(observation(np.zeros(7), stamp_ns=1), REQUEST).rows[0, 0] == 0.0


def test_the_gripper_may_start_at_any_width():
    policy = ReplayPolicy(ramp(), LAYOUT)
    measured = np.zeros(7)
    measured[6] = 0.07
    policy.infer(observation(measured), REQUEST)


def test_a_new_epoch_checks_the_start_again():
    policy = ReplayPolicy(ramp(), LAYOUT)
    policy.infer(observation(np.zeros(7)), REQUEST)
    with pytest.raises(WlaError):
        policy.infer(observation(np.full(7, 0.5), stamp_ns=500_000_000, epoch=1), REQUEST)


def test_columns_are_put_in_the_order_of_the_layout():
    columns = tuple(reversed(LAYOUT.columns))
    recording = RecordedActions(
        source='reversed',
        stamps_ns=np.array([0, 1], dtype=np.int64),
        positions=np.tile(np.arange(7.0), (2, 1)),
        columns=columns,
    )
    policy = ReplayPolicy(recording, LAYOUT, max_start_deviation_rad=3.0)
    rows = policy.infer(observation(np.full(7, 3.5)), REQUEST).rows
    assert np.array_equal(rows[0], np.arange(7.0)[::-1])


def test_all_column_mismatches_are_listed():
    columns = ('left/joint1', 'arm/joint9')
    with pytest.raises(ConfigurationError) as caught:
        ReplayPolicy(ramp(columns=columns), LAYOUT)
    assert len(caught.value.problems) == 7


@pytest.mark.parametrize(
    ('stamps', 'value', 'words'),
    [([0], 0.0, 'at least two'), ([0, 0], 0.0, 'does not rise'), ([0, 1], np.nan, 'not finite')],
)
def test_recordings_that_cannot_be_interpolated_are_refused(stamps, value, words):
    with pytest.raises(ConfigurationError, match=words):
        RecordedActions(
            source='bad',
            stamps_ns=np.array(stamps, dtype=np.int64),
            positions=np.full((len(stamps), 1), value),
            columns=('left/joint1',),
        )
