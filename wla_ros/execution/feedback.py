# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Decides whether measured joints and arm status can be trusted right now.

Owns the newest feedback of every arm, its age and the hysteresis of its recovery. No single sample
decides anything: one that no arm can have moved to is refused, a second one soon after ends the
trust (two sources, or one that lies), and trust begins when nothing was amiss for `recovery_s`.
What was lost sight of must be found again where it was left or where it was sent: an arm that
reappears elsewhere is not followed, whatever its status says. Commands nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from dataclasses import replace

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.joints import JointLayout
from wla_ros.base.joints import JointLimits
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointSample
from wla_ros.base.types import Refusal
from wla_ros.execution.config import ExecutorConfig
from wla_ros.robots.decoding import DEFAULT_MAX_ANGLE_RAD
from wla_ros.robots.decoding import DEFAULT_MAX_GRIPPER_M
from wla_ros.robots.decoding import DEFAULT_MAX_SPEED_RAD_S
from wla_ros.robots.decoding import judge_joint_sample
from wla_ros.robots.joint_agreement import Continuity
from wla_ros.robots.joint_agreement import JointAgreement
from wla_ros.robots.piper.arm_status import ArmHealth

# Notices an arm whose joints read the same to the last bit although its command has moved.
#
# A driver that lost the bus may go on publishing the last joints under fresh stamps while the arm
# still obeys. A resting arm reads the same for long (encoders resolve 0.001 degree), so sameness
# by itself says nothing: it is held against the way of the command. From the first of a run of
# equal samples on, every command of ours must show within the time an arm takes to answer; when
# one that lies `MOVED_RAD` off the command at that first sample has not shown after `after_ns`,
# the samples are no measurement. The bound is one of time and way, so an arm that lags by less
# than `after_ns` never meets it, however fast it is told to go: its samples change as soon as it
# moves at all.

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


# A sudden change is taken over at its third sample, and is not trusted before `recovery_s`.
_AGREEING_SAMPLES = 3
# Two samples further apart than this [rad] do not say where an arm stands: 4 rad/s at 200 Hz.
_STEADY_RAD = 0.02
# So far off the way to its command may an arm go unseen [rad]: what speed allows in 10 ms.
_UNSEEN_RAD = 0.2
# Contradictions closer than this are no accident, also where recovery is set shorter.
_DISPUTE_NS = 200 * NS_PER_MS


@dataclass(slots=True, eq=False)
class _Doubt:
    """Why the joints of an arm are not trusted; an arm without one is."""

    reason: str
    detail: str  # begins with 'joint feedback of <arm>'
    believed: FloatArray | None = None  # [6] where the arm was seen last, None: nowhere
    lost: bool = False  # since then it was not seen all the way
    released: bool = False  # since then it has obeyed nothing for a while
    excused: bool = False  # time itself jumped: being elsewhere is no wonder


class FeedbackMonitor:
    """Newest feedback per arm; one thread calls all methods."""

    def __init__(
        self,
        config: ExecutorConfig,
        layout: JointLayout,
        limits: JointLimits,
        reporting: Collection[str] = (),
    ) -> None:
        """Start without any feedback; `reporting` are the arms whose driver has a status."""
        feedback = config.feedback
        tolerance = np.full(layout.width, feedback.plausible_rad)
        tolerance[list(layout.gripper_indices)] = feedback.plausible_m
        self._config, self._layout = feedback, layout
        self._reporting = tuple(reporting)
        self._lowest, self._highest = limits.lower - tolerance, limits.upper + tolerance
        self._near_rad = config.deviation.resume_reseed_rad
        self._max_age_ns = seconds_to_ns(feedback.max_age_s)
        self._recovery_ns = seconds_to_ns(feedback.recovery_s)
        self._dispute_ns = max(self._recovery_ns, _DISPUTE_NS)
        self._max_future_ns = seconds_to_ns(feedback.max_future_s)
        self._max_condition_age_ns = seconds_to_ns(feedback.max_condition_age_s)
        self._position = np.zeros(layout.width)
        self._commanded: FloatArray | None = None  # [D] at the last update
        self._columns = {arm: layout.arm_slice(arm) for arm in layout.arms}
        self._newest: dict[str, JointSample] = {}
        self._stamp_ns: dict[str, int] = {}
        self._steady: dict[str, int] = {}  # by arm: samples in a row that say the same
        self._contradicted_ns: dict[str, int] = {}  # reception of the last impossible sample
        self._fresh_since_ns: dict[str, int] = {}  # arms with nothing amiss, and since when
        self._doubts = {
            arm: _Doubt(reasons.FEEDBACK_STALE, f'no joint feedback of {arm}')
            for arm in layout.arms
        }
        self._agreements = {
            arm: JointAgreement(samples=_AGREEING_SAMPLES, max_speed_rad_s=DEFAULT_MAX_SPEED_RAD_S)
            for arm in layout.arms
        }
        self._frozen = {arm: FrozenFeedback(after_ns=config.answer_ns(arm)) for arm in layout.arms}
        self._conditions: dict[str, ArmHealth] = {}
        self._released_since_ns: dict[str, int] = {}  # arms whose statuses in a row say so

    @property
    def position(self) -> FloatArray:
        """Measured columns [D]; meaningless for an arm before its first sample."""
        return self._position

    @property
    def stamps_ns(self) -> dict[str, int]:
        """Stamp of the newest sample of every arm that has one."""
        return self._stamp_ns

    @property
    def steady(self) -> set[str]:
        """The arms whose last few samples say the same."""
        return {arm for arm, count in self._steady.items() if count >= _AGREEING_SAMPLES}

    def recent_arms(self, now_ns: int) -> set[str]:
        """Return the arms that were heard well before they count as silent: one may be falling."""
        bound_ns = self._max_age_ns // 2
        return {arm for arm, ns in self._stamp_ns.items() if now_ns - ns <= bound_ns}

    def reset(self, now_ns: int, *, excused: bool) -> None:
        """
        Forget all stamps: the clock jumped to `now_ns`.

        Arms that were trusted may be elsewhere if that is `excused`. Conditions stay, they carry
        no measured position; they age from now on.
        """
        for arm in self._layout.arms:
            trusted = arm not in self._doubts
            doubt = self._doubt(arm, reasons.FEEDBACK_STALE, 'waits since the clock jumped')
            doubt.excused = (doubt.excused or trusted) and excused
            doubt.lost = True
            self._agreements[arm].forget()
            self._frozen[arm].forget()
        self._newest.clear()
        self._stamp_ns.clear()
        self._contradicted_ns.clear()
        self._conditions = {
            arm: replace(condition, receive_ns=now_ns)
            for arm, condition in self._conditions.items()
        }
        self._released_since_ns = dict.fromkeys(self._released_since_ns, now_ns)

    def accept(self, sample: JointSample) -> Refusal | None:
        """Take over one sample, or say why it is not feedback of one of the arms."""
        if sample.arm not in self._layout.arms:
            return Refusal(
                reason=reasons.UNKNOWN_ARM,
                detail=f'feedback of arm {sample.arm!r}, the executor has {self._layout.arms!r}',
            )
        refusal = self._judge_stamp(sample) or judge_joint_sample(
            sample,
            max_angle_rad=DEFAULT_MAX_ANGLE_RAD,
            max_gripper_m=DEFAULT_MAX_GRIPPER_M,
            refuse_all_zero=self._config.refuse_all_zero,
        )
        if refusal is not None:
            return refusal
        columns = self._columns[sample.arm]
        low, high = self._lowest[columns], self._highest[columns]
        inside = (sample.position >= low) & (sample.position <= high)
        if not inside.all():
            i = int(np.argmin(inside))
            return Refusal(
                reason=reasons.BEYOND_LIMITS,
                detail=f'{self._layout.columns[columns][i]} reads {sample.position[i]:.4f}, '
                f'plausible are {low[i]:.4f} .. {high[i]:.4f}; check units, zero position and '
                'firmware zero convention',
            )
        return self._judge_way(sample)

    def accept_condition(self, condition: ArmHealth) -> Refusal | None:
        """Take over the newest status of an arm."""
        arm = condition.arm
        if arm not in self._layout.arms:
            return Refusal(
                reason=reasons.UNKNOWN_ARM,
                detail=f'status of arm {arm!r}, the executor has {self._layout.arms!r}',
            )
        self._conditions[arm] = condition
        if condition.released:
            self._released_since_ns.setdefault(arm, condition.receive_ns)
        else:
            self._released_since_ns.pop(arm, None)
        return None

    def update(
        self, now_ns: int, commanded: FloatArray | None, *, demands: bool, latched: bool
    ) -> None:
        """
        Judge the joints of every arm at `now_ns`; call once per tick.

        `commanded` [D] is the last command, None before the first; it `demands` that the arms
        move. While the emergency stop is `latched` nothing excuses an arm that is elsewhere.
        """
        self._commanded = commanded
        for arm in self.released_arms(now_ns) & self._doubts.keys():
            self._doubts[arm].released = True
        for arm, columns in self._columns.items():
            stamp_ns, frozen = self._stamp_ns.get(arm), self._frozen[arm]
            if stamp_ns is None:
                continue
            if now_ns - stamp_ns > self._max_age_ns:
                self._doubt(arm, reasons.FEEDBACK_STALE, self._aged(now_ns - stamp_ns))
                continue
            if commanded is not None:
                frozen.command(commanded[columns][:-1], now_ns, demands=demands)
                if frozen.problem:
                    self._doubt(arm, reasons.FEEDBACK_FROZEN, f'is {frozen.problem}')
                    continue
            since_ns = self._fresh_since_ns.setdefault(arm, now_ns)
            doubt = self._doubts.get(arm)
            if doubt is None or now_ns - since_ns < self._recovery_ns:
                continue
            missed_rad = self._missed_rad(arm, doubt)
            if missed_rad <= self._near_rad or (doubt.excused and not latched):
                del self._doubts[arm]
            else:
                doubt.reason = reasons.FEEDBACK_JUMPED
                doubt.detail = (
                    f'joint feedback of {arm} jumped: {missed_rad:.3f} rad from where the arm was'
                    f'{"" if doubt.released else " and from its command"}; not followed. If the '
                    'arm is there, configure the executor anew (deactivate, cleanup, configure, '
                    'activate); if not, mend encoder, zero or driver'
                )

    def problem(self, now_ns: int) -> Refusal | None:
        """Return why the joints were not to be trusted at the last update, or None."""
        found = [self._problem(arm, doubt, now_ns) for arm, doubt in self._doubts.items()]
        if not found:
            return None
        reason = next(iter(self._doubts.values())).reason
        return Refusal(reason=reason, detail='; '.join(found))

    def faulty_arms(self, now_ns: int) -> dict[str, str]:
        """Return the arms whose status forbids to move them, with the reason."""
        faults = {}
        for arm, condition in self._conditions.items():
            age_ns = now_ns - condition.receive_ns
            if not condition.ok:
                faults[arm] = condition.reason or 'the driver reports a fault'
            elif age_ns > self._max_condition_age_ns:
                faults[arm] = (
                    f'status is {age_ns / NS_PER_MS:.0f} ms old, '
                    f'bound {self._config.max_condition_age_s * 1e3:.0f} ms'
                )
        return faults

    def unmovable_arms(self, now_ns: int) -> dict[str, str]:
        """Return the arms that must not be moved, or would not, with the reason."""
        idle = sorted(self.released_arms(now_ns))
        return dict.fromkeys(idle, 'is disabled, or obeys somebody else') | self.faulty_arms(
            now_ns
        )

    def released_arms(self, now_ns: int) -> set[str]:
        """Return the arms that follow no command, as several statuses in a row say."""
        return {
            arm
            for arm, since_ns in self._released_since_ns.items()
            if self._conditions[arm].receive_ns - since_ns >= max(self._recovery_ns, 1)
            and now_ns - self._conditions[arm].receive_ns <= self._max_condition_age_ns
        }

    def missing_conditions(self) -> tuple[str, ...]:
        """Return the arms whose status is required and was never received."""
        if not self._config.require_condition:
            return ()
        return tuple(arm for arm in self._reporting if arm not in self._conditions)

    # Trust

    def _judge_way(self, sample: JointSample) -> Refusal | None:
        """Take over a sample that the arm can have moved to, or that enough others confirm."""
        arm, newest = sample.arm, self._newest.get(sample.arm)
        if newest is not None and sample.stamp_ns - newest.stamp_ns > self._max_age_ns:
            # Nobody saw the way: whatever comes is the first of a new series.
            age_ns = sample.stamp_ns - newest.stamp_ns
            self._doubt(arm, reasons.FEEDBACK_STALE, self._aged(age_ns)).lost = True
            newest = None
        objection = None if newest is None else self._judge_unseen(newest, sample)
        continuity = self._agreements[arm].judge(newest, sample, objection=objection)
        if isinstance(continuity, Refusal):
            last_ns = self._contradicted_ns.get(arm)
            self._contradicted_ns[arm] = sample.receive_ns
            if last_ns is not None and sample.receive_ns - last_ns < self._dispute_ns:
                self._doubt_way(arm, continuity)
            return continuity
        doubt = self._doubts.get(arm)
        if continuity is Continuity.CHANGED:
            self._fresh_since_ns.pop(arm, None)
            if doubt is not None:  # as the samples before, which it contradicts, have seen to
                doubt.lost = True
        joints = sample.position[:-1]
        if doubt is not None and doubt.believed is not None:
            doubt.lost = doubt.lost and self._far(joints, doubt.believed)
            if not doubt.lost:
                doubt.believed = joints.copy()
        step_rad = np.inf if newest is None else np.abs(joints - newest.position[:-1]).max()
        self._steady[arm] = self._steady.get(arm, 0) + 1 if step_rad <= _STEADY_RAD else 1
        self._position[self._columns[arm]] = sample.position
        self._newest[arm] = sample
        self._stamp_ns[arm] = sample.stamp_ns
        self._frozen[arm].observe(joints, sample.stamp_ns)
        return None

    def _judge_unseen(self, newest: JointSample, sample: JointSample) -> Refusal | None:
        """
        Return why the arm is not where it can have gone during a short silence, or None.

        Speed excuses more the longer nothing was heard, up to two radians; way does not. It leads
        from where the arm was to its command, if it obeys. What is refused for long is lost sight
        of.
        """
        places = [newest.position[:-1]]
        obeys = sample.arm not in self.released_arms(sample.receive_ns)
        if self._commanded is not None and obeys:
            places.append(self._commanded[self._columns[sample.arm]][:-1])
        joints, low, high = sample.position[:-1], np.min(places, axis=0), np.max(places, axis=0)
        astray_rad = float(np.maximum(low - joints, joints - high).max())
        if astray_rad <= _UNSEEN_RAD:
            return None
        return Refusal(
            reason=reasons.IMPLAUSIBLE,
            detail=f'{sample.arm} joints: {astray_rad:.3f} rad off the way to their command after '
            f'{(sample.stamp_ns - newest.stamp_ns) / NS_PER_MS:.0f} ms without a sample',
        )

    def _doubt_way(self, arm: str, refusal: Refusal) -> None:
        self._doubt(
            arm,
            reasons.FEEDBACK_CONTRADICTORY,
            f'contradicts itself ({refusal.detail}); does a second driver publish it?',
        )

    def _doubt(self, arm: str, reason: str, predicate: str) -> _Doubt:
        """End the trust in `arm`, or go on without; where the arm was believed to be stays."""
        self._fresh_since_ns.pop(arm, None)
        detail = f'joint feedback of {arm} {predicate}'
        doubt = self._doubts.get(arm)
        if doubt is None:
            believed = self._position[self._columns[arm]][:-1].copy()
            doubt = self._doubts[arm] = _Doubt(reason, detail, believed)
        doubt.reason, doubt.detail = reason, detail
        return doubt

    def _missed_rad(self, arm: str, doubt: _Doubt) -> float:
        """Return how far the arm is from where it was seen and from where it was sent [rad]."""
        if doubt.believed is None:
            return 0.0
        places = [doubt.believed]
        if self._commanded is not None and not doubt.released:
            places.append(self._commanded[self._columns[arm]][:-1])
        joints = self._position[self._columns[arm]][:-1]
        return float(min(np.abs(joints - place).max() for place in places))

    def _far(self, joints: FloatArray, place: FloatArray) -> bool:
        """Return whether nobody who looks away for a moment finds an arm so far off [6]."""
        return bool(np.abs(joints - place).max() > self._near_rad)

    def _problem(self, arm: str, doubt: _Doubt, now_ns: int) -> str:
        stamp_ns, since_ns = self._stamp_ns.get(arm), self._fresh_since_ns.get(arm)
        if stamp_ns is None or since_ns is None or now_ns - since_ns >= self._recovery_ns:
            return doubt.detail
        if doubt.reason == reasons.FEEDBACK_STALE:
            return f'joint feedback of {arm} is fresh for less than {self._config.recovery_s:g} s'
        return f'{doubt.detail} (less than {self._config.recovery_s:g} s ago)'

    def _aged(self, age_ns: int) -> str:
        bound_ms = self._config.max_age_s * 1e3
        return f'is {age_ns / NS_PER_MS:.0f} ms old, bound {bound_ms:.0f} ms'

    def _judge_stamp(self, sample: JointSample) -> Refusal | None:
        ahead_ns = sample.stamp_ns - sample.receive_ns
        if ahead_ns > self._max_future_ns:
            return Refusal(
                reason=reasons.FUTURE_STAMP,
                detail=f'feedback of {sample.arm} is stamped {ahead_ns / NS_PER_MS:.1f} ms '
                f'after its reception, bound {self._max_future_ns / NS_PER_MS:.1f} ms; '
                'are the clocks synchronised?',
            )
        newest_ns = self._stamp_ns.get(sample.arm)
        if sample.stamp_ns == newest_ns:
            return Refusal(
                reason=reasons.DUPLICATE_STAMP,
                detail=f'feedback of {sample.arm} has the stamp of the newest',
            )
        if newest_ns is not None and sample.stamp_ns < newest_ns:
            return Refusal(
                reason=reasons.OUT_OF_ORDER,
                detail=f'feedback of {sample.arm} is '
                f'{(newest_ns - sample.stamp_ns) / NS_PER_MS:.1f} ms older than the newest',
            )
        return None
