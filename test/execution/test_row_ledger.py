# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""No row is lost, executed twice or executed out of time, whatever arrives when."""

from dataclasses import dataclass

import numpy as np
import pytest
from execution.arms import DT_NS
from execution.arms import MS
from execution.arms import WIDTH
from execution.arms import chunk
from execution.arms import held_rows
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.execution.schedule import ChunkSchedule
from wla_ros.execution.schedule import RowLedger
from wla_ros.execution.schedule import RowOrigin
from wla_ros.execution.schedule import schedule_of


def incoming(
    stamp_ns: int, *, sequence: int = 0, count: int = 8, dt_ns: int = DT_NS
) -> ChunkSchedule:
    item = chunk(held_rows(count=count), stamp_ns, sequence=sequence, dt_ns=dt_ns)
    return schedule_of(item, item.rows)


def assert_adds_up(ledger: RowLedger) -> None:
    counts = ledger.counts
    assert (
        counts.received
        == counts.executed + counts.late + counts.superseded + counts.flushed + counts.queued
    )
    assert min(counts.executed, counts.late, counts.superseded, counts.flushed, counts.queued) >= 0


def latest(ledger: RowLedger, new: ChunkSchedule, now_ns: int, *, new_epoch: bool = False) -> int:
    """Follow `new` from now on."""
    from_ns = max(now_ns, new.due_ns[0])
    return ledger.splice(new, from_ns, now_ns, received=len(new.due_ns), new_epoch=new_epoch)


def test_a_row_due_exactly_now_is_not_late() -> None:
    ledger = RowLedger()
    latest(ledger, incoming(1000, count=3, dt_ns=100), 1100)
    assert ledger.counts.late == 1
    assert ledger.counts.queued == 2


def test_a_row_is_executed_when_its_due_time_has_passed() -> None:
    ledger = RowLedger()
    latest(ledger, incoming(1000, count=3, dt_ns=100), 1000)
    ledger.advance(1100)
    assert ledger.counts.executed == 1
    ledger.advance(1101)
    assert ledger.counts.executed == 2
    ledger.advance(1101)
    assert ledger.counts.executed == 2


def test_old_rows_behind_the_takeover_are_superseded() -> None:
    ledger = RowLedger()
    latest(ledger, incoming(1000, count=5, dt_ns=100), 1000)
    assert latest(ledger, incoming(1100, sequence=1, count=5, dt_ns=100), 1150) == 0
    assert ledger.schedule is not None
    assert [origin.sequence for origin in ledger.schedule.origins] == [0, 0, 1, 1, 1, 1]
    assert ledger.schedule.support == 2
    assert ledger.counts.executed == 2
    assert ledger.counts.superseded == 3
    assert ledger.counts.late == 1


def test_old_rows_before_the_takeover_stay() -> None:
    ledger = RowLedger()
    latest(ledger, incoming(1000 * MS, count=9, dt_ns=100 * MS), 1000 * MS)
    new = incoming(1450 * MS, sequence=1, count=3, dt_ns=100 * MS)
    assert latest(ledger, new, 1250 * MS) == 2
    assert ledger.schedule is not None
    assert ledger.schedule.due_ns == tuple(
        ms * MS for ms in (1000, 1100, 1200, 1300, 1400, 1450, 1550, 1650)
    )
    assert ledger.schedule.support == 3
    assert ledger.counts.queued == 5
    assert ledger.counts.superseded == 4


def test_new_rows_before_the_takeover_are_superseded_by_the_old_ones() -> None:
    ledger = RowLedger()
    latest(ledger, incoming(1000, count=9, dt_ns=100), 1000)
    new = incoming(1100, sequence=1, count=9, dt_ns=100)
    ledger.splice(new, 1401, 1250, received=9)
    assert ledger.schedule is not None
    assert [origin.sequence for origin in ledger.schedule.origins] == [0] * 5 + [1] * 5
    counts = ledger.counts
    assert (counts.executed, counts.late, counts.queued) == (3, 2, 7)
    assert counts.superseded == 4 + 2  # old rows behind, new rows before
    assert_adds_up(ledger)


def test_rows_that_never_enter_the_schedule_are_superseded() -> None:
    ledger = RowLedger()
    ledger.splice(incoming(1000, count=3, dt_ns=100), 1000, 1000, received=8)
    assert ledger.counts.superseded == 5
    assert_adds_up(ledger)


def test_past_rows_are_kept_for_a_second() -> None:
    ledger = RowLedger()
    latest(ledger, incoming(0, count=30, dt_ns=100 * MS), 0)
    latest(ledger, incoming(2000 * MS, sequence=1, count=5, dt_ns=100 * MS), 2050 * MS)
    assert ledger.schedule is not None
    assert ledger.schedule.due_ns[0] == 1100 * MS
    assert ledger.schedule.support == 10


def test_a_flush_counts_the_queued_rows_and_keeps_history_on_request() -> None:
    ledger = RowLedger()
    latest(ledger, incoming(1000, count=6, dt_ns=100), 1000)
    assert ledger.flush(1250, keep_history=True) == 3
    assert ledger.schedule is not None
    assert ledger.schedule.due_ns == (1000, 1100, 1200)
    assert ledger.flush(1300) == 0
    assert ledger.schedule is None
    assert_adds_up(ledger)


def test_a_new_epoch_flushes_what_it_does_not_keep() -> None:
    ledger = RowLedger()
    latest(ledger, incoming(1000, count=6, dt_ns=100), 1000)
    latest(ledger, incoming(1250, sequence=1, count=6, dt_ns=100), 1150, new_epoch=True)
    counts = ledger.counts
    assert (counts.flushed, counts.superseded, counts.queued) == (3, 0, 7)
    assert_adds_up(ledger)


@pytest.mark.parametrize('from_ns', [1349, 1501])
def test_a_takeover_before_now_or_behind_the_last_row_is_a_bug(from_ns: int) -> None:
    ledger = RowLedger()
    with pytest.raises(ValueError, match='now is 1350'):
        ledger.splice(incoming(1000, count=6, dt_ns=100), from_ns, 1350, received=6)


@dataclass(frozen=True)
class Event:
    kind: str
    delay_ns: int
    age_ns: int
    count: int
    dt_ns: int


events = st.builds(
    Event,
    kind=st.sampled_from(['chunk', 'chunk', 'tick', 'tick', 'flush', 'keep']),
    delay_ns=st.integers(0, 120_000_000),
    age_ns=st.integers(-40_000_000, 250_000_000),
    count=st.integers(1, 20),
    dt_ns=st.sampled_from([10_000_000, 33_333_333, 50_000_000]),
)


@settings(max_examples=200, deadline=None)
@given(story=st.lists(events, max_size=30), ahead_ns=st.integers(0, 200_000_000))
def test_every_row_ends_in_exactly_one_way(story: list[Event], ahead_ns: int) -> None:
    ledger = RowLedger()
    now_ns, sequence = 10**9, 0
    executed: list[tuple[RowOrigin, int]] = []
    for event in story:
        before_ns, now_ns = now_ns, now_ns + event.delay_ns
        if ledger.schedule is not None:
            queued = slice(ledger.schedule.support, None)
            executed += [
                (origin, due_ns)
                for origin, due_ns in zip(
                    ledger.schedule.origins[queued], ledger.schedule.due_ns[queued], strict=True
                )
                if before_ns <= due_ns < now_ns
            ]
        ledger.advance(now_ns)
        if event.kind == 'chunk':
            new = incoming(
                now_ns - event.age_ns, sequence=sequence, count=event.count, dt_ns=event.dt_ns
            )
            sequence += 1
            from_ns = max(now_ns + ahead_ns * (sequence % 2), new.due_ns[0])
            if new.last_due_ns >= from_ns:
                ledger.splice(new, from_ns, now_ns, received=event.count)
                assert ledger.schedule is not None
                assert ledger.schedule.passed(now_ns) == ledger.schedule.support
                assert ledger.schedule.rows.shape == (len(ledger.schedule.due_ns), WIDTH)
        elif event.kind in ('flush', 'keep'):
            ledger.flush(now_ns, keep_history=event.kind == 'keep')
        assert_adds_up(ledger)
    assert len(executed) == ledger.counts.executed
    assert len({origin for origin, _ in executed}) == len(executed)
    due = [due_ns for _, due_ns in executed]
    assert due == sorted(due)


def test_a_schedule_without_order_is_refused() -> None:
    with pytest.raises(ValueError, match='rise'):
        ChunkSchedule(
            due_ns=(2, 1),
            rows=np.zeros((2, WIDTH)),
            origins=(RowOrigin(epoch=0, sequence=0, row=0),) * 2,
        )
    with pytest.raises(ValueError, match='at least one'):
        ChunkSchedule(due_ns=(), rows=np.zeros((0, WIDTH)), origins=())
