# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Generation, positions and the parameter counts of the published sizes."""

import pytest

torch = pytest.importorskip('torch')

import dataclasses
import json

from policies.wla.golden_data import FOLDERS
from policies.wla.golden_data import load_model
from policies.wla.golden_data import read_golden
from policies.wla.prompts import prompt_of
from policies.wla.small_checkpoint import small_config

from wla_ros.policies.wla.checkpoint.create import SIZES
from wla_ros.policies.wla.checkpoint.load import model_without_memory
from wla_ros.policies.wla.conditioning import write
from wla_ros.policies.wla.model.action_expert import ActionExpert
from wla_ros.policies.wla.model.config_reading import read_configuration
from wla_ros.policies.wla.prompt_plan import ImageGrid
from wla_ros.policies.wla.prompt_plan import ImageOrder
from wla_ros.policies.wla.prompt_plan import plan_prompt

TOKENS = {'image_token_id': 1, 'vision_start_token_id': 2, 'vision_end_token_id': 3}


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope='module')
def full(tmp_path_factory):
    folder = tmp_path_factory.mktemp('full')
    (folder / 'config.json').write_text(json.dumps(SIZES['full'].wla_config()))
    (folder / 'backbone.json').write_text(json.dumps(SIZES['full'].backbone_config(TOKENS)))
    return read_configuration(folder / 'config.json', folder / 'backbone.json')


@pytest.fixture(scope='module')
def golden():
    return read_golden(FOLDERS[0])


@pytest.fixture(scope='module')
def model():
    return load_model(FOLDERS[0])


def test_backbone_has_the_published_number_of_parameters(full):
    model = model_without_memory(full)
    assert parameters(model.visual) == 406_957_056
    embedding = model.decoder.embed_tokens.weight.numel()
    assert embedding == 311_164_928 + 66 * 2048  # two image tokens and 64 meta-queries more
    assert parameters(model.decoder) - embedding == 1_409_410_048
    assert parameters(model.decoder.layers[0]) == 50_336_000
    assert parameters(model.visual.blocks[0]) == 12_596_224


@pytest.mark.parametrize(
    ('action_dim', 'state_dim', 'expected'),
    [(7, 8, 389_574_663), (16, 16, 389_601_296), (14, 14, 389_595_150)],
    ids=['libero', 'robotwin_eef', 'piper_joints'],
)
def test_expert_has_the_published_number_of_parameters(full, action_dim, state_dim, expected):
    config = dataclasses.replace(full.expert, action_dim=action_dim, state_dim=state_dim)
    with torch.device('meta'):
        assert parameters(ActionExpert(config)) == expected


def test_ada_norm_expert_is_larger_than_the_released_one(full):
    config = dataclasses.replace(full.expert, action_dim=7, state_dim=8, norm_type='ada_norm')
    with torch.device('meta'):
        assert parameters(ActionExpert(config)) == 389_574_663 + 28 * (1024 * 2048 + 2048)


def test_actions_need_all_layers_but_the_last(full):
    assert full.text.num_hidden_layers == 28
    assert full.last_layer_read == 26
    assert full.query_tokens == range(151_938, 152_002)
    assert full.begin_of_img_token == 151_936


@torch.inference_mode()
def test_generation_stops_at_an_end_token_and_leaves_it_out(model, golden):
    features = model.visual(golden['pixel_values'], golden.grids)
    state = model.prefill(prompt_of(model, golden.prompt, golden.grids), features)
    greedy = golden['greedy_ids'][0].tolist()
    end = next(i for i, token in enumerate(greedy) if token not in greedy[:i] and i > 0)
    generation = write(model, state, end_tokens=frozenset([greedy[end]]), max_tokens=12)
    assert generation.has_ended
    assert list(generation.tokens) == greedy[:end]


@torch.inference_mode()
def test_generation_stops_when_it_is_late(model, golden):
    features = model.visual(golden['pixel_values'], golden.grids)
    state = model.prefill(prompt_of(model, golden.prompt, golden.grids), features)
    asked = iter([False, False, True])
    generation = write(
        model, state, end_tokens=frozenset(), max_tokens=12, is_late=lambda: next(asked)
    )
    assert list(generation.tokens) == golden['greedy_ids'][0, :2].tolist()
    assert not generation.has_ended


@torch.inference_mode()
def test_metaqueries_after_a_subtask_equal_one_pass_over_everything(model, golden):
    """One vision pass and one prefill serve text and actions: the cache is continued."""
    features = model.visual(golden['pixel_values'], golden.grids)
    state = model.prefill(prompt_of(model, golden.prompt, golden.grids), features)
    generation = write(model, state, end_tokens=frozenset(), max_tokens=5)
    continued = model.metaqueries_after(generation.state, golden.suffix[None])
    spoken = torch.tensor(generation.tokens)
    rest = golden.whole[len(golden.prompt) :]
    once = model.metaqueries(
        prompt_of(model, torch.cat((golden.prompt, spoken, rest)), golden.grids), features
    )
    for found, expected in zip(continued, once, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_continuing_a_state_forgets_what_came_behind_it(model, golden):
    features = model.visual(golden['pixel_values'], golden.grids)
    state = model.prefill(prompt_of(model, golden.prompt, golden.grids), features)
    first = model.metaqueries_after(state, golden.suffix[None])
    longer = write(model, state, end_tokens=frozenset(), max_tokens=3).state
    assert longer.length == state.length + 3
    again = model.metaqueries_after(longer.rewound(3), golden.suffix[None])
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    state.cache.truncate(state.length)
    with pytest.raises(ValueError, match='void'):
        model.metaqueries_after(longer, golden.suffix[None])


def test_a_prompt_without_its_metaqueries_is_refused(model, golden):
    features = model.visual(golden['pixel_values'], golden.grids)
    with pytest.raises(ValueError, match='meta-queries'):
        model.metaqueries(prompt_of(model, golden.prompt, golden.grids), features)


def plan_of(tokens, grids):
    config = small_config(image_token=9)
    return plan_prompt(tokens, ImageOrder(tuple(grids), 0), config)


def test_positions_continue_after_the_larger_side_of_an_image():
    plan = plan_of([5, 9, 9, 9, 9, 9, 9, 5, 5], [ImageGrid(4, 6)])
    assert plan.positions.tolist() == [
        [0, 1, 1, 1, 1, 1, 1, 4, 5],
        [0, 1, 1, 1, 2, 2, 2, 4, 5],
        [0, 1, 2, 3, 1, 2, 3, 4, 5],
    ]
    assert plan.next_position == 6
    assert plan.image_rows == (range(1, 7),)
    assert plan.wanted_rows == range(8, 9)


def test_images_side_by_side_are_told_apart():
    plan = plan_of([9, 9, 9, 5, 9], [ImageGrid(2, 2), ImageGrid(2, 4), ImageGrid(2, 2)])
    assert plan.image_rows == (range(1), range(1, 3), range(4, 5))
    assert plan.positions.tolist() == [[0, 1, 1, 3, 4], [0, 1, 1, 3, 4], [0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    ('tokens', 'grids', 'message'),
    [
        ([5, 9, 9, 5], [ImageGrid(4, 4)], 'needs 2 x 2 image tokens'),
        ([5, 9, 9], [ImageGrid(4, 4)], 'needs 2 x 2 image tokens'),
        ([5, 9, 9, 9, 9], [], 'only 0 images'),
        ([5, 5], [ImageGrid(4, 4)], 'have no tokens'),
    ],
)
def test_images_and_their_tokens_must_agree(tokens, grids, message):
    with pytest.raises(ValueError, match=message):
        plan_of(tokens, grids)


def test_patches_and_image_sizes_must_agree(model, golden):
    with pytest.raises(ValueError, match='patches given'):
        model.visual(golden['pixel_values'][1:], golden.grids)
