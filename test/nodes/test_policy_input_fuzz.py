# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""No single message of any input resets, ends or starts anything in the policy node."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy')

import numpy as np  # noqa: E402 - not without rclpy
from nodes.input_episodes import Episode  # noqa: E402

from wla_ros.inference.pacing import DelayForecast  # noqa: E402
from wla_ros.inference.pacing import ReceivedPlan  # noqa: E402
from wla_ros.inference.plan import PlanListener  # noqa: E402
from wla_ros.inference.session import InferenceSession  # noqa: E402
from wla_ros.nodes import plan_messages  # noqa: E402
from wla_ros.nodes.policy import inputs  # noqa: E402
from wla_ros.nodes.policy.inputs import PolicyInputs  # noqa: E402
from wla_ros.observation import joints  # noqa: E402
from wla_ros.observation import time_line  # noqa: E402
from wla_ros.observation.buffer import StampJump  # noqa: E402
from wla_ros.observation.time_line import Place  # noqa: E402
from wla_ros.observation.time_line import Placed  # noqa: E402
from wla_ros.observation.time_line import TimeLine  # noqa: E402
from wla_ros.robots.joint_agreement import Continuity  # noqa: E402
from wla_ros.robots.joint_agreement import JointAgreement  # noqa: E402

# More for a long run: WLA_ROS_FUZZ_EPISODES=2000 pytest test/nodes/test_policy_input_fuzz.py
EPISODES = int(os.environ.get('WLA_ROS_FUZZ_EPISODES', '60'))


def violations(seeds: range) -> Iterator[str]:
    for seed in seeds:
        yield from (f'seed {seed}: {problem}' for problem in Episode(seed).run())


def test_no_single_message_resets_ends_or_starts_anything() -> None:
    assert list(violations(range(EPISODES))) == []


def one_message_proves_a_jump(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(time_line, 'PROOF_COUNT', 1)
    patch.setattr(time_line, 'PROOF_NS', 0)


def a_burst_proves_a_jump(patch: pytest.MonkeyPatch) -> None:
    def place(self: TimeLine, stamp_ns: int, receive_ns: int) -> Placed:
        return real(self, stamp_ns, stamp_ns)  # a series is long by its own stamps

    real = TimeLine.place
    patch.setattr(TimeLine, 'place', place)


def a_jump_of_one_stream_resets_all(patch: pytest.MonkeyPatch) -> None:
    def after_door(self: InferenceSession, verdict: Any) -> Any:
        if isinstance(verdict, StampJump) or getattr(verdict, 'reason', '') == 'stamp_jump':
            self.reset('clock_jump', 0)
        return real(self, verdict)

    real = InferenceSession._after_admission
    patch.setattr(InferenceSession, '_after_admission', after_door)


def every_stamp_is_next(patch: pytest.MonkeyPatch) -> None:
    def place(self: TimeLine, stamp_ns: int, receive_ns: int) -> Placed:
        placed = real(self, stamp_ns, receive_ns)
        astray = placed.place is Place.ASTRAY
        return Placed(place=Place.NEXT, sentence='') if astray else placed

    real = TimeLine.place
    patch.setattr(TimeLine, 'place', place)


def a_plan_of_another_strategy_silences_the_executor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ReceivedPlan, 'is_fresh', lambda self, now_ns: False)


def a_plan_is_taken_without_its_strategy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PlanListener, '_judge_strategy', lambda self, plan: None)


def a_plan_is_taken_without_its_shape(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PlanListener, '_shape_problems', lambda self, plan: [])


def any_splice_delay_is_learnt(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DelayForecast, 'excess_ns', lambda self, splice, now_ns: 0)


def a_plan_of_other_columns_is_taken(patch: pytest.MonkeyPatch) -> None:
    def value(message: Any, columns: tuple[str, ...]) -> Any:
        return real(message, tuple(message.columns))

    real = plan_messages.plan_value
    patch.setattr('wla_ros.nodes.policy.node.plan_value', value)


def impossible_steps_are_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(JointAgreement, 'judge', lambda self, *_: Continuity.CONTINUES)


def joints_are_not_judged(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(JointAgreement, 'judge', lambda self, *_: Continuity.CONTINUES)
    patch.setattr(joints, 'judge_joint_sample', lambda sample, **bounds: None)


def the_future_is_taken(patch: pytest.MonkeyPatch) -> None:
    def judge(self: Any, stamp_ns: int, receive_ns: int) -> Any:
        return real(self, stamp_ns, max(stamp_ns, receive_ns))

    real = joints.StreamBuffer.judge
    patch.setattr(joints.StreamBuffer, 'judge', judge)


def images_are_cut_to_fit(patch: pytest.MonkeyPatch) -> None:
    def decode(message: Any, expected: str) -> Any:
        pixels = real(message, expected)
        return pixels if hasattr(pixels, 'shape') else np.zeros((8, 8, 3), np.uint8)

    real = inputs.decode_image
    patch.setattr(inputs, 'decode_image', decode)


def a_grey_image_is_an_old_one(patch: pytest.MonkeyPatch) -> None:
    first: list[Any] = []

    def decode(message: Any, expected: str) -> Any:
        pixels = real(message, expected)
        first.append(pixels)
        return first[0] if message.encoding == 'mono8' else pixels

    real = inputs.decode_image
    patch.setattr(inputs, 'decode_image', decode)


def a_refused_message_is_not_counted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PolicyInputs, '_refuse', lambda self, stream, refusal: None)


# Each with a stream and a kind of message that show it.
PLANTED: list[tuple[Any, str, str]] = [
    (one_message_proves_a_jump, 'head', 'stamped five seconds ago'),
    (a_burst_proves_a_jump, 'joint_states_left', 'flood of stamps'),
    (a_jump_of_one_stream_resets_all, 'left_wrist', 'stamped two seconds ago'),
    (every_stamp_is_next, 'execution_plan', 'stamped five seconds ago'),
    (a_plan_of_another_strategy_silences_the_executor, 'execution_plan', 'another strategy'),
    (a_plan_is_taken_without_its_strategy, 'execution_plan', 'nonsense strategy'),
    (a_plan_is_taken_without_its_shape, 'execution_plan', 'rows without a number'),
    (any_splice_delay_is_learnt, 'execution_plan', 'a splice of 15 minutes'),
    (a_plan_of_other_columns_is_taken, 'execution_plan', 'other columns'),
    (impossible_steps_are_taken, 'joint_states_right', '1.9 rad off'),
    (joints_are_not_judged, 'joint_states_right', 'one radian off'),
    (the_future_is_taken, 'right_wrist', 'stamped in five seconds'),
    (images_are_cut_to_fit, 'head', 'half the data'),
    (a_grey_image_is_an_old_one, 'head', "encoding 'mono8'"),
    (a_refused_message_is_not_counted, 'head', 'no pixels'),
]


@pytest.mark.parametrize(('fault', 'stream', 'kind'), PLANTED)
def test_a_planted_fault_is_found(
    fault: Any, stream: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    episodes = (Episode(seed, stream=stream, kind=kind) for seed in range(EPISODES))
    assert any(episode.run() for episode in episodes)
