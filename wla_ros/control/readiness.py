"""
Whether the arms may start to move, or go on moving: the conditions besides the mode itself.

Commands nothing and changes nothing.
"""

from collections.abc import Mapping

from wla_ros.control import reasons
from wla_ros.control.deviation_monitor import DeviationMonitor
from wla_ros.control.executor_config import ExecutorConfig
from wla_ros.control.feedback_monitor import FeedbackMonitor
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Mode
from wla_ros.core.types import Refusal


class Readiness:
    """Judges feedback, status and deviation of all arms."""

    def __init__(
        self,
        config: ExecutorConfig,
        layout: JointLayout,
        feedback: FeedbackMonitor,
        deviation: DeviationMonitor,
    ) -> None:
        """Judge what the two monitors know."""
        self._config, self._layout = config, layout
        self._feedback, self._deviation = feedback, deviation

    def judge_start(
        self,
        mode: Mode,
        now_ns: int,
        commanded: FloatArray,
        *,
        seeded: bool,
        untrusted: Refusal | None,
    ) -> Refusal | None:
        """
        Return why the arms must not start to move in `mode`, or None.

        `commanded` [D] counts once `seeded`; `untrusted` says why the feedback is not trusted.
        """
        if not seeded:
            return Refusal(
                reason=reasons.WAITING_FOR_FEEDBACK,
                detail='no tick with trustworthy feedback yet'
                if untrusted is None
                else untrusted.detail,
            )
        if untrusted is not None:
            return untrusted
        missing = self._feedback.missing_conditions()
        if missing:
            return Refusal(
                reason=reasons.ARM_CONDITION_MISSING,
                detail=f'no status of {", ".join(missing)} was received: is the driver running, '
                'are its messages sourced? (execution.feedback.require_condition)',
            )
        faults = self._feedback.faulty_arms(now_ns)
        if faults:
            return Refusal(reason=reasons.ARM_FAULT, detail=listed(faults))
        refusal = self.judge_deviation(commanded)
        if refusal is not None:
            return refusal
        homeless = [arm for arm in self._layout.arms if not self._config.arm(arm).home_rad]
        if mode == Mode.HOMING and homeless:
            return Refusal(
                reason=reasons.NO_HOME,
                detail=f'no home_rad is configured for {", ".join(homeless)}',
            )
        return None

    def judge_deviation(self, commanded: FloatArray) -> Refusal | None:
        """Return which joint is too far from its command [D], or None."""
        column, deviation = self._deviation.worst_column(commanded, self._feedback.position)
        bound = self._config.deviation.max_deviation_rad
        if deviation <= bound:
            return None
        return Refusal(
            reason=reasons.DEVIATION,
            detail=f'{column} is {deviation:.3f} rad from its command, bound {bound:.3f} rad',
        )


def judge_openness(mode: Mode, *, seeded: bool, untrusted: Refusal | None) -> Refusal | None:
    """Return why no chunk is wanted at all in `mode`, or None."""
    if mode != Mode.AUTONOMY:
        return Refusal(
            reason=reasons.WRONG_MODE,
            detail=f'chunks are executed in AUTONOMY, not in {mode.name}',
        )
    if seeded and untrusted is None:
        return None
    return Refusal(
        reason=reasons.NOT_READY,
        detail='no feedback yet' if untrusted is None else untrusted.detail,
    )


def listed(faults: Mapping[str, str]) -> str:
    """Return the faults of all arms as one sentence."""
    return '; '.join(f'{arm}: {reason}' for arm, reason in faults.items())
