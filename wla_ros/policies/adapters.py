# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Policies that wrap another: with cameras it does not look at, or with the other joint zeros."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.base.types import Policy
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.base.types import StartCheck
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.piper.forward_kinematics import convert_zero

# A policy that waits for cameras it does not look at.
#
# A scripted expert needs no pixels; demanding the cameras all the same makes the synchroniser
# anchor its observations to exposures and refuse missing, stale and frozen images, as for the
# policy that comes after it.


class PolicyWithCameras:
    """Another policy whose specification names more cameras."""

    def __init__(self, policy: Policy, cameras: tuple[str, ...]) -> None:
        """Add `cameras` to those that `policy` needs, the policy's own first."""
        self._policy = policy
        spec = policy.spec
        self._spec = dataclasses.replace(
            spec, cameras=tuple(dict.fromkeys((*spec.cameras, *cameras)))
        )

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and emits, with the additional cameras."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Forget everything about the running episode."""
        self._policy.reset(seed=seed)

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """Return the rows of the wrapped policy."""
        return self._policy.infer(observation, request)

    def close(self) -> None:
        """Release what the wrapped policy holds."""
        self._policy.close()


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
