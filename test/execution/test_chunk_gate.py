# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Every way a chunk can be wrong has its name, and a sentence with the value."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from execution.arms import DT_NS
from execution.arms import LAYOUT
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import REST
from execution.arms import WIDTH
from execution.arms import chunk
from execution.arms import held_rows
from execution.arms import moving_rows
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base import reasons
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.execution.config import GateConfig
from wla_ros.execution.gate import ChunkGate

NOW_NS = 10**9
LEAD_NS = 0


def gate(**settings_: float) -> ChunkGate:
    return ChunkGate(GateConfig(**settings_), LAYOUT, LIMITS)  # type: ignore[arg-type]  # fields of several types


def good(stamp_ns: int = NOW_NS - 50 * MS, *, sequence: int = 0, epoch: int = 1) -> ActionChunk:
    return chunk(held_rows(), stamp_ns, sequence=sequence, epoch=epoch)


def judge(item: ActionChunk, the_gate: ChunkGate | None = None) -> Refusal | None:
    the_gate = the_gate or gate()
    return the_gate.judge_envelope(item, NOW_NS, LEAD_NS) or the_gate.judge_rows(
        item.rows, item.dt_ns
    )


def altered(row: int, column: int, value: float) -> FloatArray:
    rows = held_rows()
    rows[row, column] = value
    return rows


def test_a_good_chunk_passes() -> None:
    assert judge(good()) is None


@pytest.mark.parametrize(
    ('item', 'reason', 'words'),
    [
        (good(NOW_NS + 60 * MS), reasons.STAMP_IN_FUTURE, ['60.0 ms', '50.0 ms']),
        (good(NOW_NS - 31 * DT_NS - 1), reasons.ALL_ROWS_LATE, ['32 rows', '0.0 ms']),
        (good(NOW_NS - 2000 * MS), reasons.ALL_ROWS_LATE, ['2000.0 ms ago']),
        (
            replace(good(), columns=LAYOUT.columns[::-1]),
            reasons.COLUMNS_WRONG,
            ["'right/gripper'", "'left/joint1'"],
        ),
        (
            replace(good(), columns=LAYOUT.columns[:7]),
            reasons.COLUMNS_WRONG,
            ['7 columns', 'expected 14', "'right/joint1'"],
        ),
        (
            replace(good(), columns=(*LAYOUT.columns, 'x')),
            reasons.COLUMNS_WRONG,
            ['15 columns', "'x'"],
        ),
        (
            replace(good(), representation=Representation.END_EFFECTOR_POSE),
            reasons.COLUMNS_WRONG,
            ['expected 16'],
        ),
        (replace(good(), rows=held_rows()[:, :7]), reasons.ROWS_SHAPE_WRONG, ['(32, 7)']),
        (replace(good(), rows=REST), reasons.ROWS_SHAPE_WRONG, ['(14,)']),
        (replace(good(), rows=held_rows(count=0)), reasons.HORIZON_WRONG, ['0 rows']),
        (replace(good(), rows=held_rows(count=1001)), reasons.HORIZON_WRONG, ['1001 rows']),
        (replace(good(), dt_ns=0), reasons.ROW_PERIOD_WRONG, ['0 s']),
        (replace(good(), dt_ns=-DT_NS), reasons.ROW_PERIOD_WRONG, ['0.002']),
        (replace(good(), dt_ns=2 * 10**9), reasons.ROW_PERIOD_WRONG, ['2 s', '1 s']),
        (replace(good(), committed_prefix=33), reasons.PREFIX_WRONG, ['33', '32']),
        (replace(good(), row_offset=-1), reasons.OFFSET_WRONG, ['-1 periods']),
        (replace(good(), row_offset=61), reasons.OFFSET_WRONG, ['2.03 s', '0 .. 2 s']),
        (
            replace(good(), rows=held_rows(count=1000), dt_ns=10**9),
            reasons.PLAN_TOO_LONG,
            ['999.00 s', '5 s'],
        ),
        (
            replace(good(), rows=held_rows(count=100), row_offset=55),
            reasons.PLAN_TOO_LONG,
            ['5.13 s'],
        ),
        (
            replace(good(), rows=altered(3, 2, np.nan)),
            reasons.NOT_FINITE,
            ['left/joint3', 'row 3', 'nan'],
        ),
        (replace(good(), rows=altered(0, 13, np.inf)), reasons.NOT_FINITE, ['right/gripper']),
        (
            replace(good(), rows=altered(5, 7, 2.9)),
            reasons.POSITION_IMPLAUSIBLE,
            ['right/joint1', 'row 5', '2.9000'],
        ),
        (
            replace(good(), rows=altered(5, 6, 30.0)),
            reasons.POSITION_IMPLAUSIBLE,
            ['left/gripper', '30.0000', '0.0900'],
        ),
        (
            replace(good(), rows=altered(5, 3, 0.6)),
            reasons.VELOCITY_IMPLAUSIBLE,
            ['left/joint4', 'row 4', '15.00 rad/s', '9.00 rad/s'],
        ),
    ],
)
def test_each_fault_has_its_reason(item: ActionChunk, reason: str, words: list[str]) -> None:
    refusal = judge(item)
    assert refusal is not None
    assert refusal.reason == reason
    for word in words:
        assert word in refusal.detail


def test_the_longest_plan_is_a_parameter() -> None:
    """A policy that died once left a plan of 16 minutes."""
    item = replace(good(), rows=held_rows(count=151))
    assert judge(item) is None  # 5.0 s
    refusal = judge(item, gate(max_plan_s=4.9))
    assert refusal is not None
    assert refusal.reason == reasons.PLAN_TOO_LONG
    assert judge(replace(item, rows=held_rows(count=302)), gate(max_plan_s=10.1)) is None
    item = replace(good(), row_offset=30)
    assert judge(item) is None
    assert judge(item, gate(max_offset_s=0.9)) is not None


def test_rows_slightly_outside_the_limits_pass_and_are_limited_later() -> None:
    assert (
        judge(replace(good(), rows=held_rows(np.where(np.arange(WIDTH) == 1, -0.1, REST)))) is None
    )


def test_a_gripper_may_jump() -> None:
    assert judge(replace(good(), rows=altered(5, 6, 0.07))) is None


def test_order_within_an_epoch() -> None:
    the_gate = gate()
    the_gate.accepted(good(sequence=5, epoch=2))
    expected: dict[tuple[int, int], str | None] = {
        (2, 5): reasons.SEQUENCE_DUPLICATE,
        (2, 4): reasons.SEQUENCE_OUT_OF_ORDER,
        (1, 99): reasons.EPOCH_STALE,
        (2, 6): None,
        (2, 60): None,
        (3, 0): None,
    }
    for (epoch, sequence), reason in expected.items():
        refusal = judge(good(sequence=sequence, epoch=epoch), the_gate)
        assert (refusal.reason if refusal else None) == reason


def test_chunks_that_never_came_are_counted_whatever_an_overtaken_one_says() -> None:
    the_gate = gate()
    story = [(2, 5), (2, 8), (2, 7), (1, 99), (2, 9), (2, 11), (3, 4)]
    assert [the_gate.note_sequence(good(epoch=e, sequence=s)) for e, s in story] == [
        0,
        2,
        0,
        0,
        0,
        1,
        0,
    ]


def test_after_forgetting_an_older_epoch_is_welcome() -> None:
    the_gate = gate()
    the_gate.accepted(good(sequence=5, epoch=7))
    the_gate.forget()
    assert judge(good(epoch=1), the_gate) is None


def test_a_chunk_anchored_before_the_door_opened_is_stale() -> None:
    the_gate = gate()
    the_gate.reject_before(NOW_NS - 40 * MS)
    refusal = judge(good(NOW_NS - 50 * MS), the_gate)
    assert refusal is not None
    assert refusal.reason == reasons.ANCHOR_STALE
    assert '10.0 ms before' in refusal.detail
    assert judge(good(NOW_NS - 40 * MS), the_gate) is None


def test_lead_counts_as_time_passed() -> None:
    last_ns = NOW_NS - 31 * DT_NS
    assert gate().judge_envelope(good(last_ns), NOW_NS, 0) is None
    refusal = gate().judge_envelope(good(last_ns), NOW_NS, 1)
    assert refusal is not None
    assert refusal.reason == reasons.ALL_ROWS_LATE


def test_the_start_may_not_be_far_from_the_command() -> None:
    the_gate = gate(max_start_deviation_rad=0.2)
    assert the_gate.judge_start(REST + 0.19, REST) is None
    far = np.array(REST)
    far[10] += 0.21
    refusal = the_gate.judge_start(far, REST)
    assert refusal is not None
    assert refusal.reason == reasons.START_DEVIATION
    assert 'right/joint4' in refusal.detail
    gripper = np.array(REST)
    gripper[6] += 1.0
    assert the_gate.judge_start(gripper, REST) is None
    assert the_gate.judge_start(np.full(WIDTH, np.nan), REST) is not None


def test_fast_but_possible_rows_pass() -> None:
    rows = moving_rows(0.5, 0)
    assert judge(replace(good(), rows=rows)) is None


corruptions: list[Callable[[FloatArray, int, int], None]] = [
    lambda rows, i, j: rows.__setitem__((i, j), np.nan),
    lambda rows, i, j: rows.__setitem__((i, j), np.inf),
    lambda rows, i, j: rows.__setitem__((i, j), -1e9),
]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 31), st.integers(0, WIDTH - 1), st.sampled_from(corruptions))
def test_no_broken_number_passes(
    row: int, column: int, corrupt: Callable[[FloatArray, int, int], None]
) -> None:
    rows = held_rows()
    corrupt(rows, row, column)
    assert judge(replace(good(), rows=rows)) is not None
