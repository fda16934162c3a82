# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import dataclasses
import html.parser
import json
import math

import numpy as np
import pytest
from episodes.fakes import FakePolicy
from episodes.fakes import make_episode
from scipy.stats import binomtest

from wla_ros.base.joints import JointLayout
from wla_ros.episodes.counters import equations
from wla_ros.episodes.metrics import measure
from wla_ros.episodes.record import ArmTrack
from wla_ros.episodes.record import CommandTrack
from wla_ros.episodes.record import CounterValue
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.episodes.report import render_report
from wla_ros.episodes.report import write_report
from wla_ros.episodes.summary import SuccessRate
from wla_ros.episodes.summary import summarise
from wla_ros.episodes.summary import summed


class Page(html.parser.HTMLParser):
    """Collects what a browser would load, and whether tags nest."""

    void = frozenset({'meta', 'img', 'br', 'link', 'input'})

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in self.void:
            self.open.append(tag)
        self.sources += [value for name, value in attrs if name in {'src', 'href'}]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope='module')
def record():
    return make_episode(policy=FakePolicy(duration_s=0.9), picture_period_ns=100_000_000).run()


def bare(**changes):
    values = {
        'source': 'direct',
        'task': 'rise',
        'instruction': '',
        'policy': 'fake',
        'seed': 9,
        'start_ns': 0,
        'end_ns': 2_000_000_000,
        'success': True,
        'judgement': 'success',
        'end_reason': 'finished',
    }
    return EpisodeRecord(**{**values, **changes})


def test_the_page_is_complete_in_itself(record, tmp_path):
    failed = bare(seed=3, success=False, judgement='the <cup> fell', end_reason='time_limit')
    written = write_report(
        tmp_path / 'new' / 'folder',
        title='Rise',
        metrics=[measure(record), measure(failed)],
        records=[record],
        versions={'numpy': np.__version__},
    )
    text = written.page.read_text(encoding='utf-8')
    page = Page(text)
    assert page.open == []
    assert len(page.sources) >= 10
    assert all(source.startswith('data:image/') for source in page.sources)
    assert 'http' not in text
    assert 'the &lt;cup&gt; fell' in text
    words = ' '.join(page.text)
    for wanted in ('Timeline', 'Latency', 'Nothing is lost silently', 'direct', np.__version__):
        assert wanted in words
    values = json.loads(written.summary.read_text())
    assert [source['source'] for source in values['sources']] == ['virtual', 'direct']
    assert values['sources'][0]['sums']['violated'] == []


def test_an_episode_of_outcomes_only_still_makes_a_page():
    page = Page(
        render_report(title='Bare', metrics=[measure(bare())], records=[bare()], versions={})
    )
    assert page.open == []


def test_a_report_without_episodes_is_refused():
    with pytest.raises(ValueError, match='at least one'):
        render_report(title='', metrics=[], records=[], versions={})


def test_a_violated_sum_is_shown_and_decides_the_verdict(record):
    lost = CounterValue(owner='executor', name='chunks_received', value=7)
    others = [item for item in record.counters if item.name != 'chunks_received']
    broken = dataclasses.replace(record, counters=(*others, lost))
    metrics = measure(broken)
    assert not metrics.conserved
    text = render_report(title='Lost', metrics=[metrics], records=[], versions={})
    assert 'Counters do not add up' in text
    assert 'violated by' in text


def test_differences_of_two_episodes_never_cancel(record):
    def with_received(change):
        counters = tuple(
            dataclasses.replace(item, value=item.value + change)
            if (item.owner, item.name) == ('executor', 'chunks_received')
            else item
            for item in record.counters
        )
        return measure(dataclasses.replace(record, counters=counters))

    totals = summed([with_received(+1), with_received(-1)])
    assert any(item.verdict == 'violated' for item in totals)


def test_a_counter_that_is_missing_is_unknown_not_ok():
    found = equations([CounterValue(owner='executor', name='chunks_received', value=0)])
    assert [item.verdict for item in found] == ['unknown']
    assert found[0].missing == ('chunks_accepted', 'chunks_rejected')


@pytest.mark.parametrize(
    ('successes', 'episodes'), [(100, 100), (98, 100), (19, 20), (0, 10), (5, 10), (1, 1)]
)
def test_the_interval_is_that_of_wilson(successes, episodes):
    oracle = binomtest(successes, episodes).proportion_ci(confidence_level=0.95, method='wilson')
    rate = SuccessRate(successes=successes, episodes=episodes)
    assert rate.interval == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_no_episodes_say_nothing():
    rate = SuccessRate(successes=0, episodes=0)
    assert rate.interval == (0.0, 1.0)
    assert math.isnan(rate.rate)
    with pytest.raises(ValueError, match='3 successes'):
        SuccessRate(successes=3, episodes=2)


def test_lag_of_an_arm_is_found():
    stamps = np.arange(0, 4_000_000_000, 5_000_000)
    times = stamps / 1e9
    commanded = np.tile(np.sin(2.0 * times)[:, None], (1, 7))
    measured = np.tile(np.sin(2.0 * (times - 0.03))[:, None], (1, 7))
    zeros = np.zeros_like(commanded)
    metrics = measure(
        bare(
            columns=JointLayout(('left',)).columns,
            commands=CommandTrack(
                stamps_ns=stamps, position=commanded, velocity=zeros, acceleration=zeros
            ),
            arms=(ArmTrack(arm='left', stamps_ns=stamps, position=measured, velocity=zeros),),
        )
    )
    (tracking,) = metrics.tracking
    assert tracking.lag_s == pytest.approx(0.03)
    assert tracking.rms_at_lag_rad < 1e-4 < tracking.rms_rad
    assert metrics.jerk_max_rad_s3 == 0.0


@pytest.mark.parametrize('kept', [1, 2])
def test_the_jerk_of_a_recording_is_that_of_virtual_time(kept):
    """A recorder gets every second command, and no acceleration."""
    stamps = np.arange(0, 4_000_000_000, 5_000_000)[::kept]
    wave = np.tile(np.sin(6.0 * stamps / 1e9)[:, None], (1, 7))
    zeros = np.zeros_like(wave)
    track = CommandTrack(stamps_ns=stamps, position=zeros, velocity=wave, acceleration=zeros)
    metrics = measure(bare(columns=JointLayout(('left',)).columns, commands=track))
    assert metrics.jerk_rms_rad_s3 == pytest.approx(6.0**2 / math.sqrt(2.0), rel=0.02)


def test_task_times_are_of_successful_episodes_only():
    solved = measure(bare(task_ns=3_000_000_000))
    failed = measure(bare(success=False, task_ns=None, seed=1))
    (summary,) = summarise([solved, failed])
    assert summary.task_mean_s == 3.0
    assert summary.success.successes == 1
    (failure,) = summary.failures
    assert (failure.seed, failure.end_reason, failure.judgement) == (1, 'finished', 'success')
