# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

from wla_ros.base.config import ConfigurationError
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import PolicyRequest
from wla_ros.sim.arm_settings import HOME_RAD
from wla_ros.sim.expert.direct_run import observe
from wla_ros.sim.expert.direct_run import run_direct_episode
from wla_ros.sim.expert.plan import make_expert
from wla_ros.sim.expert.stack_cup import DT_NS
from wla_ros.sim.expert.stack_cup import MAX_ATTEMPTS
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks.task import make_task

LAYOUT = JointLayout(('left', 'right'))
REQUEST = PolicyRequest(instruction='Stack the orange cup on the blue cup.')
JOINTS = list(LAYOUT.joint_indices)


@pytest.fixture(scope='module')
def shared():
    return TwoArmScene(make_task('stack_cup'))


@pytest.fixture
def scene(shared):
    shared.reset(seed=1)
    return shared


@pytest.fixture
def expert():
    return make_expert('stack_cup')


class PerfectArms:
    """Arms that are exactly where the chunk says, cups that stay, to look at chunks alone."""

    def __init__(self, scene):
        self.observation = observe(scene)

    def at(self, stamp_ns, row, velocity=0.0):
        objects = dataclasses.replace(self.observation.objects, stamp_ns=stamp_ns)
        return dataclasses.replace(
            self.observation,
            stamp_ns=stamp_ns,
            joint_position=row,
            joint_velocity=np.full(14, velocity),
            objects=objects,
        )


@pytest.mark.parametrize('seed', [0, 3, 11])
def test_the_cup_is_stacked_and_the_expert_says_so(shared, expert, seed):
    outcome = run_direct_episode(seed, scene=shared, expert=expert)
    assert outcome.success, outcome
    assert outcome.finished
    assert outcome.duration_s < 13.0


@pytest.mark.parametrize('latency_ms', [100, 250])
def test_latency_does_not_matter(shared, expert, latency_ms):
    outcome = run_direct_episode(4, scene=shared, expert=expert, latency_ns=latency_ms * 1_000_000)
    assert outcome.success, outcome


def test_the_same_seed_gives_the_same_episode(shared):
    assert run_direct_episode(6, scene=shared) == run_direct_episode(6)


def test_chunks_of_one_plan_never_disagree_and_keep_the_limits(scene, expert):
    arms = PerfectArms(scene)
    row, slow = arms.observation.joint_position, 0.1
    played, before = [], None
    for tick in range(150):
        rows = expert.infer(arms.at(tick * DT_NS, row, slow if tick else 0.0), REQUEST).rows
        assert rows.shape == (32, 14)
        if before is not None:
            np.testing.assert_allclose(rows[:-1], before[1:], atol=1e-9)
        before, row = rows, rows[1]
        played.append(rows[0])
    speed = np.diff(np.array(played)[:, JOINTS], axis=0) * 1e9 / DT_NS
    assert np.max(np.abs(speed)) < 2.2
    assert np.max(np.abs(np.diff(speed, axis=0))) * 1e9 / DT_NS < 4.5
    assert np.max(np.ptp(played, axis=0)) > 0.3


def test_the_first_rows_hold_what_was_measured(scene, expert):
    observation = observe(scene)
    rows = expert.infer(observation, REQUEST).rows
    held = rows[:4]
    np.testing.assert_allclose(held, np.tile(held[0], (4, 1)), atol=1e-12)
    np.testing.assert_allclose(held[0][JOINTS], observation.joint_position[JOINTS], atol=1e-12)


def test_nothing_is_planned_while_the_arms_still_move(scene, expert):
    arms = PerfectArms(scene)
    row = arms.observation.joint_position
    moving = expert.infer(arms.at(0, row, 0.5), REQUEST).rows
    np.testing.assert_allclose(moving, np.tile(moving[0], (32, 1)))
    resting = expert.infer(arms.at(DT_NS, row), REQUEST).rows
    assert np.max(np.ptp(resting, axis=0)) > 0.01


def test_the_other_arm_stays(scene, expert):
    rows = expert.infer(observe(scene), REQUEST).rows
    moving = {arm: np.ptp(rows[:, LAYOUT.arm_slice(arm)], axis=0).max() for arm in LAYOUT.arms}
    assert sorted(value > 0 for value in moving.values()) == [False, True]


def test_a_reset_at_any_time_continues_from_the_measured_state(shared, expert):
    class Resetting:
        spec = expert.spec

        def reset(self, *, seed):
            expert.reset(seed=seed)
            self.at_s = [1.0, 2.4, 4.3, 6.4]

        def infer(self, observation, request):
            if self.at_s and observation.stamp_ns > self.at_s[0] * 1e9:
                self.at_s.pop(0)
                expert.reset(seed=0)
            return expert.infer(observation, request)

    outcome = run_direct_episode(9, scene=shared, expert=Resetting())
    assert outcome.success, outcome


class Tampered:
    """Changes rows between the expert and the arms."""

    def __init__(self, expert, change):
        self.spec, self.reset = expert.spec, expert.reset
        self._expert, self._change = expert, change
        self.subtasks = []

    def infer(self, observation, request):
        result = self._expert.infer(observation, request)
        if not self.subtasks or self.subtasks[-1] != result.subtask:
            self.subtasks.append(result.subtask)
        rows = self._change(observation.stamp_ns * 1e-9, result.rows.copy())
        return dataclasses.replace(result, rows=rows)


def open_hands(rows):
    rows[:, list(LAYOUT.gripper_indices)] = 0.07
    return rows


def test_a_dropped_cup_is_picked_up_again(shared, expert):
    tampered = Tampered(expert, lambda t, rows: open_hands(rows) if 2.9 < t < 3.5 else rows)
    outcome = run_direct_episode(2, scene=shared, expert=tampered)
    assert outcome.success, outcome
    assert tampered.subtasks.count('grasp the orange cup') == 2
    assert tampered.subtasks[-1] == 'done'


def test_a_hand_that_never_closes_ends_in_holding_not_in_finished(shared, expert):
    tampered = Tampered(expert, lambda t, rows: open_hands(rows))
    outcome = run_direct_episode(2, scene=shared, expert=tampered, time_limit_s=40.0)
    assert not outcome.finished
    assert not outcome.success
    assert tampered.subtasks.count('grasp the orange cup') == MAX_ATTEMPTS
    assert tampered.subtasks[-1].startswith('hold: ')


def test_an_arm_that_was_held_up_replans_from_where_it_is(shared, expert):
    held = {}

    def hold_up(t, rows):
        if 1.0 < t < 3.0:
            return np.tile(held.setdefault('row', rows[0]), (32, 1))
        return rows

    outcome = run_direct_episode(0, scene=shared, expert=Tampered(expert, hold_up))
    assert outcome.success, outcome


def test_subtasks_are_numbered_in_order(scene, expert):
    arms = PerfectArms(scene)
    row = arms.observation.joint_position
    ids = []
    for tick in range(100):
        result = expert.infer(arms.at(tick * DT_NS, row, 0.1 if tick else 0.0), REQUEST)
        ids.append((result.subtask_id, result.subtask))
        row = result.rows[1]
    numbers = [number for number, _ in ids]
    assert numbers == sorted(numbers)
    assert len(set(ids)) == len(set(numbers)) > 2


def test_a_cup_that_lies_down_is_not_chased(scene, expert):
    observation = observe(scene)
    poses = observation.objects.poses.copy()
    poses[0, 3:] = [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]
    fallen = dataclasses.replace(
        observation, objects=dataclasses.replace(observation.objects, poses=poses)
    )
    result = expert.infer(fallen, REQUEST)
    assert result.subtask == 'hold: a cup has fallen over'
    assert not result.finished
    np.testing.assert_allclose(result.rows[:, :6], np.tile(HOME_RAD, (32, 1)), atol=1e-6)


def test_without_object_poses_the_error_says_what_is_missing(scene, expert):
    observation = observe(scene)
    with pytest.raises(ValueError, match='object poses'):
        expert.infer(dataclasses.replace(observation, objects=None), REQUEST)
    other = dataclasses.replace(observation.objects, names=('a', 'b'))
    with pytest.raises(ValueError, match='orange_cup'):
        expert.infer(dataclasses.replace(observation, objects=other), REQUEST)


def test_an_unknown_expert_names_the_known_ones():
    with pytest.raises(ConfigurationError, match='stack_cup'):
        make_expert('fold_shirt')
