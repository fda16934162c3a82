"""
Where the arms are held while nothing else moves them, and when that place gives way to the
measured joints.

A held command is not taken over from the measured joints at every stop: gravity sags a held arm a
little, and taking that over each time would let it sink. Only a deviation that is no sag moves it,
once per hold. An arm that is faulty (disabled, dragged by hand) or far away was moved by something
else: its command is where it is at once and as often as needed, because every place on the way
would throw the arm when it obeys again. Grippers never follow: one that squeezes an object is open
further than commanded, and would let go.
"""

from collections.abc import Collection

import numpy as np

from wla_ros.control.deviation_monitor import DeviationMonitor
from wla_ros.control.executor_config import DeviationConfig
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import FloatArray


class HeldPosition:
    """The position to hold, once the arms have come to rest."""

    def __init__(self, config: DeviationConfig, layout: JointLayout) -> None:
        """Start with nothing to hold."""
        self._config, self._layout = config, layout
        self._settle_ns = seconds_to_ns(config.settle_s)
        self._rest_since_ns = 0
        self._taken_over: set[str] = (
            set()
        )  # arms whose measured joints were taken over in this hold
        self.position: FloatArray | None = None  # [D], None while the arms move

    def release(self) -> None:
        """Forget the position: the arms move."""
        self.position = None
        self._taken_over.clear()

    def take(self, position: FloatArray, now_ns: int) -> None:
        """Hold `position` [D]; the arms rest there since `now_ns`."""
        self.position = position
        self._rest_since_ns = now_ns

    def follow(
        self,
        deviation: DeviationMonitor,
        measured: FloatArray,
        now_ns: int,
        *,
        faulty: Collection[str],
    ) -> tuple[str, ...]:
        """
        Take over the trustworthy measured joints [D] of the arms that are too far away.

        Returns the arms that were moved by something else: their command has to be there at once.
        """
        if self.position is None:
            return ()
        moved = []
        settled = now_ns - self._rest_since_ns >= self._settle_ns
        for arm in self._layout.arms:
            distance = deviation.of(arm)
            far = distance > self._config.max_deviation_rad
            due = settled and (arm in faulty or arm not in self._taken_over)
            if far or (due and distance > self._config.resume_reseed_rad):
                joints = deviation.joints(arm)
                self.position = np.array(self.position)
                self.position[joints] = measured[joints]
                self._taken_over.add(arm)
                self._rest_since_ns = now_ns
                if far or arm in faulty:
                    moved.append(arm)
        return tuple(moved)
