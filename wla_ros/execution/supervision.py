# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The mode in force, and the deviation of measured from commanded joints."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wla_ros.base import reasons
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.execution.config import DeviationConfig

# Who commands the arms: the modes, the legal transitions between them and the latch of the
# emergency stop.
#
# Owns the mode, its revision and its reason. Conditions on the state of the robot are the
# executor's.

# ESTOP is left by `reset_emergency_stop` alone, never by asking for a mode.
TRANSITIONS: Mapping[Mode, frozenset[Mode]] = MappingProxyType(
    {
        Mode.HOLD: frozenset({Mode.AUTONOMY, Mode.HOMING, Mode.ESTOP}),
        Mode.AUTONOMY: frozenset({Mode.HOLD, Mode.ESTOP}),
        Mode.HOMING: frozenset({Mode.HOLD, Mode.ESTOP}),
        Mode.ESTOP: frozenset(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeEntry:
    """The mode in force and how it came about. Fields as in ControlMode.msg."""

    mode: Mode
    revision: int
    cause: str  # a name of `reasons`
    reason: str  # for people
    entered_ns: int


class ControlModes:
    """The mode in force."""

    def __init__(self) -> None:
        """Start in HOLD."""
        self.entry = ModeEntry(
            mode=Mode.HOLD,
            revision=0,
            cause=reasons.START_UP,
            reason='the executor has started',
            entered_ns=0,
        )

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        return self.entry.mode

    def judge(self, wanted: Mode) -> Refusal | None:
        """Return why `wanted` cannot follow the present mode; the present mode may."""
        mode = self.mode
        if wanted == mode or wanted in TRANSITIONS[mode]:
            return None
        detail = f'{wanted.name} cannot follow {mode.name}; '
        if mode == Mode.ESTOP:
            detail += 'reset the emergency stop first'
        else:
            detail += f'possible are {", ".join(sorted(m.name for m in TRANSITIONS[mode]))}'
        return Refusal(reason=reasons.TRANSITION_ILLEGAL, detail=detail)

    def enter(self, mode: Mode, now_ns: int, *, cause: str, reason: str) -> None:
        """Put `mode`, judged by the caller, into force; the present mode stays as it is."""
        if mode != self.mode:
            self.entry = ModeEntry(
                mode=mode,
                revision=self.entry.revision + 1,
                cause=cause,
                reason=reason,
                entered_ns=now_ns,
            )

    def reset_emergency_stop(self, now_ns: int, reason: str) -> Refusal | None:
        """Leave ESTOP for HOLD; refused in any other mode."""
        if self.mode != Mode.ESTOP:
            return Refusal(
                reason=reasons.NOT_LATCHED,
                detail=f'the mode is {self.mode.name}, there is no emergency stop to reset',
            )
        self.enter(Mode.HOLD, now_ns, cause=reasons.REQUESTED, reason=reason)
        return None


# Watches how far the measured joints are from the commanded ones. Commands nothing.
#
# A deviation counts by the stamps of the samples that show it: one sample, however often it is
# looked at, says nothing. Grippers are exempt: one that squeezes an object stays open further than
# commanded, and must keep squeezing.

_WINDOW_NS = NS_PER_S


class DeviationMonitor:
    """Deviation per arm now, since when it is large, and the largest of the last second."""

    def __init__(self, config: DeviationConfig, layout: JointLayout) -> None:
        """Start with nothing seen."""
        self._layout = layout
        self._bounds = (config.resume_reseed_rad, config.max_deviation_rad)
        columns = np.arange(layout.width, dtype=np.intp)
        self._joints = {arm: columns[layout.arm_slice(arm)][:-1] for arm in layout.arms}
        self._all = np.array(layout.joint_indices)
        self._largest: deque[tuple[int, float]] = deque()  # (time, value), values falling
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._largest.clear()
        self._now: dict[str, float] = {}
        # Stamp of the first of the samples in a row beyond each bound, by arm
        self._beyond: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._newest_ns: dict[str, int] = {}

    def joints(self, arm: str) -> NDArray[np.intp]:
        """Return the columns of the six joints of `arm`, without its gripper."""
        return self._joints[arm]

    def update(
        self,
        now_ns: int,
        commanded: FloatArray,
        measured: FloatArray,
        stamps_ns: Mapping[str, int],
    ) -> None:
        """Compare [D] with [D], measured at `stamps_ns` by arm, at `now_ns`."""
        arms = self._layout.arms
        difference = np.abs(commanded - measured)[self._all].reshape(len(arms), -1)
        self._now = dict(zip(arms, difference.max(axis=1).tolist(), strict=True))
        for arm, value in self._now.items():
            stamp_ns = self._newest_ns[arm] = stamps_ns[arm]
            for bound, since in zip(self._bounds, self._beyond, strict=True):
                if value > bound:
                    since.setdefault(arm, stamp_ns)
                else:
                    since.pop(arm, None)
        value = max(self._now.values())
        while self._largest and self._largest[-1][1] <= value:
            self._largest.pop()
        self._largest.append((now_ns, value))
        self._expire(now_ns)

    def of(self, arm: str) -> float:
        """Return the largest deviation [rad] of `arm` at the last update, 0 before it."""
        return self._now.get(arm, 0.0)

    def beyond_sag_ns(self, arm: str) -> int:
        """Return over what time all samples were further off than sag, 0 if there is one."""
        return self._lasting_ns(arm, self._beyond[0])

    def is_far(self, arm: str) -> bool:
        """Return whether several samples in a row lie beyond the bound that ends motion."""
        return self._lasting_ns(arm, self._beyond[1]) > 0

    @property
    def any_far(self) -> bool:
        """Whether any arm is far."""
        return any(self.is_far(arm) for arm in self._beyond[1])

    def worst_column(self, commanded: FloatArray, measured: FloatArray) -> tuple[str, float]:
        """Return the name and the deviation [rad] of the joint that deviates most."""
        difference = np.abs(commanded - measured)[self._all]
        i = int(np.argmax(difference))
        return self._layout.columns[self._all[i]], float(difference[i])

    def largest(self, now_ns: int) -> float:
        """Return the largest deviation of the last second [rad], 0 if there was none."""
        self._expire(now_ns)
        return self._largest[0][1] if self._largest else 0.0

    def _lasting_ns(self, arm: str, since: Mapping[str, int]) -> int:
        return self._newest_ns[arm] - since[arm] if arm in since else 0

    def _expire(self, now_ns: int) -> None:
        while self._largest and now_ns - self._largest[0][0] > _WINDOW_NS:
            self._largest.popleft()
