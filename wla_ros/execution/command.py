# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The command of all arms: follows a plan, goes home, comes to rest and holds.

Knows no chunks and no modes: what to do is decided elsewhere.
"""

from collections import deque
from collections.abc import Collection
from collections.abc import Mapping

import numpy as np

from wla_ros.base.curve import CurveSample
from wla_ros.base.joints import JointLayout
from wla_ros.base.joints import JointLimits
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.execution.config import DeviationConfig
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.emission_rates import EmissionRates
from wla_ros.execution.emission_rates import WorstRates
from wla_ros.execution.feedback import FeedbackMonitor
from wla_ros.execution.limiter import MotionLimiter
from wla_ros.execution.supervision import DeviationMonitor

# The commands of the last while, to compare the measured joints with what they were told.

# Feedback older than this is not trusted anyway, and no latency is longer: 1 s at 200 Hz.
_MOST = 200


class CommandHistory:
    """When each position was commanded; one thread."""

    def __init__(self) -> None:
        """Start empty."""
        self._times_ns: deque[int] = deque(maxlen=_MOST)
        self._positions: deque[FloatArray] = deque(maxlen=_MOST)

    def add(self, now_ns: int, position: FloatArray) -> None:
        """Remember that `position` [D] was commanded at `now_ns`; times rise."""
        self._times_ns.append(now_ns)
        self._positions.append(position)

    def clear(self) -> None:
        """Forget everything: the clock or the arms jumped."""
        self._times_ns.clear()
        self._positions.clear()

    def at(self, time_ns: FloatArray) -> FloatArray:
        """Return column c [D] as commanded at `time_ns[c]`, else the nearest; NaN if empty."""
        if not self._times_ns:
            return np.full(len(time_ns), np.nan)
        times_ns = np.array(self._times_ns, dtype=np.float64)
        positions = np.array(self._positions)
        return np.array(
            [np.interp(at, times_ns, positions[:, column]) for column, at in enumerate(time_ns)]
        )


# Where the arms are held while nothing else moves them, and when that place gives way to the
# measured joints.
#
# A held command is not taken over from the measured joints at every stop: gravity sags a held arm
# a little, and taking that over each time would let it sink. Only a deviation that is no sag moves
# it, once per hold, or as often as needed for an arm that is faulty or far away. The command goes
# there like any other motion, slowly: what is measured may be wrong, and the arm obeys. An arm
# that is released (disabled, moved by hand) obeys nothing: its command is where it is at once,
# because every place on the way would throw the arm when it obeys again. Where nobody knows where
# a released arm is it is sent nothing, which throws it nowhere: a Piper that is enabled holds its
# place until it is told another. (A released arm whose place is known is sent it, because one in
# standby obeys only from its next command on.) Grippers never follow: one that squeezes an object
# is open further than commanded, and would let go.


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
        self.rests_since(now_ns)

    def rests_since(self, now_ns: int) -> None:
        """Let the rest, if there is one, begin at `now_ns`."""
        self._rest_since_ns = now_ns

    def follow(
        self,
        deviation: DeviationMonitor,
        measured: FloatArray,
        now_ns: int,
        *,
        faulty: Collection[str],
        released: Collection[str],
        silent: Collection[str],
        steady: Collection[str],
    ) -> tuple[str, ...]:
        """
        Take over the trustworthy measured joints [D] of the arms that deviate by more than sag,
        and of those that were `silent`, sent nothing.

        `steady` are the arms whose last samples agree closely. Returns the arms of which the
        command has to be there at once.
        """
        if self.position is None:
            return ()
        at_once = []
        settled = now_ns - self._rest_since_ns >= self._settle_ns
        for arm in self._layout.arms:
            if arm not in steady:
                continue
            lasting_ns = deviation.beyond_sag_ns(arm)
            again = arm in faulty or arm not in self._taken_over or deviation.is_far(arm)
            if arm in silent or (arm in released and deviation.of(arm) > self._resume_rad):
                at_once.append(arm)
            elif not (lasting_ns and settled and lasting_ns >= self._settle_ns and again):
                continue
            joints = deviation.joints(arm)
            self.position = np.array(self.position)
            self.position[joints] = measured[joints]
            self._taken_over.add(arm)
        return tuple(at_once)


# What the grippers squeezed when they were commanded last.
#
# A driver keeps the last command. So an executor that falls silent and starts again finds a
# squeezing gripper squeezing, open further than commanded; commanding the measured width would let
# go. Not kept if the width has changed meanwhile: the object is gone, or somebody else commanded.

_SQUEEZED_M = 0.002  # an empty gripper comes closer to its command
_UNCHANGED_M = 0.002


class Grasps:
    """Command and measurement of the last command that left; columns [D] of all arms."""

    def __init__(self) -> None:
        """Start with nothing commanded."""
        self._commanded: FloatArray | None = None
        self._measured: FloatArray | None = None

    def note(self, commanded: FloatArray, measured: FloatArray) -> None:
        """Take note of a command, an array that does not change any more."""
        self._commanded, self._measured = commanded, measured.copy()

    def resume(self, start: FloatArray, gripper: int) -> None:
        """Put the commanded width of column `gripper` into the measured `start` if it squeezes."""
        if self._commanded is None or self._measured is None:
            return
        commanded = self._commanded[gripper]
        squeezes = start[gripper] - commanded >= _SQUEEZED_M
        if squeezes and abs(start[gripper] - self._measured[gripper]) <= _UNCHANGED_M:
            start[gripper] = commanded


_ARRIVED_RAD = 1e-6


class CommandedMotion:
    """The commanded state and how it moves; one thread calls all methods."""

    def __init__(
        self,
        config: ExecutorConfig,
        layout: JointLayout,
        limits: JointLimits,
        deviation: DeviationMonitor,
    ) -> None:
        """Start unseeded; `limits` are those of the configured shares."""
        self._config, self._layout, self._deviation = config, layout, deviation
        slow = np.full(layout.width, config.motion.homing_velocity_rad_s)
        slow[list(layout.gripper_indices)] = np.inf
        self.slow = np.minimum(limits.velocity, slow)  # speed of homing and of held arms
        self._latency_ns = config.latencies_s(layout) * NS_PER_S
        self._everywhere = np.ones(layout.width, dtype=np.bool_)
        self._nowhere = ~self._everywhere
        answer_ns = max(config.answer_ns(arm) for arm in layout.arms)
        self._held = HeldPosition(config.deviation, layout, answer_ns)
        self._history = CommandHistory()
        self._grasps = Grasps()
        self._rates = EmissionRates(layout.joint_indices)
        self.limiter = MotionLimiter(limits)
        self.seeded = False
        self.silent: frozenset[str] = frozenset()  # arms that are sent nothing
        self.mark()
        self.reseeded: tuple[str, ...] = ()  # arms set to where they are by the last hold

    # State

    @property
    def position(self) -> FloatArray:
        """What is commanded [D]."""
        return self.limiter.position

    @property
    def counts(self) -> Mapping[str, int]:
        """Counters of `ExecutorCounts`."""
        limiter = self.limiter
        return {
            'stops_forced': limiter.stops_forced,
            'planner_failures': limiter.planner_failures,
        }

    @property
    def state(self) -> CurveSample:
        """What is commanded, as a motion."""
        return CurveSample(self.limiter.state, self._nowhere)

    def seed(self, measured: FloatArray, *, released: Collection[str]) -> None:
        """
        Start at rest from the measured columns [D], grippers that still hold something excepted.

        `released` are the arms that obey nothing: what they were commanded before counts no more.
        """
        start = measured.copy()
        for arm in self._layout.arms:
            if arm not in released:
                self._grasps.resume(start, self._layout.arm_slice(arm).stop - 1)
        self.limiter.seed(start)
        self.seeded = True

    def mark(self) -> None:
        """Remember the present command as one that the drivers have."""
        self._left = self.limiter.fork(), self.seeded, self.silent

    def go_back(self) -> None:
        """Have the command marked last again: none left since. A start that did not is none."""
        limiter, seeded, self.silent = self._left
        self.limiter = limiter.fork()
        self.seeded = self.seeded and seeded
        self._rates.restart()

    def halt(self) -> None:
        """
        Start again from rest where the command is: it has not changed for long, and where the arms
        were measured before that is no place to go to.
        """
        self.limiter.halt()
        self._held.interrupt()
        self._rates.restart()

    def forget_times(self, now_ns: int) -> None:
        """Forget when what was commanded: the clock jumped to `now_ns`."""
        self._history.clear()
        self._held.rests_since(now_ns)
        self._rates.restart()

    def forget(self) -> None:
        """Have no command any more: nobody knows where the arms go until there is a new one."""
        self.seeded = False
        self.silent = frozenset()
        self._held.release()
        self._history.clear()
        self._rates.restart()

    @property
    def demands(self) -> bool:
        """Whether the command leads the arms; a held one at most goes to where they are."""
        return self._held.position is None

    def remember(self, now_ns: int, measured: FloatArray, *, anew: bool) -> None:
        """
        Take note that the present command is that of `now_ns`, of arms at `measured` [D].

        An arm may begin `anew` with it.
        """
        self._history.add(now_ns, self.limiter.position)
        self._grasps.note(self.limiter.position, measured)
        if anew:
            self._rates.restart()
        self._rates.add(now_ns, self.limiter.position)

    def worst_rates(self) -> WorstRates:
        """Return the largest rates of what was commanded, by the stamps."""
        return self._rates.worst()

    def tracking_error(self, measured: FloatArray, stamps_ns: Mapping[str, int]) -> FloatArray:
        """
        Return measured columns [D] less the command to be reached when they were measured.

        A joint arrives its action latency after the command; compared with the command in force it
        would lag by speed times latency. Zero for arms without a stamp.
        """
        error = np.zeros(self._layout.width)
        for arm, stamp_ns in stamps_ns.items():
            columns = self._layout.arm_slice(arm)
            commanded = self._history.at(stamp_ns - self._latency_ns)[columns]
            error[columns] = np.nan_to_num(measured[columns] - commanded)
        return error

    # Motion, one step each

    def track(self, plan: CurveSample, duration_s: float) -> bool:
        """Follow `plan`; return whether a limit changed the command."""
        self._held.release()
        self.limiter.step(plan, duration_s)
        error = np.abs(self.limiter.position - plan.position) * ~plan.outside
        return bool(error.max() > self._config.motion.limit_hit_rad)

    def go_home(self, duration_s: float) -> bool:
        """Move towards home; return whether the arms rest there. Grippers stay where they are."""
        home = self.limiter.position.copy()
        for arm in self._layout.arms:
            home[self._deviation.joints(arm)] = self._config.arm(arm).home_rad
        return self._arrive(self.resting_at(home), duration_s, self.slow)

    def arrive(self, place: FloatArray, duration_s: float) -> bool:
        """Move towards `place` [D]; return whether the arms rest as near as they may."""
        return self._arrive(self.resting_at(place), duration_s, None)

    def _arrive(self, place: CurveSample, duration_s: float, speed: FloatArray | None) -> bool:
        self._held.release()
        self.limiter.step(place, duration_s, speed)
        reachable = self.limiter.nearest(place.position)
        distance = np.abs(self.limiter.position - reachable).max()
        return self.limiter.at_rest and bool(distance <= _ARRIVED_RAD)

    def hold(
        self,
        now_ns: int,
        duration_s: float,
        feedback: FeedbackMonitor,
        *,
        trusted: bool,
    ) -> bool:
        """
        Come to rest within the limits, then stay; return whether the arms rest.

        While `feedback` is not to be trusted nothing moves towards what was measured, the arms
        stop if they were on their way there, and released ones are sent nothing any more.
        """
        limiter, held = self.limiter, self._held
        self.reseeded = ()
        unclear = self._unclear_arms(now_ns, feedback, trusted=trusted)
        # Not before it was sent that it rests: an arm that is sent nothing more is not on its way.
        moving = frozenset(arm for arm in unclear - self.silent if not self._rests(arm))
        self.silent |= unclear - moving
        if (moving or not trusted) and not self._stays:
            held.interrupt()
        if held.position is None:
            limiter.step(CurveSample(limiter.state, self._everywhere), duration_s)
            if not limiter.at_rest:
                return False
            limiter.halt()
            held.take(limiter.position, now_ns)
        if trusted:
            self._follow(now_ns, feedback)
        if held.position is not None and not self._stays:
            limiter.step(self.resting_at(held.position), duration_s, self.slow)
        return True

    @property
    def _stays(self) -> bool:
        """Whether the command rests at the held position."""
        position = self._held.position
        return self.limiter.at_rest and (
            position is not None and np.array_equal(position, self.limiter.position)
        )

    def _follow(self, now_ns: int, feedback: FeedbackMonitor) -> None:
        """Let the held position follow the measured joints, of released arms the command too."""
        measured, released = feedback.position, feedback.released_arms(now_ns)
        steady = self._steady_arms(now_ns, feedback)
        self.reseeded = self._held.follow(
            self._deviation,
            measured,
            now_ns,
            faulty=feedback.faulty_arms(now_ns),
            released=released,
            silent=self.silent,
            steady=steady,
        )
        self.silent = self.silent.difference(self.reseeded)
        for arm in self.reseeded:
            self.limiter.place(self._deviation.joints(arm), measured)

    def _rests(self, arm: str) -> bool:
        """Return whether the command of `arm` rests."""
        columns = self._layout.arm_slice(arm)
        return not any(np.any(values[columns]) for values in self.limiter.state[1:])

    def _steady_arms(self, now_ns: int, feedback: FeedbackMonitor) -> set[str]:
        """Return the arms whose place is known, those that obey nothing as well as at present."""
        obeying_nothing = feedback.released_arms(now_ns) | self.silent
        return feedback.steady - (obeying_nothing - feedback.recent_arms(now_ns))

    def _unclear_arms(
        self, now_ns: int, feedback: FeedbackMonitor, *, trusted: bool
    ) -> frozenset[str]:
        """Return the released arms that must be sent nothing: nobody knows where they are."""
        released = feedback.released_arms(now_ns)
        if not trusted:
            return frozenset(released)
        sag_rad = self._config.deviation.resume_reseed_rad
        recent = feedback.recent_arms(now_ns)
        return frozenset(
            arm
            for arm in released - self._steady_arms(now_ns, feedback)
            if self._deviation.of(arm) > sag_rad or arm not in recent
        )

    def resting_at(self, position: FloatArray) -> CurveSample:
        """Return rest at `position` [D] as a motion."""
        values = np.zeros((3, len(position)))
        values[0] = position
        return CurveSample(values, self._nowhere)
