# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The scripted expert of pass_post: a policy that sees post and goals.

It plans anew at every observation, from where the arm is or will be, by the law of motion that
also demonstrates the task: there is no plan to hold on to, as there is none in a trained policy.
Left and right are equally good; which one is drawn.
"""

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.benchmarks.post import pass_post
from wla_ros.benchmarks.post.post_law import Scene
from wla_ros.benchmarks.post.post_law import ToolState
from wla_ros.benchmarks.post.post_law import is_blocked
from wla_ros.benchmarks.post.post_law import side_of
from wla_ros.benchmarks.post.post_law import way
from wla_ros.benchmarks.post.post_plane import joint_velocity_at
from wla_ros.benchmarks.post.post_plane import joints_at
from wla_ros.benchmarks.post.post_plane import point_of
from wla_ros.benchmarks.post.post_plane import velocity_of
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.expert.cup_situation import object_pose
from wla_ros.sim.expert.estimates import ArmEstimate
from wla_ros.sim.expert.estimates import MotionEstimate
from wla_ros.sim.expert.joined_rows import JoinedRows
from wla_ros.sim.expert.plan import DT_NS
from wla_ros.sim.expert.plan import HORIZON
from wla_ros.sim.expert.plan import expert_spec
from wla_ros.sim.expert.plane import PlanStart
from wla_ros.sim.expert.plane import plan_start
from wla_ros.sim.tasks.task_options import PostOptions

_WIDTH_M = pass_post.PassPost.gripper_start_m
# A goal that moves this far from one observation to the next is another one.
_OTHER_GOAL_M = 0.10
# A goal counts as reached a little inside of it: rows are not executed to the millimetre.
_REACHED_M = 0.9 * PostOptions().goal_radius_m


class PassPostExpert:
    """
    Brings the left tool past the post into one goal after the other; the other arm holds still.

    Without `wavering` the side is drawn once for every goal, if the arm is on neither. With it the
    side is drawn at every inference, with odds by where the arm is: as a policy does that knows
    both sides. Rows in execution that show a side always decide.
    """

    def __init__(self, *, wavering: bool = False) -> None:
        """Start without an episode."""
        self._layout = JointLayout(tuple(settings.ARM_BASES))
        self._mine = self._layout.arm_slice(pass_post.ARM)
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
        self._draw = self._random.uniform(-1.0, 1.0, 2)  # for this goal, for the next one
        self._still: FloatArray | None = None
        self._goals = (MotionEstimate(), MotionEstimate())
        self._goal: FloatArray | None = None  # where it was seen last
        self._is_last = False
        self._estimate = ArmEstimate(DT_NS)

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

        Raises ValueError if the observation has no poses of the post and the goals.
        """
        if observation.objects is None:
            raise ValueError(
                'the expert needs object poses; only the simulated rig publishes them'
            )
        self._see(observation.objects)
        start = plan_start(observation, request, dt_ns=DT_NS, horizon=HORIZON)
        if self._still is None:
            self._still = np.array(start.state.position)
        position, velocity = self._state(start)
        tool = ToolState(
            point=point_of(position)[None], velocity=velocity_of(position, velocity)[None]
        )
        scene = self._scene(observation.objects, start)
        side = side_of(self._shown(start, tool), scene, self._draw[:1])
        rows = np.tile(self._still, (HORIZON, 1))
        times_ns = start.times_ns(DT_NS, HORIZON)
        plan = self._plan(start.time_ns, tool, scene, side)
        joined = JoinedRows(plan, start.time_ns, position, velocity)
        rows[:, self._mine] = np.column_stack((joined.at(times_ns), np.full(HORIZON, _WIDTH_M)))
        rows[: start.committed] = start.copied
        self.gave(rows, row0_ns=start.row0_ns)
        passing = int(side[0]) if is_blocked(tool, scene)[0] else 0
        return PolicyResult(
            rows=rows,
            subtask=_SUBTASKS[passing],
            subtask_id=1 + passing % 3,
            committed_prefix=start.committed,
        )

    def _see(self, objects: ObjectPoses) -> None:
        """Take in the goals, and draw sides where there is a new one."""
        goal, following = (
            object_pose(objects, name)[:2, 3] for name in (pass_post.GOAL, pass_post.NEXT)
        )
        if self._goal is not None and np.hypot(*(goal - self._goal)) > _OTHER_GOAL_M:
            self._goals = (self._goals[1], MotionEstimate())
            self._draw = np.array([self._draw[1], self._random.uniform(-1.0, 1.0)])
        if self._wavering:
            self._draw = self._random.uniform(-1.0, 1.0, 2)
        self._goal = goal
        self._is_last = np.array_equal(goal, following)
        for estimate, point in zip(self._goals, (goal, following), strict=True):
            estimate.see(objects.stamp_ns, point)

    def _state(self, start: PlanStart) -> tuple[FloatArray, FloatArray]:
        """Return position and velocity [6] of the arm's joints."""
        position = start.state.position[self._mine][:6]
        velocity = start.state.velocity[self._mine][:6]
        if start.committed:
            return position, velocity
        return self._estimate.state(start.time_ns, position, velocity)

    def _scene(self, objects: ObjectPoses, start: PlanStart) -> Scene:
        """Return what is before the tool at the start of the plan."""
        (goal, drift), (following, its_drift) = (
            (estimate.at(start.time_ns)[None], estimate.velocity[None])
            for estimate in (self._goals[0], self._goals[0 if self._is_last else 1])
        )
        scene = Scene(
            post=object_pose(objects, pass_post.POST)[None, :2, 3],
            goal=goal,
            drift=drift,
            next_goal=following,
            next_drift=its_drift,
        )
        given = point_of(start.copied[:, self._mine][:, :6])
        away = np.hypot(*(given - goal).T)
        return scene.advanced(np.array([np.any(away <= _REACHED_M) and not scene.is_last[0]]))

    def _shown(self, start: PlanStart, tool: ToolState) -> ToolState:
        """Return what tells the side: the end of the rows in execution, else the tool."""
        if not len(start.likely):
            return tool
        return ToolState(
            point=point_of(start.likely[-1:, self._mine][:, :6]), velocity=tool.velocity
        )

    def _plan(
        self, time_ns: int, tool: ToolState, scene: Scene, side: FloatArray
    ) -> '_InterpolatedWay':
        points = way(
            tool,
            scene,
            side,
            rows=HORIZON + 1,
            dt_s=ns_to_seconds(DT_NS),
            goal_radius_m=_REACHED_M,
            next_draw=self._draw[1:],
        )[0]
        return _InterpolatedWay(
            time_ns, joints_at(points), joint_velocity_at(tool.point, tool.velocity)[0]
        )


class _InterpolatedWay:
    """Rows [n, 6] from `time_ns` on, straight from one to the next, at first with `velocity`."""

    def __init__(self, time_ns: int, rows: FloatArray, velocity: FloatArray) -> None:
        self._time_ns, self._rows = time_ns, rows
        # What the acceleration makes of the first row.
        self._bend = rows[1] - rows[0] - velocity * ns_to_seconds(DT_NS)

    def __call__(self, times_ns: NDArray[np.int64]) -> FloatArray:
        place = (times_ns - self._time_ns) / DT_NS
        index = np.arange(len(self._rows))
        straight = np.stack([np.interp(place, index, column) for column in self._rows.T], axis=1)
        first = np.clip(place, 0.0, 1.0)[:, None]
        return np.asarray(straight + (first**2 - first) * self._bend)


_SUBTASKS = {
    1: 'pass the post on its left',
    -1: 'pass the post on its right',
    0: 'go into the goal',
}
