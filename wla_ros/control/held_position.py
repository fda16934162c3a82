"""
Where the arms are held while nothing else moves them, and when that place gives way to the
measured joints.

A held command is not taken over from the measured joints at every stop: gravity sags a held arm a
little, and taking that over each time would let it sink. Only a deviation that is no sag moves it,
once per hold, or as often as needed for an arm that is faulty or far away. The command goes there
like any other motion, slowly: what is measured may be wrong, and the arm obeys. An arm that is
released (disabled, moved by hand) obeys nothing: its command is where it is at once, because every
place on the way would throw the arm when it obeys again. Grippers never follow: one that squeezes
an object is open further than commanded, and would let go.
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

    def __init__(self, config: DeviationConfig, layout: JointLayout, answer_ns: int) -> None:
        """Start with nothing to hold; frozen feedback shows after `answer_ns` at the latest."""
        self._resume_rad, self._layout = config.resume_reseed_rad, layout
        self._settle_ns = seconds_to_ns(config.settle_s) + answer_ns
        self._rest_since_ns = 0
        self._taken_over: set[str] = (
            set()
        )  # arms whose measured joints were taken over in this hold
        self.position: FloatArray | None = None  # [D], None while the arms move

    def release(self) -> None:
        """Forget the position: the arms move."""
        self.position = None
        self._taken_over.clear()

    def interrupt(self) -> None:
        """Let the arms come to rest where they are; what was taken over in this hold stays so."""
        self.position = None

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
        released: Collection[str],
        steady: Collection[str],
    ) -> tuple[str, ...]:
        """
        Take over the trustworthy measured joints [D] of the arms that deviate by more than sag.

        `steady` are the arms whose last samples agree closely. Returns the arms of which the
        command has to be there at once.
        """
        if self.position is None:
            return ()
        at_once = []
        settled = now_ns - self._rest_since_ns >= self._settle_ns
        for arm in self._layout.arms:
            lasting_ns = deviation.beyond_sag_ns(arm)
            if not lasting_ns or arm not in steady:
                continue
            again = arm in faulty or arm not in self._taken_over or deviation.is_far(arm)
            if arm in released:
                at_once.append(arm)
            elif not (settled and lasting_ns >= self._settle_ns and again):
                continue
            joints = deviation.joints(arm)
            self.position = np.array(self.position)
            self.position[joints] = measured[joints]
            self._taken_over.add(arm)
        return tuple(at_once)
