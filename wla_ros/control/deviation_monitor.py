"""
Watches how far the measured joints are from the commanded ones. Commands nothing.

Grippers are exempt: one that squeezes an object stays open further than commanded, and must keep
squeezing.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.timing import NS_PER_S
from wla_ros.core.types import FloatArray

_WINDOW_NS = NS_PER_S


class DeviationMonitor:
    """Deviation per arm now, and the largest of the last second."""

    def __init__(self, layout: JointLayout) -> None:
        """Start with nothing seen."""
        self._layout = layout
        columns = np.arange(layout.width, dtype=np.intp)
        self._joints = {arm: columns[layout.arm_slice(arm)][:-1] for arm in layout.arms}
        self._all = np.array(layout.joint_indices)
        self._largest: deque[tuple[int, float]] = deque()  # (time, value), values falling
        self._now: dict[str, float] = {}
        self.present = 0.0  # largest deviation [rad] at the last update, 0 before it

    def joints(self, arm: str) -> NDArray[np.intp]:
        """Return the columns of the six joints of `arm`, without its gripper."""
        return self._joints[arm]

    def update(self, now_ns: int, commanded: FloatArray, measured: FloatArray) -> None:
        """Compare [D] with [D] at `now_ns`."""
        arms = self._layout.arms
        difference = np.abs(commanded - measured)[self._all].reshape(len(arms), -1)
        self._now = dict(zip(arms, difference.max(axis=1).tolist(), strict=True))
        value = self.present = max(self._now.values())
        while self._largest and self._largest[-1][1] <= value:
            self._largest.pop()
        self._largest.append((now_ns, value))
        self._expire(now_ns)

    def of(self, arm: str) -> float:
        """Return the largest deviation [rad] of `arm` at the last update, 0 before it."""
        return self._now.get(arm, 0.0)

    def worst_column(self, commanded: FloatArray, measured: FloatArray) -> tuple[str, float]:
        """Return the name and the deviation [rad] of the joint that deviates most."""
        difference = np.abs(commanded - measured)[self._all]
        i = int(np.argmax(difference))
        return self._layout.columns[self._all[i]], float(difference[i])

    def largest(self, now_ns: int) -> float:
        """Return the largest deviation of the last second [rad], 0 if there was none."""
        self._expire(now_ns)
        return self._largest[0][1] if self._largest else 0.0

    def reset(self) -> None:
        """Forget everything."""
        self._largest.clear()
        self._now = {}
        self.present = 0.0

    def _expire(self, now_ns: int) -> None:
        while self._largest and now_ns - self._largest[0][0] > _WINDOW_NS:
            self._largest.popleft()
