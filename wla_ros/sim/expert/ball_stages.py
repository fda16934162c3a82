"""
The stages of picking up the paper ball, ending at rest above the table at the height of carrying.

Knows geometry and speeds, not when to do what.
"""

import numpy as np

from wla_ros.core.types import FloatArray
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.motion import still
from wla_ros.sim.expert.motion import straight
from wla_ros.sim.expert.plan import Stage
from wla_ros.sim.expert.tool_motion import ArmTool
from wla_ros.sim.tasks.dispose_trash import BALL_RADIUS_M

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
