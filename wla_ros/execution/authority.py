# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Who may move the arms: judges mode, publishers, session, trust in feedback, status and deviation.

One answer for each question: may this mode begin, may it go on, are chunks wanted. Commands
nothing and changes no mode.
"""

from collections.abc import Mapping

from wla_ros.base import reasons
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import Mode
from wla_ros.base.types import Refusal
from wla_ros.execution.command import CommandedMotion
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.feedback import FeedbackMonitor
from wla_ros.execution.graph import GraphCondition
from wla_ros.execution.plan import PlannedMotion
from wla_ros.execution.supervision import ControlModes
from wla_ros.execution.supervision import DeviationMonitor


class MotionAuthority:
    """See the module docstring; `look` once per tick."""

    def __init__(
        self,
        config: ExecutorConfig,
        layout: JointLayout,
        modes: ControlModes,
        feedback: FeedbackMonitor,
        deviation: DeviationMonitor,
        motion: CommandedMotion,
        plan: PlannedMotion,
    ) -> None:
        """Judge what the others know."""
        self._config, self._layout, self._modes = config, layout, modes
        self._feedback, self._deviation = feedback, deviation
        self._motion, self._plan = motion, plan
        self.graph = GraphCondition()
        self.untrusted: Refusal | None = None  # why feedback was not to be trusted at `look`

    def look(self, now_ns: int) -> None:
        """Judge whether the measured joints are those of the arms, and to be trusted."""
        foreign = self.graph.problem
        if foreign is not None and self.graph.blind:
            self.untrusted = Refusal(reason=foreign.reason, detail=self.graph.blind)
        else:
            self.untrusted = self._feedback.problem(now_ns)

    @property
    def lost(self) -> Refusal | None:
        """Why it is not known where the arms are, or None."""
        silent = ', '.join(sorted(self._motion.silent))
        if self.untrusted is not None or not silent:
            return self.untrusted
        return Refusal(
            reason=reasons.WAITING_FOR_FEEDBACK, detail=f'where {silent} is is not clear'
        )

    @property
    def standstill(self) -> Refusal | None:
        """Why nothing may move the arms on purpose at this tick, or None."""
        return self.graph.problem or self.lost

    def judge_start(self, mode: Mode, now_ns: int, session: int) -> Refusal | None:
        """Return why `mode`, which moves the arms, must not begin, for `session` (0: any)."""
        if self.graph.problem is not None:
            return self.graph.problem
        if mode == Mode.AUTONOMY:
            refusal = self._judge_sources(session)
            if refusal is not None:
                return refusal
        lost = self.lost
        if not self._motion.seeded:
            return Refusal(
                reason=reasons.WAITING_FOR_FEEDBACK,
                detail='no tick with trustworthy feedback yet' if lost is None else lost.detail,
            )
        return lost or self._judge_arms(now_ns) or self._judge_home(mode)

    def judge_session(self, mode: Mode, session: int) -> Refusal | None:
        """Return why the running autonomy is not that of `session`, or None."""
        running = self._plan.session
        if mode != Mode.AUTONOMY or not session or running in (None, session):
            return None
        return Refusal(
            reason=reasons.OTHER_SESSION,
            detail=f'autonomy was given to session {running:#x}, not to {session:#x}; HOLD first',
        )

    def judge_chunks(self) -> Refusal | None:
        """Return why no chunk is wanted at all, or None."""
        if self._modes.mode != Mode.AUTONOMY:
            return Refusal(
                reason=reasons.WRONG_MODE,
                detail=f'chunks are executed in AUTONOMY, not in {self._modes.mode.name}',
            )
        lost = self.lost
        if not self._motion.seeded or lost is not None:
            return Refusal(
                reason=reasons.NOT_READY,
                detail='no feedback yet' if lost is None else lost.detail,
            )
        return self._judge_sources(0) if self._plan.session is None else None

    def judge_motion(self, now_ns: int) -> Refusal | None:
        """Return why a mode that moves the arms must end, or None."""
        if self.graph.problem is not None:
            return self.graph.problem
        faults = self._feedback.unmovable_arms(now_ns)
        if faults:
            return Refusal(reason=reasons.ARM_FAULT, detail=_listed(faults))
        if self.untrusted is None and self._deviation.any_far:
            return self._judge_deviation()
        return None

    def _judge_sources(self, session: int) -> Refusal | None:
        """Return why nobody knows whose chunks are meant if none but `session` is, or None."""
        sources = self.graph.chunk_sources
        if session or sources <= 1:
            return None
        return Refusal(
            reason=reasons.SEVERAL_POLICIES,
            detail=f'{sources} publishers of action chunks: name the session that is meant, '
            'or stop the others',
        )

    def _judge_arms(self, now_ns: int) -> Refusal | None:
        """Return why status or deviation forbid to move the arms, or None."""
        missing = self._feedback.missing_conditions()
        if missing:
            return Refusal(
                reason=reasons.ARM_CONDITION_MISSING,
                detail=f'no status of {", ".join(missing)} was received: is the driver running, '
                'are its messages sourced? (execution.feedback.require_condition)',
            )
        faults = self._feedback.unmovable_arms(now_ns)
        if faults:
            return Refusal(reason=reasons.ARM_FAULT, detail=_listed(faults))
        return self._judge_deviation()

    def _judge_deviation(self) -> Refusal | None:
        """Return which joint is too far from its command, or None."""
        column, deviation = self._deviation.worst_column(
            self._motion.position, self._feedback.position
        )
        bound = self._config.deviation.max_deviation_rad
        if deviation <= bound:
            return None
        return Refusal(
            reason=reasons.DEVIATION,
            detail=f'{column} is {deviation:.3f} rad from its command, bound {bound:.3f} rad',
        )

    def _judge_home(self, mode: Mode) -> Refusal | None:
        homeless = [arm for arm in self._layout.arms if not self._config.arm(arm).home_rad]
        if mode != Mode.HOMING or not homeless:
            return None
        return Refusal(
            reason=reasons.NO_HOME, detail=f'no home_rad is configured for {", ".join(homeless)}'
        )


def _listed(faults: Mapping[str, str]) -> str:
    """Return the faults of all arms as one sentence."""
    return '; '.join(f'{arm}: {reason}' for arm, reason in faults.items())
