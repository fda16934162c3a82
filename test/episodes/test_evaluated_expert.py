# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The real parts together: simulated rig, driver encoding, session, executor, expert."""

import json

import numpy as np
import pytest
from episodes.choices import choices

from wla_ros.base.config import ConfigurationError
from wla_ros.cli import main
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.metrics import measure
from wla_ros.episodes.run import run_virtual

CAMERAS = ('head', 'left_wrist', 'right_wrist')


def test_the_expert_succeeds_and_every_sum_adds_up():
    chosen = choices(cameras=CAMERAS)
    record = run_virtual(chosen, 0, pictures=False)
    metrics = measure(record)
    assert record.success, record.judgement
    assert record.end_reason == 'finished'
    assert {item.verdict for item in metrics.equations} == {'ok'}
    assert len(metrics.equations) >= 40
    assert metrics.starvations == 0
    assert metrics.seam_position_max_rad < 0.005


def test_the_same_seed_gives_the_same_motion():
    settings = EpisodeSettings(time_limit_ns=1_500_000_000)
    chosen = choices(settings=settings)
    first, second = (run_virtual(chosen, 3, pictures=False) for _ in range(2))
    assert np.array_equal(first.commands.position, second.commands.position)
    assert np.array_equal(first.arms[0].position, second.arms[0].position)
    assert first.counters == second.counters


def test_hold_keeps_the_arms_where_they_are():
    settings = EpisodeSettings(time_limit_ns=1_000_000_000)
    chosen = choices('hold', cameras=('head',), settings=settings)
    record = run_virtual(chosen, 0, pictures=False)
    assert record.end_reason == 'time_limit'
    assert np.ptp(record.arms[0].position[:, :6], axis=0).max() < 1e-3


def test_the_command_line_prints_one_json_line_last(capsys, tmp_path):
    given = ['evaluate', '--policy', 'hold', '--episodes', '1', '--time-limit-s', '0.5']
    given += ['--jobs', '1', '--report', str(tmp_path), '--no-pictures']
    assert main.main([*given, '--min-success', '1.0']) == 1
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert values['sources'][0]['successes'] == 0
    assert values['sources'][0]['sums']['violated'] == []
    assert (tmp_path / 'report.html').is_file()


def test_a_camera_that_does_not_exist_is_named():
    chosen = choices(cameras=('tail',))
    with pytest.raises(ConfigurationError, match='tail'):
        run_virtual(chosen, 0, pictures=False)
