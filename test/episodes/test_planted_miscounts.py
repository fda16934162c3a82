# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Every sum of a virtual episode can fail: a miscount planted in any counter of the real parts shows.

A sum whose one side is computed from the other balances whatever is lost; none may be left.
"""

import functools

import pytest
from episodes.choices import choices

from wla_ros.episodes.counters import equations
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.run import run_virtual
from wla_ros.episodes.virtual import VirtualEpisode

SESSION = '_session'
BUFFERS = ('_sync.cameras.head', '_sync.joints.left')
EXECUTOR = '_executor._executor'
LINE, CAMERA = '_rig._rig._lines.left', '_rig._rig._schedules.head'
LINKS = ('head', 'left_joints', 'left_joints to executor', 'commands left', 'chunks', 'plans')
PLANTED = [
    *(f'{SESSION}.{name}' for name in ('_observations', '_inferences', '_errors')),
    *(f'{SESSION}.{name}' for name in ('_published', '_discarded')),
    *(f'{SESSION}._listener.{name}' for name in ('_received', '_unconditioned', '_conditioned')),
    f'{SESSION}._listener._cold',
    '_inference.running',
    *(
        f'{SESSION}.{buffer}.buffer.{name}'
        for buffer in BUFFERS
        for name in ('_received', '_used_count', '_superseded', '_refused', '_waiting')
    ),
    *(f'{EXECUTOR}._counts.{name}' for name in ('chunks_received', 'commands_published')),
    f'{EXECUTOR}._counts.ticks_not_ready',
    f'{EXECUTOR}._clock._ticks',
    f'{EXECUTOR}._plan._counts.chunks_accepted',
    f'{EXECUTOR}._plan._rejections.planted',
    *(
        f'{EXECUTOR}._plan._ledger.{name}'
        for name in ('_received', '_executed', '_late', '_superseded', '_flushed')
    ),
    *(f'_links.{link}.{name}' for link in LINKS for name in ('_sent', '_delivered', '_dropped')),
    *(f'{LINE}.{name}' for name in ('_received', '_commands_flushed', '_published')),
    f'{LINE}._feedback_flushed',
    f'{LINE}.driver._applied',
    f'{LINE}.driver._refused.planted',
    *(f'{CAMERA}.{name}' for name in ('_exposed', '_delivered', '_dropped', '_flushed')),
    '_rig._samples.left',
    '_rig._unreadable.left',
]


@pytest.fixture(scope='module')
def episode():
    """Return an episode that has run, and when it was counted."""
    taken = []
    counted = VirtualEpisode._counters
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            VirtualEpisode,
            '_counters',
            lambda self, now_ns: (taken.append((self, now_ns)), counted(self, now_ns))[1],
        )
        settings = EpisodeSettings(time_limit_ns=2_000_000_000)
        run_virtual(choices(cameras=('head',), settings=settings), 0, pictures=False)
    return taken[0]


def verdicts(episode):
    run, now_ns = episode
    return [item.verdict for item in equations(run._counters(now_ns))]


def test_the_sums_hold_before_anything_is_planted(episode):
    assert set(verdicts(episode)) == {'ok'}
    assert len(verdicts(episode)) > 30


@pytest.mark.parametrize('where', PLANTED)
def test_a_planted_miscount_violates_a_sum(episode, where):
    *path, name = where.split('.')
    part = functools.reduce(_step, path, episode[0])
    before = part.get(name, 0) if isinstance(part, dict) else getattr(part, name)
    wrong = (not before) if isinstance(before, bool) else before + 1
    try:
        _set(part, name, wrong)
        assert 'violated' in verdicts(episode)
    finally:
        _set(part, name, before)


def test_a_message_that_is_lost_in_the_queue_of_events_violates_its_link(episode):
    queue = episode[0]._queue
    kept = list(queue._heap)
    on_the_way = next(item for item in kept if item[3].startswith('transport'))
    queue._heap.remove(on_the_way)
    try:
        assert 'violated' in verdicts(episode)
    finally:
        queue._heap[:] = kept


def _step(part, name):
    return part[name] if isinstance(part, dict) else getattr(part, name)


def _set(part, name, value):
    if isinstance(part, dict):
        part[name] = value
    else:
        setattr(part, name, value)
