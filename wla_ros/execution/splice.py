# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
From a splice plan to the curve that is executed: when each column changes over, and its bridge.

Pure: prepares a splice that may still be refused. Knows no ledger, no gate and no strategies.
"""

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.curve import CurveSample
from wla_ros.base.curve import HermiteInterpolation
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.execution.bridge import BridgeFit
from wla_ros.execution.bridge import BridgeFitter
from wla_ros.execution.bridge import SpliceBridge
from wla_ros.execution.bridge import bridge_over
from wla_ros.execution.bridge import lasting
from wla_ros.execution.bridge import no_bridge
from wla_ros.execution.bridge import without
from wla_ros.execution.joins import SpliceMoment
from wla_ros.execution.joins import SplicePlan
from wla_ros.execution.path import PlannedCurve
from wla_ros.execution.report import SpliceSteps
from wla_ros.execution.report import steps_between
from wla_ros.execution.schedule import ChunkSchedule

_NO_STEPS = SpliceSteps()
# A gripper that is told to open or close does so as fast as its limits allow. A bridge takes it
# over steps of up to 3 mm; over longer ones it would delay a grasp by half a second, and over a
# step of the speed lead the other way first.
_LONGEST_OF_GRIPPERS_S = 0.15
# A plan that ended no longer ago than this is left at its end. Committed rows last until a
# nanosecond behind the last of them, and 30 Hz in whole nanoseconds loses a third of one per row.
_JUST_S = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreparedSplice:
    """What is executed once the splice is made."""

    curve: PlannedCurve
    path: ChunkSchedule  # rows where the executed curve passes
    until_ns: int  # plan time until which it leads on
    starts_at: FloatArray  # [D] where the new plan begins
    comes_from: FloatArray  # [D] where the motion is then
    step: SpliceSteps
    bridged_step: SpliceSteps
    bridge_s: float
    steep: bool


class PlanSplicer:
    """Splices curves; holds no state."""

    def __init__(
        self, bridges: BridgeFitter, joints: NDArray[np.intp], *, past_ns: int = 0
    ) -> None:
        """Measure steps over the columns `joints`; keep what was executed for `past_ns`."""
        self._bridges, self._joints, self._past_ns = bridges, joints, past_ns

    def prepare(
        self, splice_plan: SplicePlan, before: PlannedCurve | None, moment: SpliceMoment
    ) -> PreparedSplice:
        """
        Return the splice of `splice_plan` behind the curve `before`.

        Column c changes over at the plan time from_ns, or now if it is further already: its own
        latency decides. What is executed up to there is not touched.
        """
        path = splice_plan.path
        curve = _curve_of(splice_plan)
        now_s = (moment.effective_ns - curve.origin_ns) * 1e-9
        start_s = now_s + moment.offset_s
        later = (splice_plan.from_ns - curve.origin_ns) * 1e-9 > start_s
        if later.any():
            start_s = np.where(later, (splice_plan.from_ns - curve.origin_ns) * 1e-9, start_s)
        # What moves a column that has no plan until it changes over, nobody knows.
        command = replace(moment.state, outside=moment.state.outside | later)
        state, old_plan, running = command, command, no_bridge(len(start_s))
        if before is not None:
            ahead_s = start_s - now_s
            old_plan = before.plan(moment.effective_ns, ahead_s)
            ended = old_plan.outside & later
            if ended.any():
                just_s = _JUST_S * ended
                ahead_s = ahead_s - just_s
                old_plan = before.plan(moment.effective_ns, ahead_s)
                rates = np.vstack([old_plan.values[1:], np.zeros(len(start_s))])
                old_plan = old_plan.lifted(rates * just_s)  # as it moved on to its end
            bridge = before.bridge(moment.effective_ns, ahead_s, curve.origin_ns)
            running = bridge.replaced(old_plan.outside, running)
            state = old_plan.lifted(running.at(start_s)).filled(command)
            old_plan = old_plan.filled(command)
        plan = curve.at(start_s)
        fit = self._bridges.fit(old_plan.less(plan), running.parts(start_s))
        far = self._is_far(fit)
        if far.any():
            fit, running = without(fit, far), running.replaced(far, no_bridge(len(far)))
        if splice_plan.run_up_s:
            fit = lasting(fit, 2.0 * splice_plan.run_up_s)
        bridge = _carried_over(bridge_over(fit, start_s), fit, running)
        live = bridge if bridge.duration_s.any() else None
        executed = (before or PlannedCurve()).spliced(
            curve, start_s, live, keep_from_ns=moment.effective_ns - self._kept_ns(path)
        )
        until_ns = path.last_due_ns
        if splice_plan.rests:
            executed, until_ns = self._brought_to_rest(executed, path, moment)
        # With a run-up the plan proper begins with its first row.
        first_s = (path.due_ns[0] - curve.origin_ns) * 1e-9
        begin = curve.at(np.maximum(start_s, first_s)) if splice_plan.run_up_s else plan
        return PreparedSplice(
            curve=executed,
            path=path if executed.is_plan(start_s) else _passed(path, executed),
            until_ns=until_ns,
            starts_at=begin.position,
            comes_from=state.position,
            step=steps_between(old_plan, begin, self._joints) or _NO_STEPS,
            bridged_step=steps_between(state, plan.lifted(bridge.at(start_s)), self._joints)
            or _NO_STEPS,
            bridge_s=float(fit.duration_s.max()),
            steep=bool(fit.steep.any()),
        )

    def _brought_to_rest(
        self, executed: PlannedCurve, path: ChunkSchedule, moment: SpliceMoment
    ) -> tuple[PlannedCurve, int]:
        """
        Return the curve that stops on the last row, and when it does: the run-up in reverse.

        The arms leave the plan a run-out before its last row is due and arrive one behind it. A
        column whose latency is longer than the plan lasts never follows it: it leaves what it
        was on for the last row at once, and takes as long as that asks for.
        """
        now_ns, last_ns, row = moment.effective_ns, path.last_due_ns, path.rows[-1]
        nothing = np.zeros_like(row)
        velocity = executed.at_times(np.array([last_ns])).values[1, 0]
        still = CurveSample.of(nothing, nothing, nothing)
        left_s = (last_ns - now_ns) * 1e-9
        run_out_s = max(min(self._bridges.run_up_s(still, velocity), left_s), 0.0)
        passed = moment.offset_s > left_s
        if not (run_out_s or passed.any()):
            return executed, last_ns
        # On the axis of the plan time, seconds from now; a column may be further already.
        start_s = np.maximum(left_s - run_out_s, moment.offset_s)
        here = executed.sample(now_ns, start_s).replaced(passed, moment.state)
        step = here.less(CurveSample.of(row, nothing, nothing))
        fit = self._bridges.fit(step, np.zeros((2, *step.values.shape)))
        lasts_s = np.where(passed, np.maximum(fit.duration_s, 2.0 * run_out_s), 2.0 * run_out_s)
        end_ns = now_ns + seconds_to_ns(float((start_s + lasts_s).max()))
        rest = HermiteInterpolation(np.array([now_ns, end_ns]), np.array([row, row]))
        bridge = bridge_over(lasting(fit, lasts_s), start_s)
        keep_from_ns = now_ns - self._kept_ns(path)
        return executed.spliced(rest, start_s, bridge, keep_from_ns=keep_from_ns), end_ns

    def _kept_ns(self, path: ChunkSchedule) -> int:
        return max(_shaping_ns(path), self._past_ns)

    def _is_far(self, fit: BridgeFit) -> NDArray[np.bool_]:
        """Return [D] which grippers are to go as fast as they may instead of by a bridge."""
        far = fit.duration_s > _LONGEST_OF_GRIPPERS_S
        far[self._joints] = False
        return far


def _shaping_ns(path: ChunkSchedule) -> int:
    """Return how far back rows shape the curve from now on: the last two, of any other grid."""
    return 3 * (path.due_ns[1] - path.due_ns[0]) if len(path.due_ns) > 1 else 0


def _carried_over(bridge: SpliceBridge, fit: BridgeFit, running: SpliceBridge) -> SpliceBridge:
    """Return `bridge`, or the `running` one where the plans agree: the curve goes on as it was."""
    carried = (fit.duration_s == 0.0) & (running.duration_s > 0.0)
    return bridge.replaced(carried, running) if carried.any() else bridge


def _curve_of(splice_plan: SplicePlan) -> HermiteInterpolation:
    """Return the curve through the rows, led to the first one by a straight run-up."""
    path = splice_plan.path
    times_ns, rows = path.times_ns, path.rows
    run_up_ns = seconds_to_ns(splice_plan.run_up_s)
    if run_up_ns:
        way = np.zeros(rows.shape[1])
        if len(rows) > 1:
            way = (rows[1] - rows[0]) * (run_up_ns / (path.due_ns[1] - path.due_ns[0]))
        times_ns = np.concatenate([[path.due_ns[0] - run_up_ns], times_ns])
        rows = np.concatenate([[rows[0] - way], rows])
    return HermiteInterpolation(times_ns, rows)


def _passed(path: ChunkSchedule, executed: PlannedCurve) -> ChunkSchedule:
    """Return `path` with rows where the executed curve passes; late rows as they are."""
    there = executed.at_times(path.times_ns)
    return replace(path, rows=np.where(there.outside, path.rows, there.position))
