# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The expert of dispose_trash."""

import math

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.joints import ARM_WIDTH
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.bin_drop import BinMotion
from wla_ros.sim.expert.bin_drop import Drop
from wla_ros.sim.expert.bin_drop import aim
from wla_ros.sim.expert.cup_situation import object_pose
from wla_ros.sim.expert.estimates import ArmEstimate
from wla_ros.sim.expert.joined_rows import JoinedRows
from wla_ros.sim.expert.joined_rows import MotionState
from wla_ros.sim.expert.motion import TILT_RAD
from wla_ros.sim.expert.motion import ArmTool
from wla_ros.sim.expert.motion import CannotProceedError
from wla_ros.sim.expert.motion import still
from wla_ros.sim.expert.motion import straight
from wla_ros.sim.expert.plan import DT_NS
from wla_ros.sim.expert.plan import HORIZON
from wla_ros.sim.expert.plan import Plan
from wla_ros.sim.expert.plan import Stage
from wla_ros.sim.expert.plan import expert_spec
from wla_ros.sim.expert.plane import PlanStart
from wla_ros.sim.expert.plane import plan_start
from wla_ros.sim.expert.plane import plane_chart
from wla_ros.sim.tasks import dispose_trash
from wla_ros.sim.tasks.dispose_trash import BALL_RADIUS_M

# The stages of picking up the paper ball, ending at rest above the table at the height of
# carrying.
#
# Knows geometry and speeds, not when to do what.

CARRY_M = 0.165  # height of the tool: the ball passes 55 mm above the rim of the bin
OPEN_M = settings.GRIPPER_MAX_M
HELD_M = 0.030  # command, inside of the ball's 40 mm: the force limit decides
_BACK_OFF_M = 0.060
_NEAR_M = 0.09
_APPROACH_M_S = 0.25
_LIFT_M_S = 0.40
_CLOSE_S = 0.30
_OPEN_S = 0.45
_SETTLE_S = 0.05


def pick(tool: ArmTool, ball: FloatArray, row: FloatArray) -> list[Stage]:
    """
    Return the stages from `row` [7] to the ball, at `ball` [3], lifted to `CARRY_M`.

    Raises CannotProceedError where the arm cannot go.
    """
    stages: list[Stage] = []
    present = row[:6]
    if float(np.linalg.norm(tool.pose(present)[:3, 3] - ball)) < _NEAR_M:
        stages.append(_retreat(tool, row))
        present = stages[0].motion.end
    width_m = stages[-1].width_end_m if stages else float(row[6])
    grasp = np.array([ball[0], ball[1], max(float(ball[2]), BALL_RADIUS_M)])
    before = tool.backed_off(grasp, _BACK_OFF_M)
    reach = straight(present, tool.joints_at(before, present))
    approach = tool.line(reach.end, grasp, speed_m_s=_APPROACH_M_S)
    lifted = np.array([grasp[0], grasp[1], CARRY_M])
    return [
        *stages,
        Stage(
            subtask='reach for the ball',
            motion=reach,
            width_start_m=width_m,
            width_end_m=OPEN_M,
            width_duration_s=_OPEN_S if width_m < OPEN_M - 1e-3 else 0.0,
        ),
        Stage(
            subtask='approach the ball',
            motion=approach,
            width_start_m=OPEN_M,
            width_end_m=OPEN_M,
            dwell_s=_SETTLE_S,
        ),
        Stage(
            subtask='grasp the ball',
            motion=still(approach.end, _CLOSE_S),
            width_start_m=OPEN_M,
            width_end_m=HELD_M,
            width_duration_s=_CLOSE_S,
            dwell_s=_SETTLE_S,
        ),
        Stage(
            subtask='lift the ball',
            motion=tool.line(approach.end, lifted, speed_m_s=_LIFT_M_S),
            width_start_m=HELD_M,
            width_end_m=HELD_M,
        ),
    ]


def resting(row: FloatArray) -> Stage:
    """Return a stage that stays at `row` [7] for a moment."""
    return Stage(
        subtask='hold the ball',
        motion=still(row[:6], _SETTLE_S),
        width_start_m=float(row[6]),
        width_end_m=float(row[6]),
    )


def _retreat(tool: ArmTool, row: FloatArray) -> Stage:
    """Return the stage that opens the hand and draws it back along its own axis."""
    pose = tool.pose(row[:6])
    goal = pose[:3, 3] - _BACK_OFF_M * pose[:3, 2]
    return Stage(
        subtask='draw back',
        motion=tool.line(row[:6], goal, speed_m_s=_APPROACH_M_S),
        width_start_m=float(row[6]),
        width_end_m=OPEN_M,
        width_duration_s=_OPEN_S,
    )


_RADIUS_M = (0.18, 0.53)
_LEAD_NS = 100 * NS_PER_MS
_AT_REST_RAD_S = 0.03
_FOLLOWS_RAD = 0.12
_IN_HAND_M = 0.03  # between tool and ball, seen from above
_HELD_WIDTH_M = (0.030, 0.046)  # of the fingers around the ball
_LIFTED_M = 0.05
_FALLEN_M = 0.04  # on the way over the bin, a ball below this height is not held
_MAX_ATTEMPTS = 3
_AIM_FROM_NS = 700 * NS_PER_MS  # before the lift ends
_OPENING_M_S = 0.25
_RETRY_NS = 400 * NS_PER_MS  # after the hand should have opened
# A chunk that begins when it arrives, as with strategies that wait, makes the arm late: the plan
# is moved to where the arm rests. Gripper widths count this much [rad/m].
_LATE_STEP_NS, _LATE_MOST_NS = 20 * NS_PER_MS, 1600 * NS_PER_MS
_WIDTH_WEIGHT = 5.0


class DisposeTrashExpert:
    """Throws the ball into the moving bin with the arm on its side; the other holds still."""

    def __init__(self) -> None:
        """Start without an episode."""
        self._layout = JointLayout(tuple(settings.ARM_BASES))
        self._tools = {arm: ArmTool(arm) for arm in self._layout.arms}
        self._charts = {
            arm: plane_chart(arm, height_m=CARRY_M, tilt_rad=TILT_RAD, radius_range_m=_RADIUS_M)
            for arm in self._layout.arms
        }
        self._spec = expert_spec('dispose_trash', self._layout)
        self.reset(seed=0)

    @property
    def spec(self) -> PolicySpec:
        """Joint positions of both arms, 32 rows at 30 Hz."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Forget the episode; the expert draws nothing."""
        del seed
        self._arm = ''
        self._still: FloatArray | None = None
        self._plan: Plan | None = None
        self._drop: Drop | None = None
        self._carry_ns = 0  # when the lift ends and the way over the bin begins
        self._dropped = False
        self._attempts = 0
        self._bin = BinMotion()
        self._estimate = ArmEstimate(DT_NS)
        self._subtask, self._subtask_id = '', 0

    def gave(self, rows: FloatArray, *, row0_ns: int) -> None:
        """Note the rows [H, D] that the arms are really given; row 0 is due at `row0_ns`."""
        mine = rows[:, self._layout.arm_slice(self._arm)][:, :6]
        self._estimate.gave(mine, row0_ns=row0_ns, since_ns=row0_ns)

    def close(self) -> None:
        """Nothing to release."""

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """
        Return the rows of the plan, entered from the present state or from the end of the
        committed rows.

        Raises ValueError if the observation has no poses of ball and bin.
        """
        if observation.objects is None:
            raise ValueError(
                'the expert needs object poses; only the simulated rig publishes them'
            )
        ball = object_pose(observation.objects, dispose_trash.BALL)[:3, 3]
        bin_ = object_pose(observation.objects, dispose_trash.BIN)[:3, 3]
        self._bin.see(observation.objects.stamp_ns, bin_)
        start = plan_start(observation, request, dt_ns=DT_NS, horizon=HORIZON)
        if self._still is None:
            self._still = _clipped(start.state.position)
            self._arm = min(self._tools, key=lambda arm: self._tools[arm].radius_m(ball))
        mine = self._layout.arm_slice(self._arm)
        position, velocity = self._entry(start)
        self._decide(observation, start, ball, position, velocity)
        times_ns = start.times_ns(DT_NS, HORIZON)
        rows = np.tile(self._still, (HORIZON, 1))
        if self._plan is not None:
            joined = JoinedRows(self._joints_at, start.time_ns, position, velocity)
            rows[:, mine] = np.column_stack((joined.at(times_ns), self._widths_at(times_ns)))
        rows[: start.committed] = start.copied
        self.gave(rows, row0_ns=start.row0_ns)
        return PolicyResult(
            rows=rows,
            subtask=self._subtask,
            subtask_id=self._subtask_id,
            committed_prefix=start.committed,
            finished=self._is_in_bin(ball, bin_) and self._dropped,
        )

    def _decide(
        self,
        observation: Observation,
        start: PlanStart,
        ball: FloatArray,
        position: FloatArray,
        velocity: FloatArray,
    ) -> None:
        """Go on with the plan, aim at the bin, or plan to pick up the ball."""
        measured = observation.joint_position[self._layout.arm_slice(self._arm)]
        if self._dropped:
            return
        held = self._is_held(measured, ball)
        if self._drop is not None and start.time_ns >= self._drop.release_ns:
            # The hand opens: too late for second thoughts.
            self._dropped = not held
            if self._dropped or observation.stamp_ns < self._drop.release_ns + _RETRY_NS:
                return
            self._stay(start.time_ns, position, HELD_M)
        elif self._drop is not None and not held:
            self._stay(start.time_ns, position, OPEN_M)
        joints = list(self._layout.joint_indices)
        resting = not np.any(np.abs(observation.joint_velocity[joints]) >= _AT_REST_RAD_S)
        if self._plan is not None and resting and self._drop is None:
            self._wait_for_arm(start.row0_ns, measured)
        lifting = self._plan is not None and (start.time_ns >= self._plan.end_ns - _AIM_FROM_NS)
        if held and (lifting or self._plan is None):
            self._aim(start, position, velocity)
        elif self._plan is None or (resting and self._is_over(observation.stamp_ns)):
            self._pick(observation, measured, ball)
        if self._plan is not None and self._drop is None:
            self._name(self._plan.subtask_at(start.time_ns))

    def _pick(self, observation: Observation, measured: FloatArray, ball: FloatArray) -> None:
        if self._attempts >= _MAX_ATTEMPTS:
            self._hold(measured, f'{self._attempts} attempts to grasp the ball failed')
            return
        self._attempts += 1
        try:
            stages = pick(self._tools[self._arm], ball, _clipped(measured))
        except CannotProceedError as error:
            self._hold(measured, str(error))
            return
        self._plan = Plan(observation.stamp_ns + _LEAD_NS, stages)
        self._drop = None

    def _aim(self, start: PlanStart, position: FloatArray, velocity: FloatArray) -> None:
        """Plan or correct the way over the bin, from the end of the lift or from where it is."""
        chart = self._charts[self._arm]
        begin_ns = start.time_ns
        if self._plan is None:
            # The ball is in the hand and nobody knows why: go on from here.
            self._stay(begin_ns, position, HELD_M)
        assert self._plan is not None
        if self._drop is None:
            begin_ns = max(begin_ns, self._plan.end_ns)
            point = chart.point_of(self._plan.end_row[:6])
            origin = MotionState(position=point, velocity=np.zeros(2), acceleration=np.zeros(2))
            self._carry_ns = begin_ns
        else:
            begin_ns = max(begin_ns, self._drop.path.start_ns)
            origin = self._drop.path.state_at(begin_ns)
            planned = chart.joints_at(origin.position[None])[0]
            if begin_ns == start.time_ns and np.max(np.abs(planned - position)) > _FOLLOWS_RAD:
                origin = MotionState(
                    position=chart.point_of(position),
                    velocity=chart.velocity_of(position, velocity),
                    acceleration=np.zeros(2),
                )
        self._drop = aim(chart, self._bin, begin_ns, origin, self._drop)
        self._name('carry the ball over the bin')

    def _stay(self, time_ns: int, position: FloatArray, width_m: float) -> None:
        """Plan to stay at `position` [6]."""
        self._plan = Plan(time_ns, [resting(np.append(position, width_m))])
        self._drop = None

    def _joints_at(self, times_ns: NDArray[np.int64]) -> FloatArray:
        """Return the joints [n, 6] of plan and drop."""
        assert self._plan is not None
        rows: FloatArray = self._plan.rows_at(times_ns)[:, :6]
        if self._drop is not None:
            later = times_ns >= self._carry_ns
            if later.any():
                rows[later] = self._drop.path.rows_at(times_ns[later])
        return rows

    def _widths_at(self, times_ns: NDArray[np.int64]) -> FloatArray:
        """Return the gripper's widths [n]."""
        assert self._plan is not None
        if self._drop is None:
            return self._plan.rows_at(times_ns)[:, 6]
        opened = (times_ns - self._drop.release_ns) * (_OPENING_M_S / NS_PER_S)
        held = self._plan.rows_at(times_ns)[:, 6]
        widths: FloatArray = np.where(opened <= 0.0, held, np.minimum(HELD_M + opened, OPEN_M))
        return widths

    def _entry(self, start: PlanStart) -> tuple[FloatArray, FloatArray]:
        """Return position and velocity [6] from which the plan is entered."""
        mine = self._layout.arm_slice(self._arm)
        position = start.state.position[mine][:6]
        velocity = start.state.velocity[mine][:6]
        if start.committed:
            return position, velocity
        return self._estimate.state(start.time_ns, position, velocity)

    def _wait_for_arm(self, stamp_ns: int, measured: FloatArray) -> None:
        """Move the plan to where the arm rests if it has been left behind."""
        assert self._plan is not None
        lags_ns = np.arange(0, _LATE_MOST_NS, _LATE_STEP_NS, dtype=np.int64)
        planned = self._plan.rows_at(stamp_ns - lags_ns)
        off = np.abs(planned[:, :6] - measured[:6]).max(axis=1)
        # Fingers that hold the ball do not close as far as they are told to.
        width = np.abs(np.maximum(planned[:, 6], 0.04) - max(float(measured[6]), 0.04))
        off = np.maximum(off, _WIDTH_WEIGHT * width)
        if off[0] < _FOLLOWS_RAD / 2:
            return
        nearest = int(np.argmin(off))
        if off[nearest] < off[0] / 2:
            self._plan = self._plan.later(int(lags_ns[nearest]))

    def _is_over(self, stamp_ns: int) -> bool:
        return self._plan is not None and stamp_ns > self._plan.end_ns + _LEAD_NS

    def _is_held(self, measured: FloatArray, ball: FloatArray) -> bool:
        """Tell whether the hand holds the ball; the joints may be newer than the ball."""
        if self._drop is not None:
            return bool(ball[2] > _FALLEN_M)
        tool = self._tools[self._arm].pose(measured[:6])[:2, 3]
        low, high = _HELD_WIDTH_M
        above = math.dist(tool.tolist(), ball[:2].tolist()) < _IN_HAND_M
        return above and low < float(measured[6]) < high and bool(ball[2] > _LIFTED_M)

    def _is_in_bin(self, ball: FloatArray, bin_: FloatArray) -> bool:
        away_m = math.hypot(ball[0] - bin_[0], ball[1] - bin_[1])
        low, high = dispose_trash.INSIDE_HEIGHT_M
        return away_m <= dispose_trash.INSIDE_RADIUS_M and low <= float(ball[2]) <= high

    def _hold(self, measured: FloatArray, reason: str) -> None:
        """Hold still where the arm is, and say why."""
        assert self._still is not None
        if self._plan is not None:
            self._still = self._still.copy()
            self._still[self._layout.arm_slice(self._arm)] = _clipped(measured)
        self._plan, self._drop = None, None
        self._name(f'hold: {reason}')

    def _name(self, subtask: str) -> None:
        if subtask != self._subtask:
            self._subtask = subtask
            self._subtask_id += 1


def _clipped(row: FloatArray) -> FloatArray:
    """Return a copy of `row` with gripper widths that can be commanded."""
    copy = np.array(row, dtype=np.float64)
    grippers = np.arange(ARM_WIDTH - 1, len(copy), ARM_WIDTH)
    copy[grippers] = np.clip(copy[grippers], 0.0, settings.GRIPPER_MAX_M)
    return copy
