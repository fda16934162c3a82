# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The MuJoCo scene of two arms on a table with the objects of a task."""

from dataclasses import dataclass

import mujoco
import numpy as np

from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import FloatArray
from wla_ros.robots.piper.forward_kinematics import flange_pose
from wla_ros.sim import arm_settings as settings
from wla_ros.sim.mjcf_world import build_model
from wla_ros.sim.servos import ArmServos
from wla_ros.sim.tasks.task import Course
from wla_ros.sim.tasks.task import Judgement
from wla_ros.sim.tasks.task import ObjectState
from wla_ros.sim.tasks.task import Task
from wla_ros.sim.tasks.task import TaskWithCourse

ARMS = tuple(settings.ARM_BASES)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SceneSnapshot:
    """What a renderer needs, copied: configuration at one instant."""

    elapsed_ns: int
    qpos: FloatArray


class TwoArmScene:
    """Two simulated Pipers and the objects of one task."""

    def __init__(self, task: Task, *, timestep_ns: int = 0) -> None:
        """Compile the model, with the timestep of the task unless given, and reset with seed 0."""
        self.task = task
        self.timestep_ns = timestep_ns or task.timestep_ns
        self.model = build_model(task, timestep_s=ns_to_seconds(self.timestep_ns))
        self.data = mujoco.MjData(self.model)
        self._servos = {arm: ArmServos(self.model, self.data, arm) for arm in ARMS}
        self._qpos_of = {name: int(self.model.joint(name).qposadr[0]) for name in task.objects}
        self._dof_of = {name: int(self.model.joint(name).dofadr[0]) for name in task.objects}
        # Objects that slide in others have one coordinate; where they are the physics says.
        free = mujoco.mjtJoint.mjJNT_FREE
        self._sliding = {
            name: int(self.model.body(name).id)
            for name in task.objects
            if self.model.joint(name).type[0] != free
        }
        self._object_name = {int(self.model.body(name).id): name for name in task.objects}
        self._tools = {arm: int(self.model.site(f'{arm}/tool').id) for arm in ARMS}
        self._arm_of_body = self._owners()
        self._course: Course | None = None
        self._steps = 0
        self.reset(seed=0)

    @property
    def elapsed_ns(self) -> int:
        """Simulated time since the last reset."""
        return self._steps * self.timestep_ns

    def reset(self, *, seed: int) -> None:
        """Put both arms powered and closed at home, the objects where `seed` says."""
        mujoco.mj_resetData(self.model, self.data)
        self._steps = 0
        for name, pose in self.task.place(seed).items():
            start = self._qpos_of[name]
            self.data.qpos[start : start + 7] = pose[[0, 1, 2, 6, 3, 4, 5]]
        self._course = self.task.course(seed) if isinstance(self.task, TaskWithCourse) else None
        if self._course is not None:
            self._drive(self._course)
        for servos in self._servos.values():
            servos.reset(np.array(settings.HOME_RAD))
        mujoco.mj_forward(self.model, self.data)

    def step(self, count: int = 1) -> None:
        """Advance by `count` timesteps."""
        course = self._course
        for _ in range(count):
            for servos in self._servos.values():
                servos.advance(self.timestep_ns)
            mujoco.mj_step(self.model, self.data)
            self._steps += 1
            if course is not None:
                course.watch(self)
                self._drive(course)

    def place_arm(self, arm: str, position: FloatArray, *, gripper_width_m: float = 0.0) -> None:
        """Put `arm` at `position` [6] [rad] at rest, for the start of an episode."""
        self._servos[arm].reset(
            np.asarray(position, dtype=np.float64), gripper_width_m=gripper_width_m
        )
        mujoco.mj_forward(self.model, self.data)

    def arm(self, name: str) -> ArmServos:
        """Return the motors and sensors of one arm."""
        return self._servos[name]

    def flange_pose(self, arm: str) -> FloatArray:
        """Return the pose [4, 4] of the flange in the world frame."""
        pose = flange_pose(self.arm(arm).joint_position())
        pose[:3, 3] += settings.ARM_BASES[arm]
        return pose

    def object_poses(self) -> tuple[tuple[str, ...], FloatArray]:
        """Return the names of the objects and their poses [n, 7] in the world, xyz and xyzw."""
        poses = np.empty((len(self.task.objects), 7))
        for i, name in enumerate(self.task.objects):
            start = self._qpos_of[name]
            if name in self._sliding:
                poses[i, :3] = self.object_point(name)
                poses[i, 3:] = self.data.xquat[self._sliding[name]][[1, 2, 3, 0]]
            else:
                poses[i] = self.data.qpos[start : start + 7][[0, 1, 2, 4, 5, 6, 3]]
        return self.task.objects, poses

    def object_states(self) -> dict[str, ObjectState]:
        """Return the physical state of every object, contacts with the arms included."""
        names, poses = self.object_poses()
        touching = self.touching()
        states = {}
        for i, name in enumerate(names):
            start = self._dof_of[name]
            axes = 1 if name in self._sliding else 3
            states[name] = ObjectState(
                name=name,
                pose=poses[i],
                speed_m_s=float(np.linalg.norm(self.data.qvel[start : start + axes])),
                held_by=tuple(arm for arm in ARMS if (arm, name) in touching),
            )
        return states

    def judge(self) -> Judgement:
        """Return the task's judgement of the present state, and of the way there if it counts."""
        judge = self.task if self._course is None else self._course
        return judge.judge(self.object_states())

    def tool_point(self, arm: str) -> FloatArray:
        """Return the tool centre point [3] [m] at the beginning of the last step."""
        return np.array(self.data.site_xpos[self._tools[arm]])

    def object_point(self, name: str) -> FloatArray:
        """
        Return the origin [3] [m] of an object; of one that slides in another, at the beginning of
        the last step.
        """
        if name in self._sliding:
            return np.array(self.data.xpos[self._sliding[name]])
        start = self._qpos_of[name]
        return np.array(self.data.qpos[start : start + 3])

    def touching(self) -> frozenset[tuple[str, str]]:
        """Return the (arm, object) pairs in contact."""
        if not self.data.ncon:
            return frozenset()
        pairs: set[tuple[str, str]] = set()
        names, arms = self._object_name, self._arm_of_body
        bodies = self.model.geom_bodyid[self.data.contact.geom]  # [contacts, 2]
        for first, second in bodies.tolist():
            for one, other in ((first, second), (second, first)):
                if one in arms and other in names:
                    pairs.add((arms[one], names[other]))
        return frozenset(pairs)

    def snapshot(self) -> SceneSnapshot:
        """Copy what rendering needs, so that physics may go on."""
        return SceneSnapshot(elapsed_ns=self.elapsed_ns, qpos=self.data.qpos.copy())

    def _owners(self) -> dict[int, str]:
        """Return the arm every body of an arm belongs to."""
        owners: dict[int, str] = {}
        for body in range(self.model.nbody):
            root = int(self.model.body_rootid[body])
            arm = self.model.body(root).name.partition('/')[0]
            if arm in settings.ARM_BASES:
                owners[body] = arm
        return owners

    def _drive(self, course: Course) -> None:
        """
        Put the driven objects where they are now, moving as they do, so that contacts of the next
        step feel their speed.
        """
        qpos, qvel = self.data.qpos, self.data.qvel
        for name, state in course.drive(self.elapsed_ns).items():
            x, y, z, qx, qy, qz, qw = state.pose.tolist()
            start = self._qpos_of[name]
            qpos[start : start + 7] = (x, y, z, qw, qx, qy, qz)
            start = self._dof_of[name]
            qvel[start : start + 6] = (*state.velocity.tolist(), 0.0, 0.0, state.turn_rad_s)
