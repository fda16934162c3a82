"""Absolute deadlines, no bursts, no dead loop."""

import threading

from wla_ros.core.timing import NS_PER_MS
from wla_ros.ros.tick_loop import TickLoop

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
