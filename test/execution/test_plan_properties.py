# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What holds for every plan whatever arrives when, for every way to join chunks."""

from collections import Counter

import numpy as np
from execution.arms import JOINTS
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import REST
from execution.arms import START_NS
from execution.arms import WIDTH
from execution.examples import examples
from execution.plans import ALIGNED
from execution.plans import COMMITTED
from execution.plans import JOINS
from execution.plans import Journey
from execution.plans import PlanRun
from execution.plans import journeys
from execution.plans import latencies
from execution.plans import line_rows
from execution.splices import peaks_of_bridge
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from wla_ros.base.curve import CurveSample
from wla_ros.base.timing import row_due_ns
from wla_ros.execution.config import ArmExecution
from wla_ros.execution.schedule import RowCounts

VELOCITY = 0.15
# A gripper goes to a plan that is far off as fast as it may, not by a bridge.
BRIDGED = np.isin(np.arange(WIDTH), JOINTS)
Arms = dict[str, ArmExecution]
# Plans of one row to come to rest on: the fifth one ends 25 ms before where the gripper is then.
# That moves, because the fourth one sent it off from the command it had. Grippers in
# particular, and joints, are followed to the row by `test_sync_leads_a_column_to_its_row_...`.
SHORTER_THAN_A_LATENCY = [
    Journey(gap_ms=gap, delay_ms=delay, fate='arrives', rows=1, told=0, rolled=False, seed=seed)
    for gap, delay, seed in ((1, 0, 0), (1, 0, 0), (1, 0, 5), (199, 37, 0), (1, 63, 5))
]


def on_the_line(run: PlanRun) -> CurveSample:
    """Return the state of arms that follow the line of `line_rows`."""
    seconds = (run.now_ns + run.lead_ns - START_NS) * 1e-9 + run.offset_s
    values = np.zeros((3, WIDTH))
    values[0] = REST
    values[0, JOINTS] += VELOCITY * seconds[JOINTS]
    values[1, JOINTS] = VELOCITY
    return CurveSample(values, np.zeros(WIDTH, dtype=np.bool_))


def add_up(rows: RowCounts) -> bool:
    return (
        rows.received == rows.executed + rows.late + rows.superseded + rows.flushed + rows.queued
        and min(rows.executed, rows.late, rows.superseded, rows.flushed, rows.queued) >= 0
    )


@examples(250)
@given(story=journeys, name=st.sampled_from(ALIGNED), arms=latencies)
def test_a_plan_of_constant_velocity_never_steps(
    story: list[Journey], name: str, arms: Arms
) -> None:
    run = PlanRun(name, arms)
    for arrival_ns, item in run.deliver(story, line_rows):
        run.until(arrival_ns)
        run.command = on_the_line(run)
        run.offer(item)
        for report in run.plan.take_splices():
            assert report.position_step_rad < 1e-8
            assert report.velocity_step_rad_s < 1e-7
            assert report.acceleration_step_rad_s2 < 1e-5
            assert report.bridge_s == 0.0
            assert not report.steep
        if not run.plan.is_empty:
            executed, line = run.curve_at(0.0), on_the_line(run)
            inside = ~executed.outside
            assert np.abs((executed.values - line.values)[:, inside]).max(initial=0.0) < 1e-6


@examples(200)
@given(story=journeys, name=st.sampled_from(JOINS), arms=latencies)
def test_no_row_is_executed_twice_or_out_of_time_or_lost(
    story: list[Journey], name: str, arms: Arms
) -> None:
    run = PlanRun(name, arms)
    arrivals = run.deliver(story)
    chunks = {(item.epoch, item.sequence): item for _, item in arrivals}
    received = 0
    for arrival_ns, item in arrivals:
        run.until(arrival_ns)
        refusal = run.offer(item)
        received += 0 if refusal is not None else len(item.rows)
        assert add_up(run.plan.rows)
        assert run.plan.rows.received == received
    run.until(run.now_ns + 2000 * MS)
    rows = run.plan.rows
    assert add_up(rows)
    assert rows.queued == 0
    assert rows.executed == len(run.executed)
    assert run.beside < 1e-9  # it is motion that makes a row executed
    assert len({origin for origin, _ in run.executed}) == len(run.executed)
    due = [due_ns for _, due_ns in run.executed]
    assert due == sorted(due)
    if name != 'sync':
        for origin, due_ns in run.executed:
            item = chunks[origin.epoch, origin.sequence]
            assert due_ns == row_due_ns(item.stamp_ns, item.dt_ns, item.row_offset + origin.row)


@examples(200)
@given(
    story=journeys,
    name=st.sampled_from(COMMITTED),
    arms=latencies,
    ahead=st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3),
)
def test_committed_rows_are_executed_exactly(
    story: list[Journey], name: str, arms: Arms, ahead: list[float]
) -> None:
    """Rows and what lies between them, for every column at its own latency."""
    run = PlanRun(name, arms)
    for arrival_ns, item in run.deliver(story):
        run.until(arrival_ns)
        told, new_epoch = item.committed_prefix, item.epoch != run.plan._gate.newest[0]
        effective_ns = run.now_ns + run.lead_ns
        before = None if run.plan.is_empty else run.plan._curve
        # Up to the last committed row, that one included, or up to row 0 of a rolled chunk
        last = told - 1 if told else item.row_offset
        until_s = (row_due_ns(item.stamp_ns, item.dt_ns, last) - effective_ns) * 1e-9
        if run.offer(item) is not None or before is None or new_epoch:
            continue
        after = run.plan._curve
        assert after is not None
        for share in ahead:
            plan_s = share * until_s  # the same plan time for every column
            if plan_s < 0.0:
                continue
            instants = np.maximum(plan_s, run.offset_s)
            old, new = (curve.sample(effective_ns, instants) for curve in (before, after))
            told_of = (instants <= until_s if told else instants < until_s) & ~old.outside
            assert np.array_equal(old.values[:, told_of], new.values[:, told_of])


@examples(200)
@given(story=journeys, name=st.sampled_from(JOINS), arms=latencies)
@example(
    story=SHORTER_THAN_A_LATENCY,
    name='sync',
    arms={'left': ArmExecution(action_latency_s=0.05, gripper_latency_s=0.13)},
)
def test_what_is_executed_is_continuous_at_every_splice(
    story: list[Journey], name: str, arms: Arms
) -> None:
    """In position, velocity and acceleration, also where a splice falls into a bridge."""
    run = PlanRun(name, arms)
    share = run.config.bridge
    for arrival_ns, item in run.deliver(story):
        run.until(arrival_ns)
        before = None if run.plan.is_empty else run.plan._curve
        effective_ns = run.now_ns + run.lead_ns
        state = run.command if before is None else before.sample(effective_ns, run.offset_s)
        if run.offer(item) is not None:
            continue
        (report,) = run.plan.take_splices()
        assert report.bridged_position_step_rad < 1e-7
        assert report.bridged_velocity_step_rad_s < 1e-6
        assert report.bridged_acceleration_step_rad_s2 < 1e-4
        assert report.bridge_s <= max(share.max_s, report.bridge_s if name == 'sync' else 0.0)
        now = run.curve_at(0.0)
        both = BRIDGED & ~(state.outside | now.outside)
        step = np.abs(now.values - state.values)[:, both]
        assert (step.max(axis=1, initial=0.0) < [1e-7, 1e-6, 1e-4]).all()


@examples(200)
@given(story=journeys, name=st.sampled_from(JOINS), arms=latencies)
@example(  # the committed rows are all that is left of the old plan
    story=[
        Journey(gap_ms=1, delay_ms=0, fate='arrives', rows=8, told=0, rolled=False, seed=1),
        Journey(gap_ms=60, delay_ms=10, fate='arrives', rows=30, told=12, rolled=False, seed=2),
    ],
    name='prefix',
    arms={},
)
@example(  # and of that a single row, due the moment it is left
    story=[
        Journey(gap_ms=93, delay_ms=49, fate='arrives', rows=9, told=8, rolled=True, seed=1),
        Journey(gap_ms=189, delay_ms=53, fate='arrives', rows=1, told=4, rolled=True, seed=2),
        Journey(gap_ms=31, delay_ms=47, fate='arrives', rows=24, told=8, rolled=False, seed=3),
    ],
    name='prefix',
    arms={
        'left': ArmExecution(action_latency_s=0.03, gripper_latency_s=0.1),
        'right': ArmExecution(action_latency_s=0.06, gripper_latency_s=0.02),
    },
)
@example(  # row 0 is due two nanoseconds behind the last row of the old plan
    story=[
        Journey(gap_ms=1, delay_ms=0, fate='arrives', rows=7, told=11, rolled=True, seed=1),
        Journey(gap_ms=200, delay_ms=0, fate='arrives', rows=2, told=11, rolled=True, seed=2),
    ],
    name='crossfade',
    arms={},
)
def test_what_is_planned_is_continuous_where_columns_change_over_later(
    story: list[Journey], name: str, arms: Arms
) -> None:
    """In position and velocity; the acceleration steps at the rows of any plan."""
    run = PlanRun(name, arms)
    beside_s = 1e-7  # more than rows are rounded by; at 20 rad/s this moves 2e-6 rad
    for arrival_ns, item in run.deliver(story):
        run.until(arrival_ns)
        if run.offer(item) is not None:
            continue
        curve, effective_ns = run.plan._curve, run.now_ns + run.lead_ns
        assert curve is not None
        for piece in curve._pieces:
            start_s = piece.start_s + (piece.curve.origin_ns - effective_ns) * 1e-9
            ahead = start_s > run.offset_s + beside_s
            before = curve.sample(effective_ns, np.where(ahead, start_s, 1.0) - beside_s)
            after = curve.sample(effective_ns, np.where(ahead, start_s, 1.0) + beside_s)
            both = BRIDGED & ahead & ~(before.outside | after.outside)
            step = np.abs(after.values - before.values)[:2, both]
            assert (step.max(axis=1, initial=0.0) < [1e-5, 5e-3]).all()


def test_the_stories_splice_running_plans() -> None:
    """The properties above would hold for a plan that refuses everything."""
    totals: Counter[str] = Counter()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        name = JOINS[seed % len(JOINS)]
        run = PlanRun(name, {})
        story = [
            Journey(
                gap_ms=int(rng.integers(1, 200)),
                delay_ms=int(rng.integers(0, 400)),
                fate=str(rng.choice(['arrives', 'arrives', 'lost', 'doubled', 'epoch'])),
                rows=int(rng.integers(3, 40)),
                told=int(rng.integers(0, 16)),
                rolled=bool(rng.random() < 0.5),
                seed=int(rng.integers(2**31)),
            )
            for _ in range(7)
        ]
        for arrival_ns, item in run.deliver(story):
            run.until(arrival_ns)
            run.offer(item)
        for report in run.plan.take_splices():
            totals[f'{name} followed'] += report.followed
            totals['bridged'] += report.bridge_s > 0.0
            totals['kept'] += report.rows_kept > 0
            totals['late'] += report.rows_late > 0
            totals['short'] += report.short
        totals.update({reason: count for reason, count in run.plan.rejections})
        totals['missed'] += run.plan.chunk_counts.get('chunks_missed', 0)
    for what in (
        *(f'{name} followed' for name in JOINS),
        *('bridged', 'kept', 'late', 'short', 'missed'),
        *('sequence_duplicate', 'sequence_out_of_order', 'epoch_stale', 'all_rows_late'),
    ):
        assert totals[what], (what, totals)


@examples(50)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.01, 3.0))
def test_a_bridge_keeps_its_shares_or_says_so(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    peaks, first, fit, config = peaks_of_bridge(rng, scale)
    for order, (limit, part) in enumerate(
        (
            (LIMITS.velocity, config.velocity_share),
            (LIMITS.acceleration, config.acceleration_share),
        )
    ):
        bound = np.maximum(limit * part, first[order]) * 1.02
        assert (peaks[order] <= bound)[~fit.steep].all()
