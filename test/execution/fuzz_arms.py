# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Two arms that lie, and their drivers: what the executor hears of them, and where they truly are.

Joints follow the last command after a dead time, at most at the speed of the firmware. A disabled
arm drops what it is sent, and holds its place when it is enabled until it is sent something. A
driver publishes at 200 Hz; for a while it may be wrong, frozen, silent, or have a double.
"""

from collections import deque
from dataclasses import dataclass
from dataclasses import field

import numpy as np
from execution.arms import MS
from execution.arms import REST

from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointSample
from wla_ros.robots.piper.arm_status import ArmHealth

ENCODER_RAD = 1.745e-5
# How a driver may lie; `none` most of the time.
LIES = ('none', 'spikes', 'jump', 'frozen', 'silence', 'double', 'stamps', 'garbage')
# Before an arm was heard for a while nothing is known that a steady lie would contradict.
_LIES_AT_START = ('none', 'spikes', 'double', 'garbage', 'silence', 'stamps')
_PERIOD_NS = 5 * MS
_NOTICED_NS = 110 * MS  # `feedback.max_age_s` by default, and two periods
_LOW = np.array([-2.5, 0.1, -2.8, -1.6, -1.1, -2.0])
_HIGH = np.array([2.5, 3.0, -0.1, 1.6, 1.1, 2.0])


@dataclass
class FuzzArm:
    """One arm and its driver."""

    name: str
    rng: np.random.Generator
    truth: FloatArray = field(default_factory=lambda: REST[:7].copy())
    lie: str = 'none'
    lie_until_ns: int = 0
    body: str = 'obeys'  # or 'stuck', 'pushed', 'disabled'
    body_until_ns: int = 0
    fault_until_ns: int = 0
    two_statuses: bool = False
    started: bool = False  # it was heard for a while: from now on it may lie in every way
    calm: bool = False  # much is left to the ticks and the policies

    def __post_init__(self) -> None:
        self._told: deque[tuple[int, FloatArray]] = deque()
        self._offset = np.zeros(7)
        self._frozen = self.truth.copy()
        self._now_ns = 0
        # Places that the driver repeated lately, and until when: it may freeze twice
        self._repeated: list[tuple[FloatArray, int]] = []
        self._drift = np.zeros(7)
        self._next_ns = 0
        self._dead_ns = int(self.rng.integers(0, 80)) * MS

    @property
    def _unrest(self) -> float:
        return 0.15 if self.calm else 0.6

    def command(self, now_ns: int, position: FloatArray) -> None:
        """Take the command [7] that left at `now_ns`."""
        self._told.append((now_ns + self._dead_ns, position))

    def change(self, now_ns: int) -> None:
        """Begin or end a lie, a push, a failure, at random."""
        rng = self.rng
        if now_ns >= self.lie_until_ns:
            kinds = LIES if self.started else _LIES_AT_START
            lie = str(rng.choice(kinds)) if rng.random() < self._unrest else 'none'
            self.tell(lie, now_ns + int(rng.choice([20, 90, 300, 900, 2500])) * MS)
        if now_ns >= self.body_until_ns:
            body = 'obeys'
            if self.started and rng.random() < self._unrest:
                body = str(rng.choice(['obeys', 'obeys', 'obeys', 'stuck', 'pushed', 'disabled']))
            self.become(body, now_ns + int(rng.integers(200, 1500)) * MS)
            self.two_statuses = bool(rng.random() < 0.2)
        if rng.random() < 0.02 * self._unrest:
            self.fault_until_ns = now_ns + int(rng.integers(5, 300)) * MS

    def tell(self, lie: str, until_ns: int) -> None:
        """Let the driver begin a lie."""
        rng = self.rng
        self.lie, self.lie_until_ns = lie, until_ns
        self._offset = np.zeros(7)
        joints = rng.integers(0, 2, 6) * rng.choice([-1, 1], 6)
        self._offset[:6] = joints * rng.choice([0.25, 0.6, 1.2, 1.9])
        if lie == 'frozen':
            self._frozen = self._reading()

    def become(self, body: str, until_ns: int, drift_rad_s: float = 0.3) -> None:
        """Let the arm obey, be stuck, pushed or disabled."""
        if self.body == 'disabled':
            self._goal = self.truth.copy()
        self.body, self.body_until_ns = body, until_ns
        self._drift = np.append(self.rng.normal(0.0, drift_rad_s, 6), 0.0)

    def heal(self) -> None:
        """Let arm and driver be as they should, until the next change."""
        self.lie, self.body, self.two_statuses = 'none', 'obeys', False
        self.lie_until_ns = self.body_until_ns = self.fault_until_ns = 0

    def move(self, elapsed_ns: int, now_ns: int) -> None:
        """Let `elapsed_ns` pass."""
        self._now_ns = now_ns
        seconds = elapsed_ns * 1e-9
        told = None
        while self._told and self._told[0][0] <= now_ns:
            told = self._told.popleft()[1]
        if told is not None and self.body != 'disabled':
            self._goal = told
        if self.body == 'obeys' and hasattr(self, '_goal'):
            most = 3.5 * seconds
            self.truth = self.truth + np.clip(self._goal - self.truth, -most, most)
        elif self.body in ('pushed', 'disabled'):
            self.truth = self.truth + self._drift * seconds
        self.truth[:6] = np.clip(self.truth[:6], _LOW, _HIGH)

    def statuses(self, ros_ns: int, now_ns: int) -> list[ArmHealth]:
        """Return what its driver, or two of them, say of its health."""
        faulty = now_ns < self.fault_until_ns
        said = [(faulty, self.body == 'disabled')]
        if self.two_statuses:
            said.append((False, self.body != 'disabled'))
        return [
            ArmHealth(
                arm=self.name,
                ok=not bad,
                reason='collision' if bad else '',
                receive_ns=ros_ns,
                released=released,
            )
            for bad, released in said
        ]

    def samples(self, ros_ns: int, now_ns: int) -> list[JointSample]:
        """Return what arrives by `now_ns`, which the ROS clock calls `ros_ns`."""
        if now_ns < self._next_ns:
            return []
        self._next_ns = max(self._next_ns + _PERIOD_NS, now_ns - 20 * MS)
        rng, true = self.rng, self._reading()
        stamp_ns = ros_ns - int(rng.integers(0, 2 * MS))
        item = self._sample(true, stamp_ns, ros_ns)
        match self.lie:
            case 'spikes' if rng.random() < 0.03:
                return [self._sample(true + self._offset, stamp_ns, ros_ns)]
            case 'jump':
                return [self._sample(true + self._offset, stamp_ns, ros_ns)]
            case 'frozen':
                self._repeated = [
                    (place, end_ns)
                    for place, end_ns in self._repeated
                    if place is not self._frozen and now_ns - end_ns <= _NOTICED_NS
                ]
                self._repeated.append((self._frozen, now_ns))
                return [self._sample(self._frozen, stamp_ns, ros_ns)]
            case 'silence':
                return []
            case 'double':
                other = self._sample(true + self._offset, stamp_ns + MS // 2, ros_ns)
                pairs: list[list[JointSample]] = [[item], [other], [item, other], [other, item]]
                return pairs[int(rng.integers(4))]
            case 'stamps':
                wrong = int(rng.choice([-5000, -200, 0, 45, 60, 5000])) * MS
                return [item, self._sample(true, max(stamp_ns + wrong, 1), ros_ns), item]
            case 'garbage' if rng.random() < 0.3:
                broken = true.copy()
                broken[rng.integers(7)] = rng.choice([np.nan, np.inf, 57.0, -4.0])
                return [item, self._sample(broken, stamp_ns + 1, ros_ns)]
        return [item]

    def away(self, joints: FloatArray) -> float:
        """
        Return how far `joints` [6] are from the arm [rad], or where it was when its driver began
        to repeat itself.

        That nobody can tell from an arm at rest, unless the arm is sent elsewhere; nor, for
        `_NOTICED_NS`, that nothing else is heard any more.
        """
        repeated = [
            place for place, end_ns in self._repeated if self._now_ns - end_ns <= _NOTICED_NS
        ]
        places = [self.truth, *repeated]
        return float(min(np.abs(joints - place[:6]).max() for place in places))

    def _reading(self) -> FloatArray:
        noise = self.rng.normal(0.0, 0.3 * ENCODER_RAD, 7)
        return np.round((self.truth + noise) / ENCODER_RAD) * ENCODER_RAD

    def _sample(self, position: FloatArray, stamp_ns: int, ros_ns: int) -> JointSample:
        return JointSample(
            arm=self.name,
            stamp_ns=stamp_ns,
            receive_ns=ros_ns,
            position=position.copy(),
            velocity=np.zeros(7),
            effort=np.full(7, 0.1),
        )
