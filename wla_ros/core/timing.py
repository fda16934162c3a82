"""
Time as integer nanoseconds: the one definition of conversions and of when a row is due.

Nothing here reads a clock. Stamps live in the ROS clock's domain unless a name says `monotonic`.
"""

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def seconds_to_ns(seconds: float) -> int:
    """Return `seconds` [s] as the nearest integer number of nanoseconds."""
    return round(seconds * NS_PER_S)


def ns_to_seconds(nanoseconds: int) -> float:
    """Return `nanoseconds` as seconds [s]."""
    return nanoseconds / NS_PER_S


def row_due_ns(stamp_ns: int, dt_ns: int, index: int) -> int:
    """Return when row `index` of a chunk anchored at `stamp_ns` is due: stamp + index * dt."""
    return stamp_ns + index * dt_ns


def period_ns(rate_hz: float) -> int:
    """
    Return the period of a rate [Hz], the one definition that publishers and consumers share.

    Raises ValueError unless 0 < rate_hz <= 1e6.
    """
    if not 0.0 < rate_hz <= 1e6:
        raise ValueError(f'rate_hz must lie in (0, 1e6] Hz, got {rate_hz!r}')
    return round(NS_PER_S / rate_hz)
