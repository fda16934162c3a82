"""
The command of all arms: follows a plan, goes home, comes to rest and holds.

Owns the limiter, the held position and what was commanded lately. Knows no chunks and no modes:
what to do is decided elsewhere.
"""

from collections.abc import Mapping

import numpy as np

from wla_ros.control.command_history import CommandHistory
from wla_ros.control.curve_sample import CurveSample
from wla_ros.control.deviation_monitor import DeviationMonitor
from wla_ros.control.executor_config import ExecutorConfig
from wla_ros.control.feedback_monitor import FeedbackMonitor
from wla_ros.control.held_position import HeldPosition
from wla_ros.control.motion_limiter import MotionLimiter
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.timing import NS_PER_S
from wla_ros.core.types import FloatArray

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
        self.limiter = MotionLimiter(limits)
        self.seeded = False
        self.reseeded: tuple[str, ...] = ()  # released arms set to where they are by the last hold

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

    def seed(self, measured: FloatArray) -> None:
        """Start at rest from the measured columns [D]."""
        self.limiter.seed(measured.copy())
        self.seeded = True

    def forget_times(self) -> None:
        """Forget when what was commanded: the clock jumped."""
        self._history.clear()

    def forget(self) -> None:
        """Have no command any more: nobody knows where the arms go until there is a new one."""
        self.seeded = False
        self._held.release()
        self._history.clear()

    @property
    def demands(self) -> bool:
        """Whether the command leads the arms; a held one at most goes to where they are."""
        return self._held.position is None

    def remember(self, now_ns: int) -> None:
        """Take note that the present command is the one of `now_ns`."""
        self._history.add(now_ns, self.limiter.position)

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

    def home_target(self) -> CurveSample:
        """Return the home configuration, at rest; grippers stay where they are."""
        home = self.limiter.position.copy()
        for arm in self._layout.arms:
            home[self._deviation.joints(arm)] = self._config.arm(arm).home_rad
        return self.resting_at(home)

    def go_home(self, duration_s: float) -> bool:
        """Move towards home; return whether the arms rest there."""
        return self._arrive(self.home_target(), duration_s, self.slow)

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
        feedback: FeedbackMonitor | None,
    ) -> bool:
        """
        Come to rest within the limits, then stay; return whether the arms rest.

        `feedback` is None while it is not to be trusted: then nothing moves towards what was
        measured, and the arms stop if they were on their way there.
        """
        limiter, held = self.limiter, self._held
        self.reseeded = ()
        if feedback is None and not self._stays:
            held.interrupt()
        if held.position is None:
            limiter.step(CurveSample(limiter.state, self._everywhere), duration_s)
            if not limiter.at_rest:
                return False
            limiter.halt()
            held.take(limiter.position, now_ns)
        if feedback is not None:
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
        measured = feedback.position
        self.reseeded = self._held.follow(
            self._deviation,
            measured,
            now_ns,
            faulty=feedback.faulty_arms(now_ns),
            released=feedback.released_arms(now_ns),
            steady=feedback.steady,
        )
        for arm in self.reseeded:
            self.limiter.place(self._deviation.joints(arm), measured)

    def resting_at(self, position: FloatArray) -> CurveSample:
        """Return rest at `position` [D] as a motion."""
        values = np.zeros((3, len(position)))
        values[0] = position
        return CurveSample(values, self._nowhere)
