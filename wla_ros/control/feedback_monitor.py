"""
Decides whether measured joints and arm status can be trusted right now.

Owns the newest feedback of every arm, its age and the hysteresis of its recovery. Commands
nothing.
"""

import numpy as np

from wla_ros.control import reasons
from wla_ros.control.arm_condition import ArmCondition
from wla_ros.control.executor_config import FeedbackConfig
from wla_ros.core import refusal_reasons
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.joint_plausibility import DEFAULT_MAX_ANGLE_RAD
from wla_ros.core.joint_plausibility import DEFAULT_MAX_GRIPPER_M
from wla_ros.core.joint_plausibility import judge_joint_sample
from wla_ros.core.timing import NS_PER_MS
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import FloatArray
from wla_ros.core.types import JointSample
from wla_ros.core.types import Refusal


class FeedbackMonitor:
    """Newest feedback per arm; one thread calls all methods."""

    def __init__(self, config: FeedbackConfig, layout: JointLayout, limits: JointLimits) -> None:
        """Start without any feedback."""
        tolerance = np.full(layout.width, config.plausible_rad)
        tolerance[list(layout.gripper_indices)] = config.plausible_m
        self._config, self._layout = config, layout
        self._lowest, self._highest = limits.lower - tolerance, limits.upper + tolerance
        self._max_age_ns = seconds_to_ns(config.max_age_s)
        self._recovery_ns = seconds_to_ns(config.recovery_s)
        self._max_future_ns = seconds_to_ns(config.max_future_s)
        self._max_condition_age_ns = seconds_to_ns(config.max_condition_age_s)
        self._position = np.zeros(layout.width)
        self._columns = {arm: layout.arm_slice(arm) for arm in layout.arms}
        self._stamp_ns: dict[str, int] = {}
        self._fresh_since_ns: dict[str, int] = {}  # arms whose feedback is fresh, and since when
        self._conditions: dict[str, ArmCondition] = {}

    @property
    def position(self) -> FloatArray:
        """Measured columns [D]; meaningless for an arm before its first sample."""
        return self._position

    @property
    def stamps_ns(self) -> dict[str, int]:
        """Stamp of the newest sample of every arm that has one."""
        return self._stamp_ns

    def reset(self) -> None:
        """Forget all joints; conditions stay, they carry no measured position."""
        self._stamp_ns.clear()
        self._fresh_since_ns.clear()

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
        self._position[columns] = sample.position
        self._stamp_ns[sample.arm] = sample.stamp_ns
        return None

    def accept_condition(self, condition: ArmCondition) -> Refusal | None:
        """Take over the newest status of an arm."""
        if condition.arm not in self._layout.arms:
            return Refusal(
                reason=reasons.UNKNOWN_ARM,
                detail=f'status of arm {condition.arm!r}, the executor has {self._layout.arms!r}',
            )
        self._conditions[condition.arm] = condition
        return None

    def update(self, now_ns: int) -> None:
        """Judge the age of the joints of every arm at `now_ns`; call once per tick."""
        for arm in self._layout.arms:
            stamp_ns = self._stamp_ns.get(arm)
            if stamp_ns is None or now_ns - stamp_ns > self._max_age_ns:
                self._fresh_since_ns.pop(arm, None)
            else:
                self._fresh_since_ns.setdefault(arm, now_ns)

    def problem(self, now_ns: int) -> str:
        """Return why the joints were not to be trusted at the last update, or nothing."""
        found = []
        for arm in self._layout.arms:
            stamp_ns, since_ns = self._stamp_ns.get(arm), self._fresh_since_ns.get(arm)
            if stamp_ns is None:
                found.append(f'no joint feedback of {arm}')
            elif since_ns is None:
                age_ms = (now_ns - stamp_ns) / NS_PER_MS
                found.append(
                    f'joint feedback of {arm} is {age_ms:.0f} ms old, '
                    f'bound {self._config.max_age_s * 1e3:.0f} ms'
                )
            elif now_ns - since_ns < self._recovery_ns:
                found.append(
                    f'joint feedback of {arm} is fresh for less than {self._config.recovery_s:g} s'
                )
        return '; '.join(found)

    def faulty_arms(self, now_ns: int) -> dict[str, str]:
        """Return the arms that must not be moved, with the reason."""
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

    def missing_conditions(self) -> tuple[str, ...]:
        """Return the arms whose status is required and was never received."""
        if not self._config.require_condition:
            return ()
        return tuple(arm for arm in self._layout.arms if arm not in self._conditions)

    def _judge_stamp(self, sample: JointSample) -> Refusal | None:
        ahead_ns = sample.stamp_ns - sample.receive_ns
        if ahead_ns > self._max_future_ns:
            return Refusal(
                reason=refusal_reasons.FUTURE_STAMP,
                detail=f'feedback of {sample.arm} is stamped {ahead_ns / NS_PER_MS:.1f} ms '
                f'after its reception, bound {self._max_future_ns / NS_PER_MS:.1f} ms; '
                'are the clocks synchronised?',
            )
        newest_ns = self._stamp_ns.get(sample.arm)
        if sample.stamp_ns == newest_ns:
            return Refusal(
                reason=refusal_reasons.DUPLICATE_STAMP,
                detail=f'feedback of {sample.arm} has the stamp of the newest',
            )
        if newest_ns is not None and sample.stamp_ns < newest_ns:
            return Refusal(
                reason=refusal_reasons.OUT_OF_ORDER,
                detail=f'feedback of {sample.arm} is '
                f'{(newest_ns - sample.stamp_ns) / NS_PER_MS:.1f} ms older than the newest',
            )
        return None
