"""
The rows of a chunk as joint positions: taken as they are, or solved for their poses.

Knows no plan and no time. A chunk is converted as a whole or refused.
"""

from collections.abc import Mapping

import numpy as np

from wla_ros.control import reasons
from wla_ros.control.chunk_gate import ChunkGate
from wla_ros.control.chunk_schedule import ChunkSchedule
from wla_ros.control.chunk_schedule import schedule_of
from wla_ros.control.end_effector_rows import ArmKinematics
from wla_ros.control.end_effector_rows import EndEffectorRows
from wla_ros.control.executor_config import GateConfig
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal
from wla_ros.core.types import Representation


class ChunkRows:
    """Converts chunks; nothing in it changes, any thread may call it."""

    def __init__(
        self,
        config: GateConfig,
        gate: ChunkGate,
        layout: JointLayout,
        limits: JointLimits,
        kinematics: Mapping[str, ArmKinematics] | None,
    ) -> None:
        """`kinematics` is for poses only. Raises ValueError if it lacks an arm."""
        self._config, self._gate = config, gate
        self._poses = None if kinematics is None else EndEffectorRows(layout, kinematics)
        fastest = float(limits.velocity[list(layout.joint_indices)].max())
        self._fastest = fastest * config.max_velocity_ratio

    @property
    def solves_poses(self) -> bool:
        """Whether there are kinematics."""
        return self._poses is not None

    def solve_poses(
        self, chunk: ActionChunk, commanded: FloatArray
    ) -> FloatArray | Refusal | None:
        """
        Return the joint rows [H, D] of an end-effector chunk, begun from `commanded` [D].

        None where there is nothing to solve, or nothing that would not be refused anyway.
        """
        if self._poses is None or chunk.representation == Representation.JOINT_POSITION:
            return None
        rows = np.asarray(chunk.rows, dtype=np.float64)
        if self._gate.judge_shape(chunk) or self._gate.judge_finite(rows, chunk.columns):
            return None
        return self.to_joints(rows, chunk.dt_ns, commanded)

    def schedule(
        self, chunk: ActionChunk, commanded: FloatArray, solved: FloatArray | Refusal | None
    ) -> ChunkSchedule | Refusal:
        """Return all rows of `chunk` in joints; `solved` is what `solve_poses` said, if asked."""
        rows = np.asarray(chunk.rows, dtype=np.float64)
        if chunk.representation == Representation.JOINT_POSITION:
            return schedule_of(chunk, rows)
        if self._poses is None:
            return Refusal(
                reason=reasons.REPRESENTATION_UNSUPPORTED,
                detail='end-effector chunks need arm kinematics, the executor has none',
            )
        refusal = self._gate.judge_finite(rows, chunk.columns)
        if refusal is not None:
            return refusal
        joints = self.to_joints(rows, chunk.dt_ns, commanded) if solved is None else solved
        return joints if isinstance(joints, Refusal) else schedule_of(chunk, joints, rows)

    def to_joints(
        self, rows: FloatArray, dt_ns: int, commanded: FloatArray
    ) -> FloatArray | Refusal:
        """
        Return joint rows [n, D] for finite end-effector rows [n, 8 * arms] spaced `dt_ns`.

        Raises ValueError without kinematics.
        """
        if self._poses is None:
            raise ValueError('there are no kinematics')
        return self._poses.to_joints(
            rows,
            commanded,
            max_step_rad=self._fastest * ns_to_seconds(dt_ns),
            first_step_rad=self._config.max_pose_start_rad,
        )
