# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Sudden changes of one arm's joints, and how many samples must agree before one is believed.

One bad CAN frame is dropped so. A driver that starts with only some of its frames, or a simulation
that is reset, continues from its new state, never joined with the old one. The policy's
observations and the executor's feedback have this admission in common.
"""

import enum

from wla_ros.base.types import JointSample
from wla_ros.base.types import Refusal
from wla_ros.robots.decoding import judge_joint_step


class Continuity(enum.Enum):
    """How a believed sample follows on the one believed before."""

    CONTINUES = enum.auto()  # an arm can have moved so
    CHANGED = enum.auto()  # no arm can, but enough samples in a row say so


class JointAgreement:
    """Remembers the samples that contradict what is believed, as long as they agree."""

    def __init__(self, *, samples: int, max_speed_rad_s: float) -> None:
        """Believe a sudden change when `samples` in a row, each stamped later, agree on it."""
        self._needed = samples
        self._max_speed_rad_s = max_speed_rad_s
        self.forget()

    def forget(self) -> None:
        """Suspect nothing."""
        self._suspect: JointSample | None = None
        self._agreeing = 0

    def judge(self, believed: JointSample | None, sample: JointSample) -> Continuity | Refusal:
        """
        Return how `sample` follows on the newest `believed` one, or why it is not believed yet.

        Without anything believed the first sample is: who needs more waits for more.
        """
        refusal = None if believed is None else self._impossible(believed, sample)
        if refusal is None:
            self.forget()
            return Continuity.CONTINUES
        suspect = self._suspect
        if suspect is not None and sample.stamp_ns <= suspect.stamp_ns:
            return refusal  # the same message again, or an older one: no second opinion
        agrees = suspect is not None and self._impossible(suspect, sample) is None
        self._agreeing = self._agreeing + 1 if agrees else 1
        self._suspect = sample
        if self._agreeing < self._needed:
            return refusal
        self.forget()
        return Continuity.CHANGED

    def _impossible(self, earlier: JointSample, sample: JointSample) -> Refusal | None:
        return judge_joint_step(earlier, sample, max_speed_rad_s=self._max_speed_rad_s)
