# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The reference model against outputs of the official components, for both kinds of expert."""

import pytest

torch = pytest.importorskip('torch')

from policies.wla.golden_data import FOLDERS
from policies.wla.golden_data import RELATIVE_TOLERANCE
from policies.wla.golden_data import load_model
from policies.wla.golden_data import read_golden
from policies.wla.golden_data import relative_error
from policies.wla.prompts import prompt_of

from wla_ros.policies.flow_sampler import integrate
from wla_ros.policies.wla.conditioning import write
from wla_ros.policies.wla.prompt_plan import ImageOrder
from wla_ros.policies.wla.prompt_plan import plan_prompt


@pytest.fixture(scope='module', params=FOLDERS, ids=lambda folder: folder.name)
def golden(request):
    return read_golden(request.param)


@pytest.fixture(scope='module')
def model(golden):
    return load_model(golden.folder)


@pytest.fixture(scope='module')
def features(model, golden):
    with torch.inference_mode():
        return model.visual(golden['pixel_values'], golden.grids)


@pytest.fixture(scope='module')
def prefilled(model, golden, features):
    with torch.inference_mode():
        return model.prefill(prompt_of(model, golden.prompt, golden.grids), features)


def close(found, expected):
    return relative_error(found, expected) < RELATIVE_TOLERANCE


def test_vision_tokens_and_deepstack_features_match(features, golden):
    assert close(features.tokens, golden['vision_embeds'])
    assert features.deepstack
    for index, deepstack in enumerate(features.deepstack):
        assert close(deepstack, golden[f'deepstack_{index}'])


def test_positions_are_those_of_the_official_model(model, golden):
    ids = golden['input_ids'][0]
    plan = plan_prompt(ids, ImageOrder(golden.grids, 0), model.config)
    assert plan.positions.tolist() == golden['position_ids'][:, 0].tolist()


def test_special_tokens_are_the_last_rows_of_the_embedding(model, golden):
    assert model.config.begin_of_img_token == golden.begin_of_img
    queries = list(model.config.query_tokens)
    assert golden.whole[-len(queries) :].tolist() == queries
    assert golden['input_ids'][0, -2] == model.config.end_of_img_token


@torch.inference_mode()
def test_logits_after_the_prompt_match(model, golden, prefilled):
    assert close(model.decoder.logits(prefilled.last_hidden), golden['prompt_last_logits'])


@torch.inference_mode()
def test_greedy_tokens_are_the_same(model, golden, prefilled):
    generation = write(model, prefilled, end_tokens=frozenset(), max_tokens=12)
    assert list(generation.tokens) == golden['greedy_ids'][0].tolist()
    assert not generation.has_ended


@pytest.mark.parametrize('prune', [True, False])
@torch.inference_mode()
def test_metaquery_states_match_in_one_pass_and_after_a_prefill(
    model, golden, features, prefilled, prune
):
    expected = golden['metaquery_hidden']
    after = model.metaqueries_after(prefilled, golden.suffix[None], prune=prune)
    once = model.metaqueries(prompt_of(model, golden.whole, golden.grids), features, prune=prune)
    assert len(after) == len(once) == len(expected) - (1 if prune else 0)
    for split, whole, layer in zip(after, once, expected, strict=False):
        assert close(split[0], layer)
        assert close(whole[0], layer)


@torch.inference_mode()
def test_velocity_matches(model, golden):
    context = model.action_expert.prepare(golden['state'], golden['metaquery_hidden'][:, None])
    noise = golden['noise']
    time = golden['t'][:, None].expand(-1, noise.shape[1])
    assert close(model.action_expert(noise, time, context), golden['velocity'])


@pytest.mark.parametrize('steps', [10, 32])
@torch.inference_mode()
def test_integrated_actions_match(model, golden, features, steps):
    metaqueries = model.metaqueries(prompt_of(model, golden.whole, golden.grids), features)
    for sample in range(len(golden['noise'])):
        actions = model.sample(
            metaqueries, golden['state'][sample], golden['noise'][sample][None], steps=steps
        )
        assert close(actions[0], golden[f'actions_{steps}'][sample])


@torch.inference_mode()
def test_a_batch_integrates_like_its_samples(model, golden, features):
    metaqueries = model.metaqueries(prompt_of(model, golden.whole, golden.grids), features)
    context = model.action_expert.prepare(golden['state'], metaqueries)
    buckets = model.config.expert.num_timestep_buckets
    actions = integrate(
        lambda x_t, time: model.action_expert(x_t, time, context),
        golden['noise'],
        steps=10,
        buckets=buckets,
    )
    assert close(actions, golden['actions_10'])


@torch.inference_mode()
def test_bf16_stays_near_fp32(golden):
    model = load_model(golden.folder).to(torch.bfloat16)
    features = model.visual(golden['pixel_values'], golden.grids)
    assert features.tokens.dtype == torch.bfloat16
    actions = model.sample(
        model.metaqueries(prompt_of(model, golden.whole, golden.grids), features),
        golden['state'][0],
        golden['noise'][:1],
        steps=10,
    )
    assert actions.dtype == torch.float32
    # Eight bits of mantissa through some thirty layers.
    assert relative_error(features.tokens, golden['vision_embeds']) < 0.03
    assert relative_error(actions[0], golden['actions_10'][0]) < 0.03
