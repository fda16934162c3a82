"""
Notices an arm whose joints read the same to the last bit although its command has moved.

A driver that lost the bus may go on publishing the last joints under fresh stamps while the arm
still obeys. A resting arm reads the same for long (encoders resolve 0.001 degree), so sameness by
itself says nothing: it is held against the way of the command. From the first of a run of equal
samples on, every command of ours must show within the time an arm takes to answer; when one that
lies `moved_rad` off the command at that first sample has not shown after `after_ns`, the samples
are no measurement. The bound is one of time and way, so an arm that lags by less than `after_ns`
never meets it, however fast it is told to go: its samples change as soon as it moves at all.
"""

import numpy as np

from wla_ros.core.types import FloatArray

# 1000 steps of a Piper's encoders, and above what friction and backlash swallow.
MOVED_RAD = 0.02


class FrozenFeedback:
    """The running series of equal samples of one arm; grippers do not count, they squeeze."""

    def __init__(self, *, after_ns: int) -> None:
        """Call a series frozen `after_ns` after the command has moved away during it."""
        self._after_ns = after_ns
        self.forget()

    def forget(self) -> None:
        """Begin anew: the clock jumped."""
        self._first_ns = self._newest_ns = 0
        self._joints = b''
        self._start: FloatArray | None = None  # command [6] when the series began
        self._moved_ns: int | None = None  # when the command had left it
        self._way_rad = 0.0

    def observe(self, joints: FloatArray, stamp_ns: int) -> None:
        """Take the measured `joints` [6]."""
        same = joints.tobytes()
        if same != self._joints:
            self._joints, self._first_ns = same, stamp_ns
            self._start, self._moved_ns, self._way_rad = None, None, 0.0
        self._newest_ns = stamp_ns

    def command(self, joints: FloatArray, now_ns: int, *, demands: bool) -> None:
        """
        Take the command [6] of `now_ns`; it `demands` motion unless the arm may rest with it.

        A held command that moves towards the measured joints demands none.
        """
        if self._start is None or (self._moved_ns is None and not demands):
            self._start = joints
            return
        self._way_rad = max(self._way_rad, float(np.abs(joints - self._start).max()))
        if self._moved_ns is None and self._way_rad >= MOVED_RAD:
            self._moved_ns = now_ns

    @property
    def problem(self) -> str:
        """Why the joints are no measurement, empty if they may be one."""
        if self._moved_ns is None or self._newest_ns - self._moved_ns < self._after_ns:
            return ''
        return (
            f'bit-identical for {(self._newest_ns - self._first_ns) * 1e-9:.2f} s although the '
            f'command moved by {self._way_rad:.3f} rad; does the driver still hear the arm?'
        )
