# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Backbone against transformers' Qwen3-VL on random sizes, image counts and lengths."""

import pytest

torch = pytest.importorskip('torch')
transformers = pytest.importorskip('transformers')

from policies.wla.golden_data import relative_error
from policies.wla.prompts import prompt_of
from policies.wla.random_models import IMAGE
from policies.wla.random_models import random_sample
from policies.wla.random_models import randomise

from wla_ros.policies.wla.conditioning import write
from wla_ros.policies.wla.model.model import WLAModel

SEEDS = range(12)
TOLERANCE = 2e-5  # fp32 through a handful of layers, in another order of additions


class Pair:
    """The official model and ours with the same weights, and one prompt through both."""

    def __init__(self, seed, folder):
        self.sample = random_sample(seed)
        config = transformers.Qwen3VLConfig(**self.sample.backbone)
        config._attn_implementation = 'eager'
        self.official = transformers.Qwen3VLForConditionalGeneration(config).eval()
        randomise(self.official)
        self.official.tie_weights()
        self.ours = WLAModel(self.sample.configuration(folder)).eval()
        weights = self.official.state_dict()
        weights.pop('lm_head.weight')
        self.ours.mllm_backbone.load_state_dict(weights)
        self.inputs = {
            'pixel_values': self.sample.pixels,
            'image_grid_thw': torch.tensor([(1, g.height, g.width) for g in self.sample.grids]),
        }

    def prompt(self, tokens):
        return prompt_of(self.ours, tokens, self.sample.grids)

    def features(self):
        return self.ours.visual(self.sample.pixels, self.sample.grids)

    def official_run(self, tokens):
        """Return logits [s, vocab] and the output of every decoder layer [s, width]."""
        outputs = []
        hooks = [
            layer.register_forward_hook(lambda _m, _i, output: outputs.append(output[0]))
            for layer in self.official.model.language_model.layers
        ]
        result = self.official(**self.batch(tokens), **self.inputs)
        for hook in hooks:
            hook.remove()
        return result.logits[0], outputs

    def batch(self, tokens):
        return {
            'input_ids': tokens[None],
            'attention_mask': torch.ones_like(tokens)[None],
            'mm_token_type_ids': (tokens == IMAGE).int()[None],
        }


@pytest.fixture(scope='module', params=SEEDS)
def pair(request, tmp_path_factory):
    with torch.inference_mode():
        yield Pair(request.param, tmp_path_factory.mktemp('config'))


@torch.inference_mode()
def test_vision_features_match(pair):
    seen = pair.official.model.visual(pair.sample.pixels, pair.inputs['image_grid_thw'])
    ours = pair.features()
    assert relative_error(ours.tokens, seen.pooler_output) < TOLERANCE
    assert len(ours.deepstack) == len(seen.deepstack_features)
    for found, expected in zip(ours.deepstack, seen.deepstack_features, strict=True):
        assert relative_error(found, expected) < TOLERANCE


@torch.inference_mode()
def test_logits_and_metaqueries_of_every_layer_match(pair):
    tokens = pair.sample.prompt
    logits, layers = pair.official_run(tokens)
    features = pair.features()
    prefilled = pair.ours.prefill(pair.prompt(tokens), features)
    assert relative_error(pair.ours.decoder.logits(prefilled.last_hidden)[0], logits[-1]) < (
        TOLERANCE
    )
    config = pair.ours.config
    found = pair.ours.metaqueries(pair.prompt(tokens), features, prune=False)
    expected = layers[config.first_layer_read :]
    assert len(found) == len(expected) == config.expert.num_layers
    for ours, official in zip(found, expected, strict=True):
        assert relative_error(ours[0], official[-config.num_metaqueries :]) < TOLERANCE


@torch.inference_mode()
def test_pruned_metaqueries_are_the_same_as_all(pair):
    tokens, features = pair.sample.prompt, pair.features()
    config = pair.ours.config
    whole = pair.ours.metaqueries(pair.prompt(tokens), features, prune=False)
    pruned = pair.ours.metaqueries(pair.prompt(tokens), features)
    begin = len(tokens) - config.num_metaqueries
    state = pair.ours.prefill(pair.prompt(tokens[: begin - 1]), features)
    after = pair.ours.metaqueries_after(state, tokens[None, begin - 1 : begin])
    assert len(pruned) == len(after) == config.expert.last_cross_block + 1
    for block in range(config.expert.last_cross_block + 1):
        if config.expert.is_cross(block):
            assert relative_error(pruned[block], whole[block]) < TOLERANCE
            assert relative_error(after[block], whole[block]) < TOLERANCE


@torch.inference_mode()
def test_greedy_tokens_match_the_official_generation(pair):
    begin = len(pair.sample.prompt) - pair.ours.config.num_metaqueries - 1
    prompt = pair.sample.prompt[:begin]
    official = pair.official.generate(
        **pair.batch(prompt), **pair.inputs, max_new_tokens=6, do_sample=False, eos_token_id=None,
        pad_token_id=0,
    )  # fmt: skip
    state = pair.ours.prefill(pair.prompt(prompt), pair.features())
    ours = write(pair.ours, state, end_tokens=frozenset(), max_tokens=6)
    assert list(ours.tokens) == official[0, len(prompt) :].tolist()


def test_both_spellings_of_the_rotary_settings_are_read(pair, tmp_path):
    """Newer releases of transformers write `rope_parameters`, 4.57 wrote `rope_scaling`."""
    pair.official.config.save_pretrained(tmp_path)
    old = pair.ours.config
    (tmp_path / 'wla').mkdir()
    pair.sample.configuration(tmp_path / 'wla')
    from wla_ros.policies.wla.model.config_reading import read_configuration

    new = read_configuration(tmp_path / 'wla/config.json', tmp_path / 'config.json')
    assert new == old
    assert 'rope_parameters' in (tmp_path / 'config.json').read_text()
