# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A share of the time and a burst."""

from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.time_credit import Allowance
from wla_ros.base.time_credit import TimeCredit

MS = 1_000_000
ALLOWANCE = Allowance(share=0.01, burst_ns=100 * MS, free_ns=2 * MS)


def test_small_work_costs_nothing_and_one_large_piece_is_within_the_burst() -> None:
    credit = TimeCredit(ALLOWANCE)
    for i in range(10_000):
        credit.spend(ALLOWANCE.free_ns - 1, i * MS)
        assert credit.wait_ns(i * MS) == 0
    credit.spend(99 * MS, 10_000 * MS)
    assert credit.wait_ns(10_000 * MS) == 0


def test_what_was_spent_beyond_the_burst_is_waited_for() -> None:
    credit = TimeCredit(ALLOWANCE)
    credit.spend(110 * MS, 0)
    assert credit.wait_ns(0) == 1000 * MS
    assert credit.wait_ns(600 * MS) == 400 * MS
    assert credit.wait_ns(1000 * MS) == 0


def test_nothing_waits_longer_than_a_burst_takes_to_earn() -> None:
    credit = TimeCredit(ALLOWANCE)
    credit.spend(60_000 * MS, 0)
    assert credit.wait_ns(0) == 10_000 * MS


@given(st.lists(st.tuples(st.integers(0, 80 * MS), st.integers(0, 500 * MS)), max_size=80))
def test_in_the_long_run_it_is_the_share(work: list[tuple[int, int]]) -> None:
    """Nobody takes more than burst, share and one piece of work that was begun within them."""
    credit, now_ns, taken_ns = TimeCredit(ALLOWANCE), 0, 0
    for cost_ns, pause_ns in work:
        now_ns += pause_ns
        if not credit.wait_ns(now_ns) and cost_ns >= ALLOWANCE.free_ns:
            now_ns += cost_ns
            taken_ns += cost_ns
            credit.spend(cost_ns, now_ns)
        most_ns = ALLOWANCE.burst_ns + ALLOWANCE.share * now_ns + 80 * MS
        assert taken_ns <= most_ns + 1
