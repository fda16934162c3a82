"""The clock of the policy's host: beyond the bound it is said and counted, once and each time."""

import pytest

pytest.importorskip('rclpy')

from wla_ros.base.timing import TwoWayTimes  # noqa: E402 - not without rclpy
from wla_ros.nodes.executor.status import ClockMonitor  # noqa: E402

MS = 1_000_000


def exchange(offset_ms: float, *, at_s: float = 100.0, way_ms: float = 1.0) -> TwoWayTimes:
    """Return an exchange with a policy whose clock is ahead; both ways take the same."""
    start, way, offset = round(at_s * 1e9), round(way_ms * MS), round(offset_ms * MS)
    return TwoWayTimes(
        plan_stamp_ns=start,
        plan_received_ns=start + way + offset,
        published_ns=start + way + offset + 50 * MS,
        received_ns=start + 2 * way + 50 * MS,
    )


def test_an_offset_beyond_the_bound_is_warned_of_once_and_counted_each_time() -> None:
    said: list[str] = []
    monitor = ClockMonitor(max_offset_s=0.01, warn=said.append)
    for _ in range(3):
        monitor.add(exchange(-40.0))
    assert monitor.exceeded == 3
    assert len(said) == 1
    assert '-0.040 s' in said[0]
    assert monitor.problem == said[0]
    assert monitor.estimate is not None
    assert monitor.estimate.offset_ns == -40 * MS


def test_clocks_that_agree_again_are_said_to_and_what_is_uncertain_is_no_problem() -> None:
    said: list[str] = []
    monitor = ClockMonitor(max_offset_s=0.01, warn=said.append)
    monitor.add(exchange(30.0, way_ms=25.0))  # it may as well be 5 ms
    assert not said
    monitor.add(exchange(30.0, way_ms=1.0))
    monitor.clear()
    monitor.add(exchange(0.2))
    assert [text.split(',')[0] for text in said][1:] == [
        'the clock of the policy host agrees again'
    ]
    assert monitor.exceeded == 1
    assert not monitor.problem


def test_without_a_plan_nothing_is_known() -> None:
    monitor = ClockMonitor(max_offset_s=0.01, warn=lambda _: None)
    monitor.add(
        TwoWayTimes(plan_stamp_ns=0, plan_received_ns=0, published_ns=10**12, received_ns=5)
    )
    assert monitor.estimate is None
    assert monitor.exceeded == 0
