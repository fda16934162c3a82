# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Absolute deadlines, no bursts, no dead loop, by the time of the machine or a simulated one."""

import threading
import time

import pytest

pytest.importorskip('rclpy')

from rclpy.clock import ROSClock  # noqa: E402 - not without rclpy
from rclpy.time import Time  # noqa: E402

from wla_ros.base.timing import NS_PER_MS  # noqa: E402
from wla_ros.nodes.tick_loop import SimulatedTime  # noqa: E402
from wla_ros.nodes.tick_loop import TickLoop  # noqa: E402

PATIENCE_S = 20.0


def test_ticks_lie_on_one_grid_and_lateness_is_never_negative() -> None:
    period_ns = 5 * NS_PER_MS
    ticks: list[tuple[int, int]] = []
    enough = threading.Event()

    def tick(now_ns: int, lateness_ns: int) -> None:
        ticks.append((now_ns, lateness_ns))
        if len(ticks) == 20:
            enough.set()

    loop = TickLoop(period_ns=period_ns, tick=tick, on_error=lambda _: None)
    loop.start()
    assert enough.wait(PATIENCE_S)
    assert loop.stop(PATIENCE_S)
    deadlines = [now_ns - lateness_ns for now_ns, lateness_ns in ticks]
    assert {(deadline - deadlines[0]) % period_ns for deadline in deadlines} == {0}
    assert deadlines == sorted(set(deadlines))
    assert all(lateness_ns >= 0 for _, lateness_ns in ticks)


def test_a_tick_that_raises_is_reported_and_the_next_one_comes() -> None:
    errors: list[BaseException] = []
    again = threading.Event()

    def tick(now_ns: int, lateness_ns: int) -> None:
        del now_ns, lateness_ns
        if len(errors) >= 2:
            again.set()
        raise ValueError('broken')

    loop = TickLoop(period_ns=NS_PER_MS, tick=tick, on_error=errors.append)
    loop.start()
    assert again.wait(PATIENCE_S)
    assert loop.stop(PATIENCE_S)
    assert loop.errors == len(errors)


def test_a_loop_that_fails_at_every_second_tick_has_a_problem_until_it_recovers() -> None:
    turns = []
    enough = threading.Event()

    def tick(now_ns: int, lateness_ns: int) -> None:
        del now_ns, lateness_ns
        turns.append(loop.problem)
        if len(turns) == 20:
            enough.set()
        if len(turns) % 2:
            raise ValueError('broken')

    loop = TickLoop(period_ns=NS_PER_MS, tick=tick, on_error=lambda _: None)
    assert 'ended' in loop.problem
    loop.start()
    assert enough.wait(PATIENCE_S)
    assert loop.stop(PATIENCE_S)
    assert turns[0] == ''
    assert all('failed, the last with ValueError: broken' in told for told in turns[1:])


def test_what_is_done_about_an_error_may_fail_as_well() -> None:
    again = threading.Semaphore(0)

    def tick(now_ns: int, lateness_ns: int) -> None:
        del now_ns, lateness_ns
        again.release()
        raise ValueError('broken')

    def give_up(error: BaseException) -> None:
        raise error

    loop = TickLoop(period_ns=NS_PER_MS, tick=tick, on_error=give_up)
    loop.start()
    for _ in range(3):
        assert again.acquire(timeout=PATIENCE_S)
    assert loop.running
    assert loop.stop(PATIENCE_S)


def test_a_tick_that_does_not_return_is_a_problem() -> None:
    entered, let_go = threading.Event(), threading.Event()

    def tick(now_ns: int, lateness_ns: int) -> None:
        del now_ns, lateness_ns
        entered.set()
        let_go.wait(PATIENCE_S)

    loop = TickLoop(period_ns=NS_PER_MS, tick=tick, on_error=lambda _: None)
    loop.start()
    assert entered.wait(PATIENCE_S)
    deadline_s = time.monotonic() + PATIENCE_S
    while 'stands still' not in loop.problem and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert 'stands still' in loop.problem
    let_go.set()
    assert loop.stop(PATIENCE_S)


def test_a_pause_is_followed_by_no_burst_and_is_counted() -> None:
    period_ns = 2 * NS_PER_MS
    stamps: list[int] = []
    enough = threading.Event()
    blocker = threading.Event()

    def tick(now_ns: int, lateness_ns: int) -> None:
        stamps.append(now_ns - lateness_ns)
        if len(stamps) == 3:
            blocker.wait(0.05)  # a tick that takes 25 periods
        if len(stamps) == 8:
            enough.set()

    loop = TickLoop(period_ns=period_ns, tick=tick, on_error=lambda _: None)
    loop.start()
    assert enough.wait(PATIENCE_S)
    assert loop.stop(PATIENCE_S)
    assert loop.skipped >= 24
    assert stamps[3] - stamps[2] >= 25 * period_ns


def test_a_priority_that_is_not_granted_is_told_and_the_loop_runs() -> None:
    ticked = threading.Event()
    loop = TickLoop(
        period_ns=NS_PER_MS,
        tick=lambda *_: ticked.set(),
        on_error=lambda _: None,
        realtime_priority=10,
    )
    loop.start()
    assert ticked.wait(PATIENCE_S)
    assert loop.stop(PATIENCE_S)
    assert loop.priority_problem == '' or 'not granted' in loop.priority_problem


def test_with_a_simulated_clock_a_tick_belongs_to_a_time_that_was_told() -> None:
    """However long that takes: no tick comes before, none is late because the clock waited."""
    clock = ROSClock()
    clock._set_ros_time_is_active(True)  # as the time source of a node does
    period_ns = 5 * NS_PER_MS
    ticks: list[tuple[int, int]] = []
    came = threading.Condition()

    def tell(time_ns: int) -> None:
        clock.set_ros_time_override(Time(nanoseconds=time_ns, clock_type=clock.clock_type))

    def tick(now_ns: int, lateness_ns: int) -> None:
        with came:
            ticks.append((now_ns, lateness_ns))
            came.notify()

    def ticked(count: int) -> bool:
        with came:
            return came.wait_for(lambda: len(ticks) >= count, PATIENCE_S)

    tell(10 * period_ns)
    loop = TickLoop(
        period_ns=period_ns, tick=tick, on_error=lambda _: None, time=SimulatedTime(clock)
    )
    loop.start()
    time.sleep(0.15)  # longer than the loop waits at once, 30 periods of the wall clock
    assert ticks == []
    deadline_s = time.monotonic() + PATIENCE_S
    told_ns = 11 * period_ns
    tell(told_ns)
    assert ticked(1)
    for count in range(2, 6):
        told_ns += period_ns
        tell(told_ns)
        assert ticked(count)
    tell(told_ns + 3 * period_ns)
    assert ticked(6)
    tell(period_ns)  # set back, as by a rig that starts again
    time.sleep(0.15)
    tell(2 * period_ns)
    tell(3 * period_ns)
    assert ticked(7)
    assert loop.stop(PATIENCE_S)
    assert time.monotonic() < deadline_s
    assert ticks[6][0] in (2 * period_ns, 3 * period_ns)
    # The first deadline lies a period behind the start of the thread, which may be late.
    assert ticks[:5] == [((11 + i) * period_ns, 0) for i in range(5)]
    assert ticks[5] == (told_ns + 3 * period_ns, 2 * period_ns)
    assert loop.skipped in (2, 3)  # two by the leap, one more where both last times came at once


def test_a_clock_that_moves_on_during_a_tick_makes_the_next_one_due_and_skips_none() -> None:
    """A rig that waits for every command answers one before the tick that sent it returns."""
    clock = ROSClock()
    clock._set_ros_time_is_active(True)  # as the time source of a node does
    period_ns = 5 * NS_PER_MS
    ticks: list[int] = []
    enough = threading.Event()

    def tell(time_ns: int) -> None:
        clock.set_ros_time_override(Time(nanoseconds=time_ns, clock_type=clock.clock_type))

    def tick(now_ns: int, lateness_ns: int) -> None:
        del lateness_ns
        ticks.append(now_ns)
        if len(ticks) == 20:
            enough.set()
        else:
            tell(now_ns + period_ns)

    tell(period_ns)
    loop = TickLoop(
        period_ns=period_ns, tick=tick, on_error=lambda _: None, time=SimulatedTime(clock)
    )
    loop.start()
    tell(2 * period_ns)
    assert enough.wait(PATIENCE_S)
    assert loop.stop(PATIENCE_S)
    assert loop.skipped == 0
    assert ticks == [(2 + i) * period_ns for i in range(20)]
