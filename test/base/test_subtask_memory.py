# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The memory of subtasks: windows that move on, operators, bounds, and its file format."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.config import ConfigurationError
from wla_ros.base.memory import OPERATOR
from wla_ros.base.memory import POLICY
from wla_ros.base.memory import RESTORED
from wla_ros.base.memory import SubtaskMemory
from wla_ros.base.memory import sentences
from wla_ros.nodes.policy.memory import memory_from_json
from wla_ros.nodes.policy.memory import memory_to_json

S = 1_000_000_000


def told(*windows, memory=None):
    """Return the memory after one window per second, from 1 s."""
    memory = memory or SubtaskMemory()
    for index, window in enumerate(windows):
        memory = memory.predicted(window, (index + 1) * S)
    return memory


def done(memory):
    return [subtask.text for subtask in memory.completed]


def test_the_first_window_begins_its_first_subtask():
    memory = told('Pick A. Place A.')
    assert memory.current.text == 'Pick A.'
    assert memory.upcoming == ('Place A.',)
    assert memory.completed == ()
    assert (memory.current.number, memory.current.started_ns, memory.current.ended_ns) == (1, S, 0)


def test_a_window_that_moves_on_completes_what_it_leaves():
    memory = told('A. B.', 'A. B.', 'B. C.', 'C.', 'D.')
    assert done(memory) == ['A.', 'B.', 'C.']
    assert memory.current.text == 'D.'
    assert [subtask.ended_ns for subtask in memory.completed] == [3 * S, 4 * S, 5 * S]


def test_a_window_that_skips_completes_what_it_skipped():
    memory = told('A. B. C.', 'C.')
    assert done(memory) == ['A.', 'B.']
    assert memory.completed[1].started_ns == memory.completed[1].ended_ns == 2 * S


def test_upcoming_subtasks_that_vanish_never_happened():
    assert done(told('A. B.', 'X.')) == ['A.']


def test_the_same_window_changes_nothing():
    memory = told('A. B.')
    assert memory.predicted('A. B.', 9 * S) is memory


def test_saying_nothing_changes_nothing():
    memory = told('A.')
    assert memory.predicted('  ', 9 * S) is memory
    assert memory.predicted('...', 9 * S) is memory


def test_the_same_subtask_twice_in_a_row_is_remembered_once():
    memory = told('A.').with_completed('A.', 2 * S).predicted('B.', 3 * S)
    assert done(memory) == ['A.']
    assert memory.completed[0].ended_ns == 3 * S


def test_a_subtask_that_comes_again_later_is_remembered_again():
    assert done(told('A.', 'B.', 'A.', 'C.')) == ['A.', 'B.', 'A.']


def test_a_window_that_wavers_completes_nothing():
    memory = told('A.', 'B.')
    back = memory.predicted('A.', 2 * S + memory.settle_ns)
    assert done(back) == []
    assert back.current.text == 'A.'
    assert (back.current.number, back.current.ended_ns) == (1, 0)
    later = memory.predicted('A.', 2 * S + memory.settle_ns + 1)
    assert done(later) == ['A.', 'B.']


def test_only_the_newest_subtasks_are_kept_and_numbers_go_on():
    memory = told(*(f'{letter}.' for letter in 'ABCDEF'), memory=SubtaskMemory(capacity=2))
    assert done(memory) == ['D.', 'E.']
    assert memory.current.number == 6
    assert done(memory.bounded(1, 0)) == ['E.']


def test_a_capacity_without_room_is_refused():
    with pytest.raises(ValueError, match='at least 1'):
        SubtaskMemory().bounded(0, 0)


def test_late_text_marks_the_serving_subtask_until_the_next_one():
    memory = told('A. B.').kept_late(2 * S)
    assert memory.current.late
    assert memory.window_text == 'A. B.'
    assert not memory.predicted('A. B.', 3 * S).current.late
    assert SubtaskMemory().kept_late(S).revision == 0


def test_an_operator_sets_what_is_being_done():
    memory = told('A.').with_current('fetch the cup', 5 * S)
    assert (memory.current.text, memory.current.source) == ('fetch the cup.', OPERATOR)
    assert done(memory) == ['A.']
    assert memory.completed[0].source == POLICY


def test_an_operator_confirms_the_present_subtask():
    memory = told('A.').with_current('A', 5 * S)
    assert (memory.current.number, memory.current.source) == (1, OPERATOR)
    assert memory.completed == ()


def test_an_operator_adds_what_was_done():
    memory = told('C.').with_completed('A. B.', 5 * S)
    assert done(memory) == ['A.', 'B.']
    assert {subtask.source for subtask in memory.completed} == {OPERATOR}
    assert memory.current.text == 'C.'
    numbers = [subtask.number for subtask in (*memory.completed, memory.current)]
    assert len(set(numbers)) == 3


@pytest.mark.parametrize('change', ['with_current', 'with_completed'])
@pytest.mark.parametrize('text', ['', ' . ', '\n'])
def test_an_operator_must_name_a_subtask(change, text):
    with pytest.raises(ValueError, match='names no subtask'):
        getattr(SubtaskMemory(), change)(text, S)


def test_rolling_back_reopens_the_subtask_before():
    memory = told('A.', 'B.', 'C. D.').rolled_back(1, 9 * S)
    assert done(memory) == ['A.']
    assert (memory.current.text, memory.current.ended_ns) == ('B.', 0)
    assert memory.upcoming == ()


def test_rolling_back_everything_leaves_nothing():
    memory = told('A.', 'B.').rolled_back(2, 9 * S)
    assert (memory.completed, memory.current) == ((), None)


@pytest.mark.parametrize('steps', [0, -1, 3])
def test_rolling_back_further_than_there_is_is_refused(steps):
    with pytest.raises(ValueError, match='cannot roll back'):
        told('A.', 'B.').rolled_back(steps, 9 * S)


def test_clearing_keeps_the_task():
    memory = told('A.', memory=SubtaskMemory(instruction='tidy')).cleared(2 * S)
    assert (memory.instruction, memory.completed, memory.current) == ('tidy', (), None)
    assert memory.predicted('B.', 3 * S).current.number == 2


def test_a_new_task_begins_empty_and_another_instruction_may_keep_the_memory():
    memory = told('A.', 'B.')
    assert memory.begun('x', 9 * S).window == ()
    assert memory.begun('x', 9 * S).predicted('C.', 10 * S).current.number == 1
    kept = memory.kept_for('y', 9 * S)
    assert (kept.instruction, done(kept), kept.current) == ('y', ['A.'], memory.current)


def test_the_text_for_a_prompt_is_what_was_done_and_is_being_done():
    memory = told('A.', 'B.', 'C. D.')
    assert memory.text() == 'A. B. C.'
    assert memory.text(since_ns=3 * S) == 'B. C.'
    assert memory.text(since_ns=4 * S) == 'C.'
    assert SubtaskMemory().text() == ''


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('Pick it', ('Pick it.',)),
        ('Pick it.  Place\n it! ', ('Pick it.', 'Place it!')),
        ('Press. Press. Lift.', ('Press.', 'Lift.')),
        ('拿杯子。放下。', ('拿杯子。', '放下。')),
        ('...', ()),
        ('', ()),
    ],
)
def test_a_window_is_split_into_sentences_as_in_the_training_data(text, expected):
    assert sentences(text) == expected


WORDS = st.sampled_from(['A', 'B', 'C', 'A. B', 'B. C.', 'C. A. B.', '', '...'])
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just('predicted'), WORDS),
        st.tuples(st.just('with_current'), st.sampled_from(['A', 'X.'])),
        st.tuples(st.just('with_completed'), st.sampled_from(['B', 'Y. Z'])),
        st.tuples(st.just('rolled_back'), st.integers(1, 3)),
        st.tuples(st.just('kept_late'), st.none()),
        st.tuples(st.just('cleared'), st.none()),
        st.tuples(st.just('begun'), st.just('task')),
        st.tuples(st.just('restored'), st.none()),
    ),
    max_size=25,
)


def apply(memory, operation, stamp_ns):
    name, argument = operation
    try:
        if argument is None:
            return getattr(memory, name)(stamp_ns)
        return getattr(memory, name)(argument, stamp_ns)
    except ValueError:  # more steps than there are
        return memory


@settings(max_examples=200, deadline=None)
@given(OPERATIONS, st.integers(1, 4), st.lists(st.integers(0, S), min_size=25, max_size=25))
def test_whatever_happens_the_memory_stays_well_formed(operations, capacity, gaps):
    memory, stamp_ns = SubtaskMemory(capacity=capacity), 1
    for operation, gap_ns in zip(operations, gaps, strict=False):
        stamp_ns += gap_ns
        before = memory
        memory = apply(before, operation, stamp_ns)
        assert memory.revision == before.revision + (memory is not before)
        assert (memory == before) == (memory is before)
        assert len(memory.completed) <= capacity
        for subtask in memory.completed:
            assert subtask.started_ns <= subtask.ended_ns
            assert subtask.ended_ns > 0
        for first, second in zip(memory.completed, memory.completed[1:], strict=False):
            assert first.text != second.text
        known = [*memory.completed, *([memory.current] if memory.current else [])]
        assert len({subtask.number for subtask in known}) == len(known)
        assert all(1 <= subtask.number < memory.next_number for subtask in known)
        assert memory.current is None or memory.current.ended_ns == 0
        assert memory.upcoming == () or memory.current is not None
        assert memory_from_json(memory_to_json(memory), source='x') == memory


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, max_size=12))
def test_predictions_never_forget_what_was_completed(windows):
    memory = SubtaskMemory(settle_ns=-1)
    for index, window in enumerate(windows):
        before, memory = memory, memory.predicted(window, index * S)
        assert memory.completed[: len(before.completed)] == before.completed or (
            done(memory)[: len(done(before))] == done(before)  # the last one may take longer
        )


def test_a_restored_memory_says_so():
    memory = told('A.', 'B.').restored(9 * S)
    assert [s.source for s in (*memory.completed, memory.current)] == [RESTORED, RESTORED]
    assert memory.window_text == 'B.'


def test_a_damaged_file_lists_everything():
    text = memory_to_json(told('A.', 'B.')).replace('"policy"', '"somebody"')
    with pytest.raises(ConfigurationError) as caught:
        memory_from_json(text.replace('"revision": 2', '"revision": "x"'), source='memory.json')
    message = str(caught.value)
    assert 'memory.json: 3 problems' in message
    assert 'memory.revision' in message
    assert "source 'somebody' is not one of" in message


@pytest.mark.parametrize('text', ['', '{', '[]', '{"version": 2}', '{"version": 1, "memory": 3}'])
def test_a_file_that_is_no_memory_is_refused(text):
    with pytest.raises(ConfigurationError):
        memory_from_json(text, source='memory.json')


def test_a_file_of_another_version_is_refused():
    text = memory_to_json(SubtaskMemory()).replace('"version": 1', '"version": 7')
    with pytest.raises(ConfigurationError, match='version: is 7, this program knows 1'):
        memory_from_json(text, source='memory.json')


def test_a_memory_cannot_be_written_to():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SubtaskMemory().revision = 3
