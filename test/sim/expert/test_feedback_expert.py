# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Experts by feedback: success from disturbed starts, and what they say in failed states."""

import dataclasses
import math

import numpy as np
import pytest

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PrefixUse
from wla_ros.robots.piper.limits import joint_bounds
from wla_ros.sim.arm_settings import HOME_RAD
from wla_ros.sim.expert.direct_run import observe
from wla_ros.sim.expert.direct_run import run_direct_episode
from wla_ros.sim.expert.disturbed_start import Pushes
from wla_ros.sim.expert.disturbed_start import disturbed_rows
from wla_ros.sim.expert.feedback_experts import make_demonstrator
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks.task import make_task

TASKS = ('dispose_trash', 'press_button', 'stack_cup')
LAYOUT = JointLayout(('left', 'right'))
JOINTS = list(LAYOUT.joint_indices)


@pytest.fixture(scope='module', params=TASKS)
def scene(request):
    return TwoArmScene(make_task(request.param))


@pytest.fixture(scope='module')
def cups():
    return TwoArmScene(make_task('stack_cup'))


def at_grasp(scene, width_m):
    """Return an observation of a hand around the orange cup, `width_m` open."""
    scene.reset(seed=3)
    expert = make_demonstrator('stack_cup')
    request = PolicyRequest(instruction=scene.task.instruction)
    observation = observe(scene)
    row = observation.joint_position
    for _ in range(40):  # follows its own rows: the arm gets to the cup without physics
        row = expert.infer(moved(observation, row), request).rows[8]
        if expert.infer(moved(observation, row), request).subtask == 'Grasp the orange cup.':
            break
    row = row.copy()
    row[LAYOUT.arm_slice(expert.working_arm)][-1] = width_m
    return moved(observation, row), expert.working_arm


def moved(observation, row):
    return dataclasses.replace(
        observation, joint_position=row, joint_velocity=np.zeros(LAYOUT.width)
    )


@pytest.mark.parametrize('seed', [40, 41])
def test_it_succeeds_from_disturbed_starts(scene, seed):
    outcome = run_direct_episode(
        seed,
        task=scene.task.name,
        scene=scene,
        expert=make_demonstrator(scene.task.name),
        start=disturbed_rows(seed),
        committed=True,
    )
    assert outcome.success, outcome


def test_latency_does_not_matter(scene):
    outcome = run_direct_episode(
        42,
        task=scene.task.name,
        scene=scene,
        expert=make_demonstrator(scene.task.name),
        start=disturbed_rows(42),
        latency_ns=100_000_000,
        committed=True,
    )
    assert outcome.success, outcome


def test_an_answer_depends_on_observation_and_request_alone(scene):
    """A fresh expert labels a visited state as the one that got there, up to what it remembers."""
    scene.reset(seed=5)
    request = PolicyRequest(instruction=scene.task.instruction)
    observation = observe(scene)
    answers = [make_demonstrator(scene.task.name).infer(observation, request) for _ in range(2)]
    np.testing.assert_array_equal(answers[0].rows, answers[1].rows)
    assert answers[0].subtask == answers[1].subtask != ''


def test_committed_rows_are_kept_and_continued(scene):
    scene.reset(seed=6)
    expert = make_demonstrator(scene.task.name)
    told = scene.task.instruction
    first = expert.infer(observe(scene), PolicyRequest(instruction=told)).rows
    prefix = CommittedPrefix(rows=first[:5], weights=np.ones(5), use=PrefixUse.CLEAN)
    answer = expert.infer(observe(scene), PolicyRequest(instruction=told, prefix=prefix))
    assert answer.committed_prefix == 5
    np.testing.assert_array_equal(answer.rows[:5], first[:5])
    np.testing.assert_allclose(answer.rows, first, atol=2e-3)


def test_rows_from_anywhere_keep_the_joint_limits_and_do_not_jump(scene):
    request = PolicyRequest(instruction=scene.task.instruction)
    lower, upper = (np.array(bound) for bound in joint_bounds(0.0))
    for seed in range(20):
        scene.reset(seed=seed)
        row = disturbed_rows(seed)
        answer = make_demonstrator(scene.task.name).infer(moved(observe(scene), row), request)
        joints = answer.rows[:, JOINTS].reshape(len(answer.rows), 2, 6)
        np.testing.assert_allclose(answer.rows[0, JOINTS], row[JOINTS], atol=1e-9)
        assert np.all((joints >= lower) & (joints <= upper))
        assert np.max(np.abs(np.diff(joints, axis=0))) < 0.1  # 3 rad/s


def test_a_missed_grasp_keeps_the_subtask_and_opens_the_hand(cups):
    observation, arm = at_grasp(cups, 0.02)
    expert = make_demonstrator('stack_cup')
    request = PolicyRequest(instruction=cups.task.instruction)
    expert.infer(observation, request)
    later = dataclasses.replace(observation, stamp_ns=observation.stamp_ns + 33_333_333)
    answer = expert.infer(later, request)
    assert answer.subtask == 'Grasp the orange cup.'
    np.testing.assert_array_equal(answer.rows[:5, LAYOUT.arm_slice(arm)][:, 6], 0.07)


def test_a_hand_dwells_at_the_cup_before_it_lifts(cups):
    observation, arm = at_grasp(cups, 0.060)
    answer = make_demonstrator('stack_cup').infer(
        observation, PolicyRequest(instruction=cups.task.instruction)
    )
    rows = answer.rows[:, LAYOUT.arm_slice(arm)]
    assert answer.subtask == 'Grasp the orange cup.'
    assert np.max(np.abs(rows[:9, :6] - rows[0, :6])) < 1e-3
    assert np.max(np.abs(rows[-1, :6] - rows[0, :6])) > 1e-2


def test_a_fallen_cup_is_named_and_the_arms_go_home(cups):
    cups.reset(seed=7)
    observation = observe(cups)
    objects = observation.objects
    poses = objects.poses.copy()
    poses[0, 3:] = (math.sin(math.pi / 4), 0.0, 0.0, math.cos(math.pi / 4))
    lying = ObjectPoses(
        stamp_ns=objects.stamp_ns, receive_ns=objects.receive_ns, names=objects.names, poses=poses
    )
    observation = dataclasses.replace(observation, objects=lying)
    answer = make_demonstrator('stack_cup').infer(
        observation, PolicyRequest(instruction=cups.task.instruction)
    )
    assert answer.subtask == 'Hold: the orange cup has fallen over.'
    np.testing.assert_allclose(answer.rows[-1][:6], HOME_RAD, atol=5e-3)


@pytest.mark.parametrize('told', [1, 4])
def test_the_text_says_which_press_it_is(told):
    from wla_ros.sim.tasks.task_options import ButtonOptions
    from wla_ros.sim.tasks.task_options import TaskOptions

    task = make_task('press_button', TaskOptions(button=ButtonOptions(presses=told)))
    expert = Texts(make_demonstrator('press_button'))
    outcome = run_direct_episode(
        8, task='press_button', scene=TwoArmScene(task), expert=expert, committed=True
    )
    assert outcome.success, outcome
    expected = []
    for press in range(1, told + 1):
        expected += [f'Press {press} of {told}.', f'Lift after press {press} of {told}.']
    said = [text for text in expert.texts if not text.startswith('Go to')]
    assert said == [*expected, 'Return home.', 'Done.'][: len(said)]
    assert set(expected) <= set(said)


class Texts:
    """Notes what an expert says."""

    def __init__(self, expert):
        self._expert = expert
        self.spec = expert.spec
        self.texts = []

    def reset(self, *, seed):
        self._expert.reset(seed=seed)

    def infer(self, observation, request):
        result = self._expert.infer(observation, request)
        if self.texts[-1:] != [result.subtask]:
            self.texts.append(result.subtask)
        return result


def test_a_wrong_instruction_is_told():
    scene = TwoArmScene(make_task('press_button'))
    with pytest.raises(ValueError, match='N times'):
        make_demonstrator('press_button').infer(
            observe(scene), PolicyRequest(instruction='Press it.')
        )


def test_starts_are_those_of_the_seed_within_limits_and_apart():
    rows = np.array([disturbed_rows(seed) for seed in range(30)])
    np.testing.assert_array_equal(rows[4], disturbed_rows(4))
    lower, upper = (np.array(bound) for bound in joint_bounds(0.0))
    joints = rows[:, JOINTS].reshape(30, 2, 6)
    assert np.all((joints > lower) & (joints < upper))
    assert np.all(np.std(rows, axis=0) > 0.01)


def test_pushes_are_those_of_the_seed_and_end():
    def speeds(seed):
        pushes = Pushes(seed)
        drawn = []
        for _ in range(300):
            pushes.advance()
            drawn.append(pushes.speed.copy())
        return np.array(drawn)

    first = speeds(1)
    np.testing.assert_array_equal(first, speeds(1))
    pushed = np.any(first != 0.0, axis=1)
    assert 0.05 < pushed.mean() < 0.6
    assert np.all(first[:, list(LAYOUT.gripper_indices)] == 0.0)
