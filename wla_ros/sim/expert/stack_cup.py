# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The expert of stack_cup."""

import numpy as np

from wla_ros.base.joints import ARM_WIDTH
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Representation
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.cup_situation import GRASP_HEIGHT_M
from wla_ros.sim.expert.cup_situation import CupSituation
from wla_ros.sim.expert.cup_situation import Tracking
from wla_ros.sim.expert.cup_situation import object_pose
from wla_ros.sim.expert.motion import ArmTool
from wla_ros.sim.expert.motion import CannotProceedError
from wla_ros.sim.expert.motion import Motion
from wla_ros.sim.expert.motion import still
from wla_ros.sim.expert.motion import straight
from wla_ros.sim.expert.plan import Plan
from wla_ros.sim.expert.plan import Stage
from wla_ros.sim.tasks import cup
from wla_ros.sim.tasks import stack_cup

# The stages of stacking a cup with one arm, built from a situation. Knows geometry and speeds, not
# when to do what.
#
# Speeds, distances and dwells are those with which 100 of 100 episodes succeeded in MuJoCo.

OPEN_M = settings.GRIPPER_MAX_M
GRASP_COMMAND_M = 0.035  # well inside the 56 mm of the cup: the force limit decides
CLOSED_M = 0.0
CARRY_HEIGHT_M = cup.HEIGHT_M + 0.030  # of the moved cup's bottom above that of the target
RELEASE_HEIGHT_M = 0.040
_BACK_OFF_M = 0.070  # with 30 mm, transits knock the cup over
_APPROACH_M_S = 0.20
_LIFT_M_S = 0.28
_CARRY_M_S = 0.30
_INSERT_M_S = 0.15
_RETREAT_M_S = 0.25
_CLOSE_S = 0.40
_OPEN_S = 0.58  # 70 mm below the gripper's 0.25 m/s; hidden in a transit
_LET_GO_S = 0.38
_SETTLE_S = 0.10


class CupStages:
    """Stages for one arm. Every method raises CannotProceedError where the arm cannot go."""

    def __init__(self, tool: ArmTool) -> None:
        """Work with the arm of `tool`."""
        self._tool = tool

    def pick(self, situation: CupSituation, row: FloatArray) -> list[Stage]:
        """Return the stages from `row` [7] to the cup lifted to carrying height."""
        stages = self.back_off(situation, row) if situation.hand_near else []
        present = stages[-1].motion.end if stages else row[:6]
        width_m = stages[-1].width_end_m if stages else float(row[6])
        grasp = situation.grasp_point
        before = self._tool.backed_off(grasp, _BACK_OFF_M)
        reach = straight(present, self._tool.joints_at(before, present))
        approach = self._tool.line(reach.end, grasp, speed_m_s=_APPROACH_M_S)
        stages += [
            Stage(
                subtask='reach for the orange cup',
                motion=reach,
                width_start_m=width_m,
                width_end_m=OPEN_M,
                width_duration_s=_OPEN_S if width_m < OPEN_M else 0.0,
                dwell_s=_SETTLE_S / 2,
            ),
            _steady('approach the orange cup', approach, OPEN_M),
            Stage(
                subtask='grasp the orange cup',
                motion=still(approach.end, _CLOSE_S),
                width_start_m=OPEN_M,
                width_end_m=GRASP_COMMAND_M,
                width_duration_s=_CLOSE_S,
                dwell_s=_SETTLE_S,
            ),
        ]
        return stages + self._raise(approach.end, grasp, situation)

    def lift(self, situation: CupSituation, row: FloatArray) -> list[Stage]:
        """Return the stage that takes the held cup straight up to carrying height."""
        return self._raise(row[:6], self._tool.pose(row[:6])[:3, 3], situation)

    def carry(self, situation: CupSituation, row: FloatArray) -> list[Stage]:
        """Return the stage that brings the held cup over the target."""
        goal = self._tool_for_cup(situation, CARRY_HEIGHT_M)
        motion = self._tool.line(row[:6], goal, speed_m_s=_CARRY_M_S)
        return [_steady('carry the orange cup over the blue cup', motion, GRASP_COMMAND_M)]

    def insert(self, situation: CupSituation, row: FloatArray) -> list[Stage]:
        """Return the stages that lower the held cup, measured anew, into the target, and leave."""
        goal = self._tool_for_cup(situation, RELEASE_HEIGHT_M)
        lower = self._tool.line(row[:6], goal, speed_m_s=_INSERT_M_S)
        stages = [_steady('lower the orange cup into the blue cup', lower, GRASP_COMMAND_M)]
        return stages + self.leave(situation, np.append(lower.end, GRASP_COMMAND_M))

    def leave(self, situation: CupSituation, row: FloatArray) -> list[Stage]:
        """Return the stages that let go, back off and go home."""
        stages = self.back_off(situation, row)
        return stages + self.go_home(np.append(stages[-1].motion.end, OPEN_M))

    def back_off(self, situation: CupSituation, row: FloatArray) -> list[Stage]:
        """Return the stages that open the hand and draw it back along its own axis."""
        tool = self._tool.pose(row[:6])
        retreat = self._tool.line(
            row[:6], tool[:3, 3] - _BACK_OFF_M * tool[:3, 2], speed_m_s=_RETREAT_M_S
        )
        return [
            Stage(
                subtask='let go of the orange cup' if situation.in_hand else 'open the gripper',
                motion=still(row[:6], _LET_GO_S),
                width_start_m=float(row[6]),
                width_end_m=OPEN_M,
                width_duration_s=_LET_GO_S,
                dwell_s=_SETTLE_S,
            ),
            _steady('draw back', retreat, OPEN_M),
        ]

    def go_home(self, row: FloatArray) -> list[Stage]:
        """Return the stage that brings the arm home and closes the hand."""
        return [
            Stage(
                subtask='return home',
                motion=straight(row[:6], np.array(settings.HOME_RAD)),
                width_start_m=float(row[6]),
                width_end_m=CLOSED_M,
                width_duration_s=_OPEN_S,
            )
        ]

    def _raise(
        self, joints: FloatArray, tool_point: FloatArray, situation: CupSituation
    ) -> list[Stage]:
        rise_m = CARRY_HEIGHT_M - situation.height_m
        motion = self._tool.line(
            joints, tool_point + np.array([0.0, 0.0, rise_m]), speed_m_s=_LIFT_M_S
        )
        return [_steady('lift the orange cup', motion, GRASP_COMMAND_M)]

    def _tool_for_cup(self, situation: CupSituation, height_m: float) -> FloatArray:
        """
        Return where the tool has to be [3] for the held cup to be `height_m` above the target's
        bottom.
        """
        goal = situation.target[:3, 3] + np.array([0.0, 0.0, height_m])
        inside = situation.cup_in_tool
        point: FloatArray = goal + np.array([0.0, 0.0, GRASP_HEIGHT_M])
        for _ in range(
            4
        ):  # the tool turns with its point; the offset is millimetres, so this converges at once
            point = goal - self._tool.leaning(point)[:3, :3] @ inside
        return point


def _steady(subtask: str, motion: Motion, width_m: float) -> Stage:
    """Return a stage whose gripper does not move."""
    return Stage(
        subtask=subtask,
        motion=motion,
        width_start_m=width_m,
        width_end_m=width_m,
        dwell_s=_SETTLE_S / 2,
    )


HORIZON = 32
DT_NS = 33_333_333
# Longer than a usual latency, so that a plan begins where the arm rests. Beyond it a late first
# chunk skips the first, slow part: 0.1 s into a motion of 1 s, minimum jerk has covered 0.9 % of
# the way.
LEAD_NS = 150 * NS_PER_MS
SETTLE_NS = 80 * NS_PER_MS  # after the end of a plan, for lag and vibration
MAX_ATTEMPTS = 5
_AT_REST_RAD_S = 0.03
_HOME_TOLERANCE_RAD = 0.03
_AWAY_RAD = 0.3  # from home: this arm was at work
_CONTINUE_TOLERANCE_RAD = 0.03  # this near the end of a plan, the next one continues from it
_CARRIED_TOLERANCE_M = 0.006  # of the held cup over the target, before it is lowered
_LIFTED_TOLERANCE_M = 0.012


class StackCupExpert:
    """Stacks the orange cup on the blue one with the better placed arm; the other holds still."""

    def __init__(self) -> None:
        """Start without an episode."""
        self._layout = JointLayout(tuple(settings.ARM_BASES))
        self._tools = {arm: ArmTool(arm) for arm in self._layout.arms}
        self._spec = PolicySpec(
            name='expert',
            version='stack_cup',
            representation=Representation.JOINT_POSITION,
            columns=self._layout.columns,
            horizon=HORIZON,
            dt_ns=DT_NS,
            needs_objects=True,
        )
        self.reset(seed=0)

    @property
    def spec(self) -> PolicySpec:
        """Joint positions of both arms, 32 rows at 30 Hz."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Forget arm, plan and attempts; the seed is not used, the expert draws nothing."""
        del seed
        self._arm: str | None = None
        self._plan: Plan | None = None
        self._tracking = Tracking()
        self._still_row: FloatArray | None = None  # [D] what the arms do apart from the plan
        self._attempts = 0
        self._finished = False
        self._subtask, self._subtask_id = '', 0

    def close(self) -> None:
        """Nothing to release."""

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """
        Return the rows of the plan from `observation.stamp_ns` on.

        Raises ValueError if the observation has no poses of the two cups.
        """
        del request  # one task, one instruction
        if observation.objects is None:
            raise ValueError(
                'the expert needs object poses; only the simulated rig publishes them'
            )
        if self._still_row is None:
            self._still_row = self._first_row(observation)
        if not self._finished and self._is_time_to_decide(observation):
            self._decide(observation)
        times_ns = observation.stamp_ns + DT_NS * np.arange(HORIZON, dtype=np.int64)
        rows = np.tile(self._still_row, (HORIZON, 1))
        if self._plan is not None and self._arm is not None and not self._finished:
            rows[:, self._layout.arm_slice(self._arm)] = self._plan.rows_at(times_ns)
            self._name_subtask(self._plan.subtask_at(observation.stamp_ns))
        return PolicyResult(
            rows=rows,
            subtask=self._subtask,
            subtask_id=self._subtask_id,
            finished=self._finished,
        )

    def _is_time_to_decide(self, observation: Observation) -> bool:
        """
        Tell whether the arms rest and the plan has been carried out, or is not followed, or does
        not exist.
        """
        moving = (
            np.abs(observation.joint_velocity[list(self._layout.joint_indices)]) >= _AT_REST_RAD_S
        )
        if self._plan is None or self._arm is None:
            return not np.any(moving)
        position = observation.joint_position[self._layout.arm_slice(self._arm)][:6]
        lost = self._tracking.lost(self._plan, observation.stamp_ns, position)
        over = observation.stamp_ns >= self._plan.end_ns + SETTLE_NS
        return (lost or over) and not np.any(moving)

    def _decide(self, observation: Observation) -> None:
        """Replace the plan by what the situation asks for; without any, the arms hold still."""
        start_ns = observation.stamp_ns + LEAD_NS
        last_error = ''
        for arm in self._candidate_arms(observation):
            row = self._present_row(arm, observation)
            try:
                stages = self._stages(arm, row, observation)
            except CannotProceedError as error:
                last_error = str(error)
                continue
            self._settle(arm, row)
            if stages:
                self._arm, self._plan = arm, Plan(start_ns, stages)
                self._tracking = Tracking()
            return
        self._give_up(observation, last_error)

    def _stages(self, arm: str, row: FloatArray, observation: Observation) -> list[Stage]:
        """Return what `arm` has to do next; nothing when it is done or has tried too often."""
        situation = self._situation(arm, observation)
        stages = CupStages(self._tools[arm])
        if situation.nested:
            if situation.hand_near:
                return stages.leave(situation, row)
            if float(np.max(np.abs(row[:6] - settings.HOME_RAD))) > _HOME_TOLERANCE_RAD:
                return stages.go_home(row)
            self._finished = True
            self._name_subtask('done')
            return []
        if situation.in_hand:
            if situation.height_m < CARRY_HEIGHT_M - _LIFTED_TOLERANCE_M:
                return stages.lift(situation, row)
            if situation.offset_m > _CARRIED_TOLERANCE_M:
                return stages.carry(situation, row)
            return stages.insert(situation, row)
        if not situation.standing:
            raise CannotProceedError('a cup has fallen over')
        if self._attempts >= MAX_ATTEMPTS:
            raise CannotProceedError(f'{self._attempts} attempts to grasp the orange cup failed')
        planned = stages.pick(situation, row)
        stages.carry(
            _as_if_held(situation, self._tools[arm]), np.append(planned[-1].motion.end, 0.0)
        )
        self._attempts += 1
        return planned

    def _give_up(self, observation: Observation, reason: str) -> None:
        """Hold still where the arms are, and say why."""
        if self._plan is None or self._arm is None:
            self._name_subtask(f'hold: {reason}')
            return
        row = self._present_row(self._arm, observation)
        self._settle(self._arm, row)
        self._arm, self._plan = None, None
        self._name_subtask(f'hold: {reason}')

    def _candidate_arms(self, observation: Observation) -> list[str]:
        """
        Return the arm at work, or both.

        An arm that is already at the cups or away from home comes first: it would be in the way of
        the other. Then the one with the smaller largest radius to the cups.
        """
        if self._arm is not None:
            return [self._arm]

        def preference(arm: str) -> tuple[bool, bool, bool, float]:
            situation = self._situation(arm, observation)
            joints = observation.joint_position[self._layout.arm_slice(arm)][:6]
            away = float(np.max(np.abs(joints - settings.HOME_RAD))) > _AWAY_RAD
            radius_m = max(
                self._tools[arm].radius_m(pose[:3, 3])
                for pose in (situation.moved, situation.target)
            )
            return not situation.in_hand, not situation.hand_near, not away, radius_m

        return sorted(self._layout.arms, key=preference)

    def _first_row(self, observation: Observation) -> FloatArray:
        """Return the row [D] to hold until the first plan: where the arms are, a held cup held."""
        row = _clipped(observation.joint_position)
        for arm in self._layout.arms:
            if self._situation(arm, observation).in_hand:
                row[self._layout.arm_slice(arm)][-1] = GRASP_COMMAND_M
        return row

    def _present_row(self, arm: str, observation: Observation) -> FloatArray:
        """
        Return the row [7] to continue from: the last command if the arm is there, else the
        measurement.
        """
        mine = self._layout.arm_slice(arm)
        measured = _clipped(observation.joint_position)[mine]
        if self._plan is not None and arm == self._arm:
            end = self._plan.end_row
            if float(np.max(np.abs(end[:6] - measured[:6]))) < _CONTINUE_TOLERANCE_RAD:
                return end
            measured[6] = float(self._plan.rows_at(np.array([observation.stamp_ns]))[0, 6])
        return measured

    def _situation(self, arm: str, observation: Observation) -> CupSituation:
        assert observation.objects is not None
        measured = observation.joint_position[self._layout.arm_slice(arm)]
        return CupSituation(
            tool=self._tools[arm].pose(measured[:6]),
            moved=object_pose(observation.objects, stack_cup.MOVED),
            target=object_pose(observation.objects, stack_cup.TARGET),
            width_m=float(measured[6]),
        )

    def _settle(self, arm: str, row: FloatArray) -> None:
        """Let `arm` stay at `row` [7] whenever no plan moves it."""
        assert self._still_row is not None
        self._still_row = self._still_row.copy()
        self._still_row[self._layout.arm_slice(arm)] = row

    def _name_subtask(self, subtask: str) -> None:
        if subtask != self._subtask:
            self._subtask = subtask
            self._subtask_id += 1


def _as_if_held(situation: CupSituation, tool: ArmTool) -> CupSituation:
    """
    Return the situation with the hand at the grasp point, to ask whether the target is in reach
    too.
    """
    return CupSituation(
        tool=tool.leaning(situation.grasp_point),
        moved=situation.moved,
        target=situation.target,
        width_m=situation.width_m,
    )


def _clipped(row: FloatArray) -> FloatArray:
    """
    Return a copy of `row` [D] with gripper widths that can be commanded; closed ones read slightly
    negative.
    """
    copy = np.array(row, dtype=np.float64)
    grippers = np.arange(ARM_WIDTH - 1, len(copy), ARM_WIDTH)
    copy[grippers] = np.clip(copy[grippers], 0.0, settings.GRIPPER_MAX_M)
    return copy
