# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policy `wla`: images, memory, seeds, prefixes, lateness and its start check."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('tokenizers')

from policies.wla.small_checkpoint import small_config  # noqa: E402
from policies.wla.small_policy import CAMERAS  # noqa: E402
from policies.wla.small_policy import LAYOUT  # noqa: E402
from policies.wla.small_policy import observation  # noqa: E402
from policies.wla.small_policy import small_columns  # noqa: E402
from policies.wla.small_policy import small_model  # noqa: E402
from policies.wla.small_policy import small_policy  # noqa: E402

from wla_ros.base.config import ConfigurationError  # noqa: E402
from wla_ros.base.geometry import matrix_to_pose7  # noqa: E402
from wla_ros.base.memory import SubtaskMemory  # noqa: E402
from wla_ros.base.types import CommittedPrefix  # noqa: E402
from wla_ros.base.types import PolicyRequest  # noqa: E402
from wla_ros.base.types import PrefixUse  # noqa: E402
from wla_ros.base.types import Representation  # noqa: E402
from wla_ros.inference.result import check_result  # noqa: E402
from wla_ros.policies.wla import prompt as conditioning_module  # noqa: E402
from wla_ros.policies.wla.columns import ActionSpace  # noqa: E402
from wla_ros.policies.wla.columns import Reference  # noqa: E402
from wla_ros.policies.wla.settings import LanguageSection  # noqa: E402
from wla_ros.policies.wla.settings import WlaSettings  # noqa: E402
from wla_ros.robots.piper.forward_kinematics import flange_pose  # noqa: E402

REQUEST = PolicyRequest(instruction='stack the cup')
SECOND_NS = 1_000_000_000


@pytest.fixture(scope='module')
def model():
    return small_model()


@pytest.fixture(scope='module')
def silent():
    return small_model(small_config(training_mode='image_action'))


@pytest.fixture
def asked(monkeypatch):
    """Collects the prompts that are asked."""
    prompts = []
    original = conditioning_module.subtask_question

    def recording(system, instruction, previous, images):
        prompts.append((instruction, previous, images))
        return original(system, instruction, previous, images)

    monkeypatch.setattr(conditioning_module, 'subtask_question', recording)
    return prompts


@pytest.fixture
def says(monkeypatch, model):
    """Makes the model say texts one after the other; returns how often it was asked to."""
    calls = []

    def saying(*texts):
        remaining = list(texts)

        left = []

        def next_token(state):
            if not left:
                calls.append(remaining[0])
                left.extend([*tokenizer.encode(remaining.pop(0)), tokenizer.end_token])
            return torch.tensor([left.pop(0)])

        monkeypatch.setattr(model, 'next_token', next_token)
        return calls

    from policies.wla.small_checkpoint import small_tokenizer

    tokenizer = small_tokenizer()
    return saying


def test_a_result_fits_the_specification_and_is_timed(model):
    policy = small_policy(model)
    result = policy.infer(observation(), REQUEST)
    assert check_result(policy.spec, result) is None
    stages = [timing.stage for timing in result.timings]
    assert stages == ['preprocess', 'vision', 'prefill', 'subtask', 'action']


def test_the_specification_comes_from_the_checkpoint(model):
    spec = small_policy(model).spec
    assert spec.cameras == CAMERAS
    assert spec.columns == LAYOUT.columns
    assert (spec.horizon, spec.dt_ns) == (8, 33_333_333)
    assert spec.history_ns == {'head': (8 * 33_333_333,)}
    assert small_policy(model, horizon=5).infer(observation(), REQUEST).rows.shape == (5, 14)


def test_the_same_seed_gives_the_same_actions_and_another_one_does_not(silent):
    policy = small_policy(silent)
    policy.reset(seed=3)
    first = policy.infer(observation(), REQUEST).rows
    second = policy.infer(observation(), REQUEST).rows
    policy.reset(seed=3)
    np.testing.assert_array_equal(policy.infer(observation(), REQUEST).rows, first)
    policy.reset(seed=4)
    assert not np.allclose(policy.infer(observation(), REQUEST).rows, first)
    assert not np.allclose(first, second)  # every inference draws anew


def test_arguments_are_not_written_to(model):
    policy, seen = small_policy(model), observation()
    before = seen.joint_position.copy(), seen.images['head'].pixels.copy()
    policy.infer(seen, REQUEST)
    np.testing.assert_array_equal(seen.joint_position, before[0])
    np.testing.assert_array_equal(seen.images['head'].pixels, before[1])


def test_images_come_as_history_head_and_wrists(model, asked):
    policy = small_policy(model)
    policy.infer(observation(), REQUEST)
    policy.infer(observation(history=False), REQUEST)
    assert [images for _, _, images in asked] == [4, 3]


def test_the_first_image_of_the_episode_comes_first_where_trained_so(asked):
    model = small_model(small_config(use_begin_frame_context=True))
    policy = small_policy(model)
    policy.infer(observation(0), REQUEST)
    policy.infer(observation(SECOND_NS), REQUEST)
    pictures = policy._order.pictures(observation(SECOND_NS), policy._episode.first_image)
    assert [count for _, _, count in asked] == [5, 5]
    shown = [item.frame for item in pictures.pictures]
    np.testing.assert_array_equal(shown[0].pixels, observation(0).images['head'].pixels)
    assert pictures.order.head == 2
    assert shown[2].stamp_ns == SECOND_NS
    policy.reset(seed=0)
    policy.infer(observation(2 * SECOND_NS), REQUEST)
    assert policy._episode.first_image.stamp_ns == 2 * SECOND_NS


def test_history_is_ignored_by_a_checkpoint_without(asked):
    policy = small_policy(small_model(small_config(use_history_obs=False)))
    policy.infer(observation(), REQUEST)
    assert policy.spec.history_ns == {}
    assert asked[0][2] == 3


def test_what_was_said_becomes_the_memory_of_the_next_question(model, says, asked):
    says('pick the cup.', 'place it.', 'done.')
    policy = small_policy(model, language=LanguageSection(rate_hz=0.0))
    texts = [policy.infer(observation(i * SECOND_NS), REQUEST).subtask for i in range(3)]
    assert texts == ['pick the cup.', 'place it.', 'done.']
    # Without the first image only what ran since the history image is told.
    assert [previous for _, previous, _ in asked] == ['', 'pick the cup.', 'place it.']


def test_with_the_first_image_the_whole_past_is_told(says, monkeypatch, asked, model):
    monkeypatch.setattr(
        model, '_config', dataclasses.replace(model.config, use_begin_frame_context=True)
    )
    says('a.', 'b.', 'c.')
    policy = small_policy(model, language=LanguageSection(rate_hz=0.0))
    for i in range(3):
        policy.infer(observation(i * SECOND_NS), REQUEST)
    assert [previous for _, previous, _ in asked] == ['', 'a.', 'a. b.']


def test_the_memory_of_the_request_counts(model, says, asked):
    says('place it.')
    memory = SubtaskMemory().with_current('fetch the cup', 1)
    small_policy(model).infer(observation(), PolicyRequest(instruction='stack', memory=memory))
    assert asked == [('stack', 'fetch the cup.', 4)]


def test_a_text_is_made_at_the_configured_rate_and_serves_in_between(model, says):
    calls = says('a.', 'b.')
    policy = small_policy(model, language=LanguageSection(rate_hz=2.0))
    stamps = [0.0, 0.2, 0.4, 0.5, 0.7]
    texts = [policy.infer(observation(int(s * SECOND_NS)), REQUEST).subtask for s in stamps]
    assert texts == ['a.', 'a.', 'a.', 'b.', 'b.']
    assert len(calls) == 2


def test_another_instruction_asks_for_a_text_at_once(model, says):
    says('a.', 'b.')
    policy = small_policy(model, language=LanguageSection(rate_hz=0.1))
    policy.infer(observation(0), REQUEST)
    result = policy.infer(observation(1), PolicyRequest(instruction='tidy'))
    assert result.subtask == 'b.'


def test_a_late_text_never_delays_motion_the_previous_one_serves_and_is_marked(model, says):
    now_ns = iter(range(0, 10**12, SECOND_NS))  # every look at the clock takes a second
    says('a.')
    policy = small_policy(
        model,
        now_ns=lambda: next(now_ns),
        language=LanguageSection(rate_hz=0.0, budget_s=0.5),
    )
    first = policy.infer(observation(0), REQUEST)
    second = policy.infer(observation(SECOND_NS), REQUEST)
    assert (first.subtask, first.subtask_late) == ('a.', False)
    assert (second.subtask, second.subtask_late) == ('a.', True)
    assert second.rows.shape == first.rows.shape


def test_a_checkpoint_without_language_says_nothing(silent):
    result = small_policy(silent).infer(observation(), REQUEST)
    assert result.subtask == ''
    assert 'subtask' not in [timing.stage for timing in result.timings]


def prefix(rows, weights, use=PrefixUse.CLEAN):
    return PolicyRequest(
        instruction='stack',
        prefix=CommittedPrefix(rows=np.asarray(rows), weights=np.asarray(weights), use=use),
    )


def test_rows_of_a_clean_prefix_come_back_as_they_are(silent):
    rows = np.linspace(-1.0, 1.0, 3 * 14).reshape(3, 14)
    result = small_policy(silent, clean_prefix_rows=8).infer(
        observation(), prefix(rows, [1.0, 1.0, 0.5])
    )
    assert result.committed_prefix == 2
    np.testing.assert_array_equal(result.rows[:2], rows[:2])
    assert not np.allclose(result.rows[2], rows[2], atol=1e-3)


@pytest.mark.parametrize('jacobian', ['identity', 'full'])
def test_a_guided_prefix_pulls_its_rows_the_more_the_more_certain_they_are(silent, jacobian):
    seen, rows = observation(), np.full((3, 14), 0.5)
    policy = small_policy(silent, guidance_jacobian=jacobian)
    free = policy.infer(seen, REQUEST).rows
    policy.reset(seed=0)
    result = policy.infer(seen, prefix(rows, [1.0, 0.5, 0.0], PrefixUse.GUIDED))
    assert result.committed_prefix == 1
    before = np.abs(free[:3] - rows).max(axis=1)
    after = np.abs(result.rows[:3] - rows).max(axis=1)
    assert after[0] < 0.1 * before[0]
    assert after[0] < after[1] < before[1]


def test_guided_actions_stay_within_the_range_of_the_data_if_that_is_wanted(silent):
    far = prefix(np.full((16, 14), 5.0), np.ones(16), PrefixUse.GUIDED)
    clipped = small_policy(silent).infer(observation(), far).rows
    assert clipped.max() <= 2.0 + 1e-5
    assert small_policy(silent, clip_guided=False).infer(observation(), far).rows.max() > 3.0


def test_clean_rows_beyond_the_training_are_not_given(silent):
    rows, weights = np.zeros((20, 14)), np.ones(20)
    untrained = small_policy(silent).infer(observation(), prefix(rows, weights))
    assert untrained.committed_prefix == 0
    trained = small_policy(silent, clean_prefix_rows=3)
    assert trained.infer(observation(), prefix(rows, weights)).committed_prefix == 3
    short = small_policy(silent, clean_prefix_rows=8, horizon=6)
    assert short.infer(observation(), prefix(rows, weights)).committed_prefix == 6


def test_the_specification_says_what_strategies_may_ask_for(silent):
    spec = small_policy(silent, clean_prefix_rows=3, rolled_rows=2).spec
    assert (spec.guided_prefix, spec.clean_prefix_rows, spec.rolled_rows) == (True, 3, 2)
    assert not spec.forward_model
    with pytest.raises(ConfigurationError, match='rolled_rows'):
        small_policy(silent, rolled_rows=1000)


def test_relative_actions_start_from_the_observation_or_the_episode(silent):
    for reference in (Reference.OBSERVATION, Reference.EPISODE):
        columns = small_columns(ActionSpace(layout=LAYOUT, reference=reference))
        policy = small_policy(silent, columns=columns, clean_prefix_rows=8)
        start, later = np.zeros(14), np.full(14, 0.5)
        policy.infer(observation(joints=start), REQUEST)
        rows = np.full((2, 14), 0.7)
        result = policy.infer(observation(joints=later), prefix(rows, np.ones(2)))
        np.testing.assert_allclose(result.rows[:2], rows, atol=1e-5)
        origin = start if reference is Reference.EPISODE else later
        np.testing.assert_array_equal(policy._reference(observation(joints=later)), origin)


def test_end_effector_rows_are_poses_with_unit_quaternions():
    expert = dataclasses.replace(small_config().expert, action_dim=20, state_dim=18)
    model = small_model(small_config(expert=expert, training_mode='action'))
    space = ActionSpace(
        layout=LAYOUT,
        representation=Representation.END_EFFECTOR_POSE,
        kinematics=dict.fromkeys(LAYOUT.arms, lambda joints: matrix_to_pose7(flange_pose(joints))),
    )
    policy = small_policy(model, columns=small_columns(space, state_dim=18, action_dim=20))
    result = policy.infer(observation(), REQUEST)
    assert result.rows.shape == (8, 16)
    assert check_result(policy.spec, result) is None


def test_an_episode_does_not_begin_at_joints_unlike_the_data(silent):
    policy = small_policy(silent)
    degrees = np.full(14, 0.5)
    degrees[[1, 8]] = 60.0
    refusal = policy.start_refusal(degrees)
    assert refusal.reason == 'implausible_start'
    assert 'left/joint2 = 60 outside [-2.4, 2.4]' in refusal.detail
    assert 'right/joint2' in refusal.detail
    with pytest.raises(ConfigurationError, match='left/joint2 = 60'):
        policy.infer(observation(joints=degrees), REQUEST)
    assert policy.start_refusal(np.zeros(14)) is None


def test_joints_are_compared_only_at_the_start(silent):
    policy = small_policy(silent)
    policy.infer(observation(joints=np.zeros(14)), REQUEST)
    policy.infer(observation(joints=np.full(14, 2.9)), REQUEST)
    policy.reset(seed=0)
    with pytest.raises(ConfigurationError):
        policy.infer(observation(joints=np.full(14, 2.9)), REQUEST)


def test_the_first_reset_runs_the_model_once_and_leaves_no_trace(silent):
    policy = small_policy(silent)
    policy.reset(seed=5)
    warm = policy.infer(observation(), REQUEST).rows
    cold = small_policy(silent)
    cold._clear(seed=5)
    np.testing.assert_array_equal(cold.infer(observation(), REQUEST).rows, warm)


def test_a_closed_policy_refuses(silent):
    policy = small_policy(silent)
    policy.close()
    policy.close()
    with pytest.raises(ValueError, match='closed'):
        policy.infer(observation(), REQUEST)


def test_settings_that_do_not_fit_the_checkpoint_are_listed(silent):
    with pytest.raises(ConfigurationError) as caught:
        small_policy(silent, horizon=9, head_camera='left_wrist')
    assert 'the checkpoint makes 8 rows' in str(caught.value)
    assert "names 'left_wrist'" in str(caught.value)


def test_a_checkpoint_with_too_few_columns_is_refused():
    with pytest.raises(ConfigurationError, match='the checkpoint has 7 columns, the robot 14'):
        small_columns(action_dim=7)


def test_guidance_that_would_overshoot_is_refused():
    with pytest.raises(ValueError, match='overshoots'):
        WlaSettings(steps=4, guidance_weight=5.0)
