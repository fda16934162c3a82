"""
The scripted expert of pass_post: a policy that sees post and goal.

It plans anew at every observation, from where the arm is or will be: there is no plan to hold on
to, as there is none in a trained policy. Left and right are equally good; which one is drawn.
"""

import math

import numpy as np

from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.timing import NS_PER_S
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import PolicySpec
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.arm_estimate import ArmEstimate
from wla_ros.sim.expert.cup_situation import object_pose
from wla_ros.sim.expert.expert_spec import DT_NS
from wla_ros.sim.expert.expert_spec import HORIZON
from wla_ros.sim.expert.expert_spec import expert_spec
from wla_ros.sim.expert.joined_rows import JoinedRows
from wla_ros.sim.expert.motion_estimate import MotionEstimate
from wla_ros.sim.expert.plan_start import PlanStart
from wla_ros.sim.expert.plan_start import plan_start
from wla_ros.sim.expert.plane_chart import plane_chart
from wla_ros.sim.expert.plane_path import PlanePath
from wla_ros.sim.expert.post_way import BEHIND_M
from wla_ros.sim.expert.post_way import PostWay
from wla_ros.sim.expert.post_way import way
from wla_ros.sim.expert.quintic import Leg
from wla_ros.sim.expert.quintic import MotionState
from wla_ros.sim.expert.quintic import axis_of
from wla_ros.sim.expert.settling import Settling
from wla_ros.sim.tasks import pass_post

_TILT_RAD = math.radians(60.0)
_RADIUS_M = (0.17, 0.62)
_WIDTH_M = pass_post.PassPost.gripper_start_m
_FOLLOWS_RAD = 0.10
_FOLLOWS_M_S = 0.15  # a plan that moves while the arm rests is over
_FOLLOW_FROM_S = 0.30  # before arrival; from then on the goal is followed
_FOLLOW_S = 0.10  # time constant of following
_DURATIONS_S = np.geomspace(0.5, 3.0, 14)
# A plan that was begun is kept to its time of arrival while it needs no more than this.
_KEPT_EFFORT = 1.4
# The side that rows or motion are on counts as chosen beyond a few of these.
_SIDE_SCALE_M = 0.008
_SIDE_LEAD_S = 0.20


class PassPostExpert:
    """
    Brings the left tool past the post into the goal; the other arm holds still.

    Without `wavering` the side is drawn once in an episode, if the arm is on neither. With it the
    side is drawn at every inference, with odds by where the arm is and how it moves: as a policy
    does that knows both sides. Committed rows that show a side always decide.
    """

    def __init__(self, *, wavering: bool = False) -> None:
        """Start without an episode."""
        self._layout = JointLayout(tuple(settings.ARM_BASES))
        self._mine = self._layout.arm_slice(pass_post.ARM)
        self._chart = plane_chart(
            pass_post.ARM,
            height_m=pass_post.PLANE_M,
            tilt_rad=_TILT_RAD,
            radius_range_m=_RADIUS_M,
        )
        self._wavering = wavering
        self._spec = expert_spec('pass_post', self._layout)
        self.reset(seed=0)

    @property
    def spec(self) -> PolicySpec:
        """Joint positions of both arms, 32 rows at 30 Hz."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Forget the episode; the sides are drawn by `seed`."""
        self._random = np.random.default_rng((seed, 0x51DE))
        self._side = 0
        self._still: FloatArray | None = None
        self._goal = MotionEstimate()
        self._estimate = ArmEstimate(DT_NS)
        self._path: PlanePath | None = None
        self._path_side = 0
        self._arrival_ns = 0

    def gave(self, rows: FloatArray, *, row0_ns: int) -> None:
        """Note the rows [H, D] that the arms are really given; row 0 is due at `row0_ns`."""
        mine = rows[:, self._mine][:, :6]
        self._estimate.gave(mine, row0_ns=row0_ns, since_ns=row0_ns)

    def close(self) -> None:
        """Nothing to release."""

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """
        Return the rows of the best way from the present state, or from the end of the committed
        rows.

        Raises ValueError if the observation has no poses of post and goal.
        """
        if observation.objects is None:
            raise ValueError(
                'the expert needs object poses; only the simulated rig publishes them'
            )
        post = object_pose(observation.objects, pass_post.POST)[:2, 3]
        goal = object_pose(observation.objects, pass_post.GOAL)[:2, 3]
        self._goal.see(observation.objects.stamp_ns, goal)
        start = plan_start(observation, request, dt_ns=DT_NS, horizon=HORIZON)
        if self._still is None:
            self._still = np.array(start.state.position)
        joints, tool = self._state(start)
        side = self._choose_side(start, tool, post)
        origin = self._origin(start.time_ns, joints, tool)
        path = self._plan(start.time_ns, origin, post, side)
        self._path, self._path_side = path, self._side
        joined = JoinedRows(path.rows_at, start.time_ns, joints.position, joints.velocity)
        times_ns = start.times_ns(DT_NS, HORIZON)
        rows = np.tile(self._still, (HORIZON, 1))
        rows[:, self._mine] = np.column_stack((joined.at(times_ns), np.full(HORIZON, _WIDTH_M)))
        rows[: start.committed] = start.copied
        self.gave(rows, row0_ns=start.row0_ns)
        return PolicyResult(
            rows=rows,
            subtask=_SUBTASKS[side],
            subtask_id=1 + side % 3,
            committed_prefix=start.committed,
        )

    def _state(self, start: PlanStart) -> tuple[MotionState, MotionState]:
        """Return the state of the arm's joints [6] and of its tool from above [2]."""
        position = start.state.position[self._mine][:6]
        velocity = start.state.velocity[self._mine][:6]
        if not start.committed:
            position, velocity = self._estimate.state(start.time_ns, position, velocity)
        joints = MotionState(position=position, velocity=velocity, acceleration=np.zeros(6))
        return joints, MotionState(
            position=self._chart.point_of(position),
            velocity=self._chart.velocity_of(position, velocity),
            acceleration=np.zeros(2),
        )

    def _origin(self, time_ns: int, joints: MotionState, tool: MotionState) -> MotionState:
        """
        Return the state of the tool from which the way goes on: that of the plan before if the
        arm follows it, which what the arm is off fades into; otherwise its own.
        """
        if self._path is None or self._side != self._path_side:
            return tool
        planned = self._path.state_at(time_ns)
        off = self._chart.joints_at(planned.position[None])[0] - joints.position
        slower = float(np.hypot(*(planned.velocity - tool.velocity)))
        follows = np.max(np.abs(off)) < _FOLLOWS_RAD and slower < _FOLLOWS_M_S
        return planned if follows else tool

    def _choose_side(self, start: PlanStart, tool: MotionState, post: FloatArray) -> int:
        """Return +1 or -1, or 0 once the post is behind."""
        if tool.position[0] > post[0] + BEHIND_M:
            return 0
        across_m = float(tool.position[1] - post[1] + _SIDE_LEAD_S * tool.velocity[1])
        if len(start.likely):
            shown = self._chart.point_of(start.likely[-1, self._mine][:6])
            if shown[0] < post[0] + BEHIND_M:
                across_m = float(shown[1] - post[1])
        beside = abs(float(tool.position[0] - post[0])) < BEHIND_M
        if not beside and self._side and not self._wavering:
            return self._side
        odds = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, across_m / _SIDE_SCALE_M))))
        if beside:
            self._side = 1 if across_m > 0.0 else -1
        else:
            self._side = 1 if self._random.random() < odds else -1
        return self._side

    def _plan(self, time_ns: int, tool: MotionState, post: FloatArray, side: int) -> PlanePath:
        """Return the fastest way that keeps the limits; the one begun, while it is good enough."""
        left_s = (self._arrival_ns - time_ns) / NS_PER_S
        if not side and left_s < _FOLLOW_FROM_S:
            return PlanePath(self._chart, time_ns, self._follow(time_ns, tool))
        best = self._way(time_ns, tool, post, side, max(left_s, _FOLLOW_FROM_S))
        if best.effort > _KEPT_EFFORT:
            for duration_s in _DURATIONS_S:
                candidate = self._way(time_ns, tool, post, side, float(duration_s))
                if candidate.effort < best.effort or candidate.effort <= 1.0:
                    best = candidate
                if candidate.effort <= 1.0:
                    break
            self._arrival_ns = time_ns + seconds_to_ns(best.legs[0][0].duration_s)
        return PlanePath(self._chart, time_ns, best.legs)

    def _follow(self, time_ns: int, tool: MotionState) -> tuple[tuple[Leg], tuple[Leg]]:
        goal, speed = self._goal.at(time_ns), self._goal.velocity
        x, y = (
            Settling(
                axis_of(tool, axis),
                MotionState(
                    position=goal[axis : axis + 1],
                    velocity=speed[axis : axis + 1],
                    acceleration=np.zeros(1),
                ),
                _FOLLOW_S,
            )
            for axis in (0, 1)
        )
        return (x,), (y,)

    def _way(
        self, time_ns: int, tool: MotionState, post: FloatArray, side: int, duration_s: float
    ) -> PostWay:
        goal = MotionState(
            position=self._goal.at(time_ns + seconds_to_ns(duration_s)),
            velocity=self._goal.velocity,
            acceleration=np.zeros(2),
        )
        return way(tool, goal, post, side, duration_s)


_SUBTASKS = {
    1: 'pass the post on its left',
    -1: 'pass the post on its right',
    0: 'follow the goal',
}
