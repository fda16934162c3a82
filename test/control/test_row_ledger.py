"""No row is lost, executed twice or executed out of time, whatever arrives when."""

from dataclasses import dataclass

import numpy as np
import pytest
from control.arms import DT_NS
from control.arms import MS
from control.arms import WIDTH
from control.arms import chunk
from control.arms import held_rows
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.control.chunk_schedule import ChunkSchedule
from wla_ros.control.chunk_schedule import RowOrigin
from wla_ros.control.chunk_schedule import schedule_of
from wla_ros.control.merge_strategy import MERGE_STRATEGIES
from wla_ros.control.merge_strategy import latest
from wla_ros.control.row_ledger import RowLedger


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


def test_a_row_due_exactly_now_is_not_late() -> None:
    ledger = RowLedger(latest)
    ledger.splice(incoming(1000, count=3, dt_ns=100), 1100)
    assert ledger.counts.late == 1
    assert ledger.counts.queued == 2


def test_a_row_is_executed_when_its_due_time_has_passed() -> None:
    ledger = RowLedger(latest)
    ledger.splice(incoming(1000, count=3, dt_ns=100), 1000)
    ledger.advance(1100)
    assert ledger.counts.executed == 1
    ledger.advance(1101)
    assert ledger.counts.executed == 2
    ledger.advance(1101)
    assert ledger.counts.executed == 2


def test_latest_supersedes_the_queued_rows_of_the_old_chunk() -> None:
    ledger = RowLedger(latest)
    ledger.splice(incoming(1000, count=5, dt_ns=100), 1000)
    merged = ledger.splice(incoming(1100, sequence=1, count=5, dt_ns=100), 1150)
    assert {origin.sequence for origin in merged.origins} == {1}
    assert ledger.counts.executed == 2
    assert ledger.counts.superseded == 3
    assert ledger.counts.late == 1


def test_latest_keeps_old_rows_until_the_first_new_row_is_due() -> None:
    ledger = RowLedger(latest)
    ledger.splice(incoming(1000 * MS, count=9, dt_ns=100 * MS), 1000 * MS)
    merged = ledger.splice(incoming(1450 * MS, sequence=1, count=3, dt_ns=100 * MS), 1250 * MS)
    assert merged.due_ns == tuple(ms * MS for ms in (1100, 1200, 1300, 1400, 1450, 1550, 1650))
    assert merged.support == 2
    assert ledger.counts.queued == 5
    assert ledger.counts.superseded == 4


def test_rows_of_two_chunks_keep_half_a_period_between_them() -> None:
    ledger = RowLedger(latest)
    ledger.splice(incoming(1000 * MS, count=9, dt_ns=100 * MS), 1000 * MS)
    merged = ledger.splice(incoming(1449 * MS, count=2, dt_ns=100 * MS), 1399 * MS)
    assert merged.due_ns == (1200 * MS, 1300 * MS, 1449 * MS, 1549 * MS)
    assert merged.support == 2
    merged = ledger.splice(incoming(1460 * MS, count=2, dt_ns=100 * MS), 1460 * MS)
    assert merged.due_ns == (1460 * MS, 1560 * MS)
    assert_adds_up(ledger)


def test_two_late_rows_of_the_new_chunk_shape_its_beginning() -> None:
    merged = latest(None, incoming(1000, count=6, dt_ns=100), 1350)
    assert merged.due_ns == (1200, 1300, 1400, 1500)
    assert merged.support == 2
    assert merged.origins[2] == RowOrigin(epoch=1, sequence=0, row=4)


def test_a_flush_counts_the_queued_rows_and_keeps_history_on_request() -> None:
    ledger = RowLedger(latest)
    ledger.splice(incoming(1000, count=6, dt_ns=100), 1000)
    assert ledger.flush(1250, keep_history=True) == 3
    assert ledger.schedule is not None
    assert ledger.schedule.due_ns == (1100, 1200)
    assert ledger.flush(1300) == 0
    assert ledger.schedule is None
    assert_adds_up(ledger)


def test_a_strategy_that_leaves_past_rows_queued_is_a_bug() -> None:
    def naive(current: ChunkSchedule | None, new: ChunkSchedule, now_ns: int) -> ChunkSchedule:
        return new

    ledger = RowLedger(naive)
    with pytest.raises(ValueError, match='support'):
        ledger.splice(incoming(1000, count=6, dt_ns=100), 1350)


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
@given(story=st.lists(events, max_size=30), name=st.sampled_from(sorted(MERGE_STRATEGIES)))
def test_every_row_ends_in_exactly_one_way(story: list[Event], name: str) -> None:
    ledger = RowLedger(MERGE_STRATEGIES[name])
    now_ns, sequence = 10**9, 0
    executed: list[tuple[RowOrigin, int]] = []
    for event in story:
        before_ns, now_ns = now_ns, now_ns + event.delay_ns
        if ledger.schedule is not None:
            executed += [
                (origin, due_ns)
                for origin, due_ns in zip(
                    ledger.schedule.origins, ledger.schedule.due_ns, strict=True
                )
                if before_ns <= due_ns < now_ns
            ]
        ledger.advance(now_ns)
        if event.kind == 'chunk':
            new = incoming(
                now_ns - event.age_ns, sequence=sequence, count=event.count, dt_ns=event.dt_ns
            )
            sequence += 1
            if new.last_due_ns >= now_ns:
                merged = ledger.splice(new, now_ns)
                assert merged.passed(now_ns) == merged.support
                assert merged.rows.shape == (len(merged.due_ns), WIDTH)
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
