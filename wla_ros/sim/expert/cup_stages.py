"""
The stages of stacking a cup with one arm, built from a situation. Knows geometry and speeds, not
when to do what.

Speeds, distances and dwells are those with which 100 of 100 episodes succeeded in MuJoCo.
"""

import numpy as np

from wla_ros.core.types import FloatArray
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.cup_situation import GRASP_HEIGHT_M
from wla_ros.sim.expert.cup_situation import CupSituation
from wla_ros.sim.expert.motion import Motion
from wla_ros.sim.expert.motion import still
from wla_ros.sim.expert.motion import straight
from wla_ros.sim.expert.plan import Stage
from wla_ros.sim.expert.tool_motion import ArmTool
from wla_ros.sim.tasks import cup

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
