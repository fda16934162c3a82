"""
A policy trained with the other joint zeros than those of the arms.

The one place where joint zeros meet a policy: everything it sees is moved to its convention, every
joint row it answers is moved back. Poses and velocities are the same in both.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.ports import Policy
from wla_ros.core.ports import StartCheck
from wla_ros.core.types import CommittedPrefix
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import PolicySpec
from wla_ros.core.types import Refusal
from wla_ros.core.types import Representation
from wla_ros.robots.piper.zero_convention import ZeroConvention
from wla_ros.robots.piper.zero_convention import convert_zero


class PolicyWithZero:
    """Another policy, which speaks of joints in `zero` while the arms are in `arm_zeros`."""

    def __init__(
        self,
        policy: Policy,
        layout: JointLayout,
        *,
        zero: ZeroConvention,
        arm_zeros: Mapping[str, ZeroConvention],
    ) -> None:
        """Wrap `policy`; `arm_zeros` has every arm of `layout`."""
        self._policy = policy
        shift = np.zeros(layout.width)  # [D] angle of the policy less angle of the arm
        for arm in layout.arms:
            columns = layout.arm_slice(arm)
            shift[columns] = convert_zero(shift[columns], source=arm_zeros[arm], target=zero)
        self._shift = shift

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and emits."""
        return self._policy.spec

    def reset(self, *, seed: int) -> None:
        """Forget everything about the running episode."""
        self._policy.reset(seed=seed)

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """Return the rows of the wrapped policy in the zeros of the arms."""
        result = self._policy.infer(
            dataclasses.replace(
                observation, joint_position=observation.joint_position + self._shift
            ),
            dataclasses.replace(request, prefix=self._converted(request.prefix)),
        )
        rows = np.asarray(result.rows)
        joints = self.spec.representation == Representation.JOINT_POSITION
        if not joints or rows.shape[-1:] != self._shift.shape:
            return result  # rows of another width are refused, by name, where results are checked
        return dataclasses.replace(result, rows=rows - self._shift)

    def close(self) -> None:
        """Release what the wrapped policy holds."""
        self._policy.close()

    def start_refusal(self, joints: FloatArray) -> Refusal | None:
        """Return why autonomy must not begin at `joints` [D], if the wrapped policy minds."""
        policy = self._policy
        return (
            policy.start_refusal(joints + self._shift) if isinstance(policy, StartCheck) else None
        )

    def _converted(self, prefix: CommittedPrefix | None) -> CommittedPrefix | None:
        if prefix is None:
            return None
        return dataclasses.replace(prefix, rows=prefix.rows + self._shift)
