# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Both ends of every link are counted on their own: miscounts and losses show."""

import dataclasses

import pytest

from wla_ros.cli.main import result_text
from wla_ros.episodes.counters import equations
from wla_ros.episodes.counters import live_counters
from wla_ros.episodes.loss import link_losses
from wla_ros.episodes.metrics import measure
from wla_ros.episodes.record import CounterValue
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.episodes.report import render_report
from wla_ros.episodes.summary import summarise

RIG = {
    'rig': {'slipped_s': '0.010'},
    'driver left': {
        'commands_received': '97',
        'commands_applied': '90',
        'commands_flushed': '2',
        'commands_waiting': '0',
        'commands_ignored': '2',
        'commands_missed': '1',
        'commands_unheard': '0',
        'refused_not_enabled': '5',
        'joint_states': '500',
    },
    'driver right': {
        'commands_received': '98',
        'commands_applied': '98',
        'commands_flushed': '0',
        'commands_waiting': '0',
        'commands_ignored': '1',
        'commands_missed': '0',
        'commands_unheard': '1',
        'joint_states': '500',
    },
    'camera head': {
        'exposed': '40',
        'dropped_by_fault': '1',
        'flushed_at_reset': '2',
        'waiting': '0',
        'published': '35',
        'unwatched': '0',
        'skipped': '2',
    },
}
NODES = {
    'policy': {
        'observations': 14, 'inferences': 12, 'inference_errors': 1, 'running': 1,
        'chunks_published': 10, 'results_discarded': 2,
        'asked': 14, 'unconditioned': 3, 'conditioned': 10, 'cold_starts': 1,
    },
    'executor': {
        'chunks_received': 9, 'chunks_missed': 1, 'chunks_accepted': 8, 'chunks_rejected': 1,
        'rows_received': 50, 'rows_executed': 20, 'rows_late': 10, 'rows_superseded': 15,
        'rows_flushed': 4, 'rows_queued': 1,
        'ticks': 206, 'ticks_not_ready': 5, 'ticks_failed': 1,
        'commands_published': 100, 'commands_decimated': 100,
    },
    'stream head': {
        'received': 33, 'used': 30, 'superseded': 2, 'refused': 1, 'waiting': 0,
        'missed': 2, 'unheard': 0,
    },
    'stream left_joints': {
        'received': 490, 'used': 480, 'superseded': 9, 'refused': 0, 'waiting': 1,
        'missed': 7, 'unheard': 3,
    },
    'stream right_joints': {
        'received': 500, 'used': 480, 'superseded': 19, 'refused': 0, 'waiting': 1,
        'missed': 0, 'unheard': 0,
    },
}  # fmt: skip


def nodes(**changes):
    """Return the counters of the nodes; a change is named 'owner name' with '__' between."""
    table = {
        (owner, name): value for owner, found in NODES.items() for name, value in found.items()
    }
    for key, value in changes.items():
        owner, name = key.replace('_joints', '-joints').split('__')
        table[owner.replace('_', ' ').replace('-joints', '_joints'), name] = value
    return [CounterValue(owner=o, name=n, value=v) for (o, n), v in table.items()]


def rig(component, **changes):
    return {**RIG, component: {**RIG[component], **{k: str(v) for k, v in changes.items()}}}


def verdicts(counters):
    return {(item.subject, item.left.name): item.verdict for item in equations(counters)}


def metrics(counters):
    record = EpisodeRecord(
        source='live', task='t', instruction='', policy='p', seed=1, start_ns=0, end_ns=10**9,
        success=True, judgement='success', end_reason='finished', counters=tuple(counters),
    )  # fmt: skip
    return measure(record)


def test_every_sum_of_a_live_run_holds_when_the_parts_agree():
    found = verdicts(live_counters(nodes(), RIG))
    assert set(found.values()) == {'ok'}
    assert len(found) == 18
    links = {subject for subject, _ in found if subject.startswith('link ')}
    assert links == {
        'link chunks', 'link commands left', 'link commands right', 'link feedback left',
        'link feedback right', 'link images head',
    }  # fmt: skip


@pytest.mark.parametrize(
    ('owner', 'name', 'miscount'),
    [
        (owner, name, miscount)
        for owner, found in NODES.items()
        for name, value in found.items()
        for miscount in ((-1, 1) if value else (1,))
    ],
)
def test_a_miscount_of_a_node_violates_a_sum(owner, name, miscount):
    wrong = [
        dataclasses.replace(item, value=item.value + miscount)
        if (item.owner, item.name) == (owner, name)
        else item
        for item in nodes()
    ]
    assert 'violated' in verdicts(live_counters(wrong, RIG)).values()


@pytest.mark.parametrize(
    ('component', 'name'),
    [(part, name) for part, found in RIG.items() for name in found if part != 'rig'],
)
def test_a_miscount_of_the_rig_violates_a_sum(component, name):
    wrong = rig(component, **{name: int(RIG[component][name]) + 1})
    assert 'violated' in verdicts(live_counters(nodes(), wrong)).values()


def test_what_a_receiver_cannot_count_is_unknown_and_still_shown_as_lost():
    counters = live_counters(
        nodes(stream_head__missed=-1, stream_head__unheard=-1),
        rig('driver left', commands_missed='unknown', commands_unheard='unknown'),
    )
    found = verdicts(counters)
    assert found['link images head', 'sent'] == 'unknown'
    assert found['link commands left', 'sent'] == 'unknown'
    losses = {item.link: item.lost for item in link_losses(counters)}
    assert losses['images head'] == 2
    assert losses['commands left'] == 1


def test_loss_is_what_one_end_sent_and_the_other_never_saw():
    losses = {item.link: item for item in link_losses(live_counters(nodes(), RIG))}
    assert {link: item.lost for link, item in losses.items()} == {
        'chunks': 1, 'commands left': 1, 'commands right': 1, 'feedback left': 10,
        'feedback right': 0, 'images head': 2,
    }  # fmt: skip
    assert str(losses['commands left']) == 'commands left 1 of 100 (1.0 %)'
    assert not losses['commands left'].excessive
    assert losses['chunks'].excessive  # one of ten


@pytest.mark.parametrize(('lost', 'shown'), [(14, True), (1, False), (0, False)])
def test_lost_commands_are_in_the_headline_and_too_many_turn_it_red(lost, shown):
    """14 to 34 % of the commands were lost in runs that were shown green."""
    driver = {
        'commands_received': 98 - lost,
        'commands_applied': 91 - lost,
        'commands_missed': lost,
    }
    counters = live_counters(
        nodes(
            executor__chunks_received=10, executor__chunks_missed=0, executor__chunks_rejected=2
        ),
        rig('driver left', **driver),
    )
    (summary,) = summarise([metrics(counters)])
    assert summary.violated == ()
    assert bool(summary.excessive) == shown
    page = render_report(title='', metrics=[metrics(counters)], records=[], versions={})
    assert ('Too many commands were lost' in page) == shown
    if lost:
        assert f'commands left {lost} of 100 ({lost}.0 %)' in page
        assert f'commands left {lost} of 100' in result_text([summary])
    assert ('more than 1 %' in result_text([summary])) == shown


def test_an_arm_that_nobody_commands_is_no_loss():
    alone = [item for item in nodes() if item.owner != 'stream right_joints']
    links = {item.link for item in link_losses(live_counters(alone, RIG))}
    assert links == {'chunks', 'commands left', 'feedback left', 'images head'}
