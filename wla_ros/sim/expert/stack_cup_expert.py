"""
The scripted expert of stack_cup: a policy that sees object poses.

At every decision it looks at the situation and plans the next stages; in between, chunks are cut
from that one plan. A plan starts and ends at rest and begins `lead` after the observation it was
made for, so whatever the latency a chunk continues what the arm is doing. A missed grasp, a
dropped cup, an arm that was stopped and moved: each is just another situation.
"""

import numpy as np

from wla_ros.core.joint_layout import ARM_WIDTH
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.timing import NS_PER_MS
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import PolicySpec
from wla_ros.core.types import Representation
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.cup_situation import CupSituation
from wla_ros.sim.expert.cup_situation import object_pose
from wla_ros.sim.expert.cup_stages import CARRY_HEIGHT_M
from wla_ros.sim.expert.cup_stages import GRASP_COMMAND_M
from wla_ros.sim.expert.cup_stages import CupStages
from wla_ros.sim.expert.plan import Plan
from wla_ros.sim.expert.plan import Stage
from wla_ros.sim.expert.tool_motion import ArmTool
from wla_ros.sim.expert.tool_motion import CannotProceedError
from wla_ros.sim.expert.tracking import Tracking
from wla_ros.sim.tasks import stack_cup

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
