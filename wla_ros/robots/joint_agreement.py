# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Sudden changes of one arm's joints, and how many samples must agree before one is believed.

One bad CAN frame is dropped so. A driver that starts with only some of its frames, or a simulation
that is reset, continues from its new state, never joined with the old one. The policy's
observations and the executor's feedback have this admission in common.
"""

import enum

import numpy as np

from wla_ros.base import reasons
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

    def judge(
        self,
        believed: JointSample | None,
        sample: JointSample,
        *,
        objection: Refusal | None = None,
    ) -> Continuity | Refusal:
        """
        Return how `sample` follows on the newest `believed` one, or why it is not believed yet.

        No arm can move so, it goes on from what was not believed, or the caller's `objection`.

        Without anything believed the first sample is: who needs more waits for more.
        """
        refusal = None
        if believed is not None:
            refusal = (
                self._impossible(believed, sample) or objection or self._goes_on(believed, sample)
            )
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

    def _goes_on(self, believed: JointSample, sample: JointSample) -> Refusal | None:
        """
        Return why a possible sample is the next of those that were not, or None.

        A wrong series may come past the place that is believed, on its way.
        """
        suspect = self._suspect
        if suspect is None:
            return None
        step_rad, other_rad = (
            float(np.abs(sample.position - item.position)[:-1].max())
            for item in (suspect, believed)
        )
        if step_rad >= other_rad:
            return None
        return Refusal(
            reason=reasons.IMPLAUSIBLE,
            detail=f'{sample.arm} joints: {step_rad:.3f} rad from a sample that was not believed, '
            f'{other_rad:.3f} rad from the last one that was',
        )

    def _impossible(self, earlier: JointSample, sample: JointSample) -> Refusal | None:
        return judge_joint_step(earlier, sample, max_speed_rad_s=self._max_speed_rad_s)
