# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A policy of the other joint zeros: it sees its own convention, the arms get theirs."""

import math

import numpy as np
from policies.observations import observation

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.base.types import StartCheck
from wla_ros.policies.adapters import PolicyWithZero
from wla_ros.policies.simple import HoldPolicy
from wla_ros.robots.piper.forward_kinematics import ZeroConvention

LAYOUT = JointLayout(('left', 'right'))
NEW, OLD = ZeroConvention.NEW, ZeroConvention.OLD
TWO_DEGREES = math.radians(2.0)
SHIFT = np.array([0.0, TWO_DEGREES, -TWO_DEGREES, 0.0, 0.0, 0.0, 0.0])
MEASURED = np.linspace(-0.3, 0.4, LAYOUT.width)


class Witness:
    """Remembers what it saw and answers rows of the joints it saw."""

    def __init__(self, representation: Representation, width: int) -> None:
        columns = LAYOUT.columns if width == LAYOUT.width else LAYOUT.pose_columns
        self.spec = PolicySpec(
            name='witness',
            version='1',
            representation=representation,
            columns=columns,
            horizon=2,
            dt_ns=33_333_333,
        )
        self.rows = np.zeros((2, width))

    def reset(self, *, seed: int) -> None:
        self.seed = seed

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        self.seen, self.request = observation.joint_position, request
        return PolicyResult(rows=self.rows, committed_prefix=1)

    def close(self) -> None:
        self.closed = True

    def start_refusal(self, joints: np.ndarray) -> Refusal | None:
        self.started_at = joints
        return Refusal(reason='witness', detail='')


def wrapped(policy, *, zero=OLD, left=NEW, right=OLD):
    return PolicyWithZero(policy, LAYOUT, zero=zero, arm_zeros={'left': left, 'right': right})


def test_only_joints_2_and_3_of_arms_with_other_zeros_are_moved_and_moved_back():
    witness = Witness(Representation.JOINT_POSITION, LAYOUT.width)
    policy = wrapped(witness)
    result = policy.infer(observation(MEASURED), PolicyRequest(instruction=''))
    assert np.allclose(witness.seen - MEASURED, [*SHIFT, *np.zeros(7)])
    assert np.allclose(result.rows, np.tile([*-SHIFT, *np.zeros(7)], (2, 1)))
    assert result.committed_prefix == 1


def test_a_policy_that_holds_holds_in_any_zeros():
    for zero in ZeroConvention:
        result = wrapped(HoldPolicy(LAYOUT), zero=zero).infer(
            observation(MEASURED), PolicyRequest(instruction='')
        )
        assert np.allclose(result.rows, MEASURED)


def test_committed_rows_and_the_check_at_start_are_in_the_zeros_of_the_policy():
    witness = Witness(Representation.JOINT_POSITION, LAYOUT.width)
    policy = wrapped(witness)
    rows = np.tile(MEASURED, (3, 1))
    prefix = CommittedPrefix(rows=rows, weights=np.ones(3))
    policy.infer(observation(MEASURED), PolicyRequest(instruction='', prefix=prefix))
    assert witness.request.prefix is not None
    assert np.allclose(witness.request.prefix.rows, witness.seen)
    assert np.array_equal(rows[0], MEASURED)  # nobody's array was written to

    assert isinstance(policy, StartCheck)
    refusal = policy.start_refusal(MEASURED)
    assert refusal is not None
    assert refusal.reason == 'witness'
    assert np.allclose(witness.started_at, witness.seen)
    assert wrapped(HoldPolicy(LAYOUT)).start_refusal(MEASURED) is None


def test_poses_and_rows_of_a_wrong_width_are_left_alone():
    for policy in (
        Witness(Representation.END_EFFECTOR_POSE, len(LAYOUT.pose_columns)),
        Witness(Representation.JOINT_POSITION, 3),
    ):
        result = wrapped(policy).infer(observation(MEASURED), PolicyRequest(instruction=''))
        assert result.rows is policy.rows
