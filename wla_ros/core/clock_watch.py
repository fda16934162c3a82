"""Notices that a clock went back: a simulation was restarted or a bag looped."""


class ClockWatch:
    """One thread, or the lock of the owner."""

    def __init__(self, tolerance_ns: int) -> None:
        """Tolerate steps back of at most `tolerance_ns`: threads read the clock out of order."""
        self._tolerance_ns = tolerance_ns
        self._newest_ns: int | None = None

    @property
    def newest_ns(self) -> int:
        """The latest time seen since the last jump, 0 before the first."""
        return self._newest_ns or 0

    def see(self, time_ns: int) -> int:
        """Take a time and return by how much the clock jumped back, 0 if it did not."""
        newest_ns = self._newest_ns
        if newest_ns is not None and newest_ns - time_ns > self._tolerance_ns:
            self._newest_ns = time_ns
            return newest_ns - time_ns
        self._newest_ns = time_ns if newest_ns is None else max(newest_ns, time_ns)
        return 0
