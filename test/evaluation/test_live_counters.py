"""What was sent and not received is named as lost; the sums hold or show the difference."""

from wla_ros.evaluation.conservation import equations
from wla_ros.evaluation.episode_record import Counter
from wla_ros.evaluation.live_counters import live_counters

RIG = {
    'rig': {'slipped_s': '0.010', 'commands_ignored_after_reset': '4'},
    'driver left': {
        'commands_received': '97',
        'commands_applied': '90',
        'commands_flushed': '2',
        'commands_waiting': '0',
        'refused_not_enabled': '5',
    },
    'driver right': {
        'commands_received': '98',
        'commands_applied': '98',
        'commands_flushed': '0',
        'commands_waiting': '0',
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


def nodes(*, commands=100, chunks=10, executor_chunks=10, images=33):
    return [
        Counter(owner='policy', name='chunks_published', value=chunks),
        Counter(owner='executor', name='chunks_received', value=executor_chunks),
        Counter(owner='executor', name='commands_published', value=commands),
        Counter(owner='stream head', name='received', value=images),
    ]


def value(counters, owner, name):
    (found,) = [item.value for item in counters if (item.owner, item.name) == (owner, name)]
    return found


def test_losses_of_every_link_are_named():
    counters = live_counters(nodes(executor_chunks=9), RIG)
    assert value(counters, 'link chunks', 'lost') == 1
    assert value(counters, 'link commands', 'lost') == 200 - 97 - 98 - 4
    assert value(counters, 'link images head', 'lost') == 2


def test_every_sum_holds_when_the_parts_agree():
    found = equations(live_counters(nodes(), RIG))
    complete = [item for item in found if item.verdict != 'unknown']
    assert {item.left.name for item in complete} >= {'sent', 'exposed', 'received'}
    assert [item.subject for item in complete if item.verdict == 'violated'] == []


def test_more_received_than_sent_violates_the_sum_instead_of_becoming_a_negative_loss():
    counters = live_counters(nodes(images=50), RIG)
    assert value(counters, 'link images head', 'lost') == 0
    violated = [item.subject for item in equations(counters) if item.verdict == 'violated']
    assert 'link images head' in violated


def test_a_camera_that_leaks_an_exposure_violates_its_sum():
    leaking = {**RIG, 'camera head': {**RIG['camera head'], 'published': '34'}}
    violated = [
        item.subject
        for item in equations(live_counters(nodes(), leaking))
        if item.verdict == 'violated'
    ]
    assert 'rendering head' in violated
