# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The clock of the rig: never ahead of what was heard by more than the lead, never backwards."""

from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.sim.held_clock import Awaited
from wla_ros.sim.held_clock import HeldClock

STEP_NS = 5 * NS_PER_MS
LEAD_NS = 10 * NS_PER_MS
START_NS = 17 * NS_PER_S
PATIENCE_NS = 2 * NS_PER_S


def clock() -> HeldClock:
    return HeldClock(start_ns=START_NS, step_ns=STEP_NS, catch_up_ns=50 * NS_PER_MS)


def awaited() -> Awaited:
    return Awaited(lead_ns=LEAD_NS, patience_ns=PATIENCE_NS)


def test_on_a_quiet_machine_it_is_the_wall_clock() -> None:
    held = clock()
    held.steps(0, None)
    for tick in range(1, 1001):
        jitter_ns = (tick * 7919) % (3 * NS_PER_MS)
        held.steps(tick * STEP_NS + jitter_ns, held.now_ns + LEAD_NS)
    assert held.now_ns == START_NS + 1000 * STEP_NS
    assert held.slipped_ns == 0


def test_it_stands_while_nothing_comes_back_and_what_it_stood_has_slipped() -> None:
    held, commands = clock(), awaited()
    held.steps(0, None)
    commands.note('left', START_NS, 0, now_ns=held.now_ns)
    for tick in range(1, 201):
        held.steps(tick * STEP_NS, commands.until_ns(tick * STEP_NS))
    assert held.now_ns == START_NS + LEAD_NS
    commands.note('left', held.now_ns, 200 * STEP_NS, now_ns=held.now_ns)
    held.steps(200 * STEP_NS, commands.until_ns(200 * STEP_NS))
    # One second of the wall clock: 10 ms passed, 50 ms are made up for from now on.
    assert held.now_ns == START_NS + 2 * LEAD_NS
    assert held.slipped_ns == NS_PER_S - LEAD_NS - 50 * NS_PER_MS


def test_a_sender_that_has_ended_is_waited_for_once() -> None:
    held, commands = clock(), awaited()
    held.steps(0, None)
    commands.note('left', START_NS, 0, now_ns=held.now_ns)
    ticks = range(1, (PATIENCE_NS + NS_PER_S) // STEP_NS + 1)
    for tick in ticks:
        held.steps(tick * STEP_NS, commands.until_ns(tick * STEP_NS))
    passed_ns = held.now_ns - START_NS
    assert NS_PER_S <= passed_ns + STEP_NS <= NS_PER_S + 100 * NS_PER_MS


def test_one_stamp_of_the_future_frees_no_clock() -> None:
    held, commands = clock(), awaited()
    held.steps(0, None)
    commands.note('left', START_NS, 0, now_ns=held.now_ns)
    commands.note('left', START_NS + 3600 * NS_PER_S, 0, now_ns=held.now_ns)
    for tick in range(1, 201):
        held.steps(tick * STEP_NS, commands.until_ns(tick * STEP_NS))
    assert held.now_ns == START_NS + LEAD_NS


def test_commands_that_are_thinned_out_stop_it_once_at_most() -> None:
    held, commands = clock(), awaited()
    held.steps(0, None)
    ticks = (PATIENCE_NS + NS_PER_S) // STEP_NS
    for tick in range(1, ticks + 1):
        held.steps(tick * STEP_NS, commands.until_ns(tick * STEP_NS))
        if (held.now_ns - START_NS) % (8 * STEP_NS) == 0:  # 25 Hz
            commands.note('left', held.now_ns, tick * STEP_NS, now_ns=held.now_ns)
    # The spacing is known from the second command on.
    assert held.now_ns >= START_NS + NS_PER_S - STEP_NS


@given(
    st.lists(
        st.tuples(st.integers(0, 200 * NS_PER_MS), st.booleans(), st.booleans()), max_size=200
    )
)
def test_it_is_never_ahead_by_more_than_the_lead(events: list[tuple[int, bool, bool]]) -> None:
    held, commands = clock(), Awaited(lead_ns=LEAD_NS, patience_ns=10**15)
    wall_ns, newest = 0, {'left': START_NS, 'right': START_NS}
    for arm in newest:
        commands.note(arm, START_NS, 0, now_ns=held.now_ns)
    for pause_ns, left, right in events:
        wall_ns += pause_ns
        before_ns = held.now_ns
        steps = held.steps(wall_ns, commands.until_ns(wall_ns))
        assert held.now_ns == before_ns + steps * STEP_NS
        assert 0 <= steps <= 2
        assert held.now_ns <= min(newest.values()) + LEAD_NS
        assert held.now_ns - START_NS <= wall_ns
        for arm, answers in (('left', left), ('right', right)):
            if answers:
                newest[arm] = held.now_ns
                commands.note(arm, held.now_ns, wall_ns, now_ns=held.now_ns)
