# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The session hands its subtask memory to the policy and extends it by what the policy says."""

import numpy as np
import pytest

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import JointSample
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Representation
from wla_ros.inference.session import InferenceSession
from wla_ros.observation.config import SynchronisationConfig

LAYOUT = JointLayout(('arm',))
STEP_NS = 10_000_000


class Talk:
    """A session whose policy says what it is told, one observation after the other."""

    def __init__(self):
        spec = PolicySpec(
            name='talker',
            version='1',
            representation=Representation.JOINT_POSITION,
            columns=LAYOUT.columns,
            horizon=2,
            dt_ns=STEP_NS,
        )
        self.session = InferenceSession(spec, SynchronisationConfig(), LAYOUT)
        self.now_ns = 1_000_000_000

    def begin(self):
        for _ in range(6):
            self.now_ns += STEP_NS
            self.session.offer_joints(
                JointSample(
                    arm='arm',
                    stamp_ns=self.now_ns,
                    receive_ns=self.now_ns,
                    position=np.linspace(0.1, 0.05, 7) * self.now_ns / 1e9,
                    velocity=np.zeros(7),
                    effort=np.zeros(7),
                )
            )
        observation = self.session.next_observation(self.now_ns)
        return self.session.begin(observation, self.now_ns)

    def end(self, ticket, text, **facts):
        result = PolicyResult(rows=np.zeros((2, 7)), subtask=text, **facts)
        chunk = self.session.complete(ticket, result, self.now_ns)
        assert isinstance(chunk, ActionChunk), chunk
        return chunk

    def say(self, text, **facts):
        return self.end(self.begin(), text, **facts)


@pytest.fixture
def talk():
    return Talk()


def test_the_policy_reads_what_it_said_before(talk):
    talk.say('A. B.')
    talk.say('B.')
    memory = talk.begin().request.memory
    assert memory.text() == 'A. B.'
    assert memory is talk.session.memory


def test_a_chunk_names_its_subtask_and_the_revision_it_was_made_with(talk):
    first, second = talk.say('A.'), talk.say('B.')
    assert (first.provenance.subtask_id, first.provenance.memory_revision) == (1, 0)
    assert (second.provenance.subtask_id, second.provenance.memory_revision) == (2, 1)


def test_a_policy_without_language_leaves_the_memory_alone(talk):
    assert talk.say('').provenance.subtask_id == 0
    assert talk.session.memory.revision == 0


def test_a_late_subtask_is_marked_and_completes_nothing(talk):
    talk.say('A. B.')
    chunk = talk.say('A. B.', subtask_late=True)
    assert talk.session.memory.current.late
    assert talk.session.memory.completed == ()
    assert chunk.provenance.subtask_id == 1


def test_an_edit_during_an_inference_wins_over_what_the_policy_says(talk):
    talk.say('A.')
    ticket = talk.begin()
    edited = talk.session.edit_memory(lambda memory: memory.with_current('X.', talk.now_ns))
    talk.end(ticket, 'B.')
    assert talk.session.memory is edited


def test_another_instruction_begins_a_new_memory_at_the_next_inference(talk):
    talk.session.instruction = 'tidy'
    talk.say('A.')
    ticket = talk.begin()
    talk.session.instruction = 'lay the table'
    talk.end(ticket, 'B.')
    request = talk.begin().request
    assert request.instruction == request.memory.instruction == 'lay the table'
    assert request.memory.window == ()


def test_the_same_instruction_again_keeps_the_memory(talk):
    talk.session.instruction = 'tidy'
    talk.say('A.')
    talk.session.instruction = 'tidy'
    assert talk.session.memory.text() == 'A.'


def test_another_instruction_keeps_the_memory_if_asked(talk):
    talk.say('A.')
    talk.session.set_instruction('lay the table', talk.now_ns, keep_memory=True)
    assert talk.begin().request.memory.text() == 'A.'


def test_a_new_epoch_keeps_the_memory(talk):
    talk.say('A.')
    talk.session.reset('mode', talk.now_ns)
    assert talk.session.memory.text() == 'A.'
