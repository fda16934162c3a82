# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Sizes are read from the config files; what is missing or impossible is listed at once."""

import json

import pytest

from wla_ros.base.config import ConfigurationError
from wla_ros.policies.wla.checkpoint.create import SIZES
from wla_ros.policies.wla.model.config_reading import read_configuration

TOKENS = {'image_token_id': 1, 'vision_start_token_id': 2, 'vision_end_token_id': 3}


@pytest.fixture
def fields():
    """Return the fields of both files, to be changed."""
    size = SIZES['tiny']
    both = size.wla_config(), size.backbone_config(TOKENS)
    return json.loads(json.dumps(both))


@pytest.fixture
def read(tmp_path, fields):
    """Return a function that writes and reads `fields`."""

    def write_and_read(**options):
        for name, values in zip(('config.json', 'backbone.json'), fields, strict=True):
            (tmp_path / name).write_text(json.dumps(values))
        return read_configuration(tmp_path / 'config.json', tmp_path / 'backbone.json', **options)

    return write_and_read


def problems(read, **options):
    with pytest.raises(ConfigurationError) as caught:
        read(**options)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize('size', sorted(SIZES))
def test_every_size_that_can_be_created_is_valid(tmp_path, size):
    (tmp_path / 'a.json').write_text(json.dumps(SIZES[size].wla_config()))
    (tmp_path / 'b.json').write_text(json.dumps(SIZES[size].backbone_config(TOKENS)))
    config = read_configuration(tmp_path / 'a.json', tmp_path / 'b.json')
    assert config.expert.action_dim == 14
    assert config.has_language


def test_everything_missing_is_listed_at_once(fields, read):
    wla, backbone = fields
    del wla['num_metaqueries'], wla['training_mode']
    del wla['diffusion_model_cfg']['num_layers']
    del backbone['vision_config']
    del backbone['text_config']['rope_scaling']['mrope_section']
    found = problems(read)
    vision = [problem for problem in found if 'vision_config.' in problem]
    assert len(vision) == 10  # of a section that is missing all that has no default
    assert len(found) == 4 + len(vision)
    for path in (
        'config.json: num_metaqueries: is missing',
        'config.json: training_mode: is missing',
        'config.json: diffusion_model_cfg.num_layers: is missing',
        'backbone.json: vision_config.depth: is missing',
        'backbone.json: text_config.rope_scaling.mrope_section: is missing',
    ):
        assert any(path in problem for problem in found), path


@pytest.mark.parametrize(
    ('section', 'name', 'value', 'message'),
    [
        ('diffusion_model_cfg', 'norm_type', 'rms', 'one of norm, ada_norm'),
        ('diffusion_model_cfg', 'input_embedding_dim', 33, 'heads x head dimension is 32'),
        ('diffusion_model_cfg', 'cross_attention_dim', 32, 'the decoder is 64 wide'),
        ('diffusion_model_cfg', 'num_layers', 5, 'the decoder has 4 layers to read'),
        ('diffusion_model_cfg', 'positional_embeddings', 'sinusoidal', 'supported is only None'),
        ('diffusion_model_cfg', 'num_layers', True, 'expected an integer, got True'),
        ('', 'chunk_size', 0, '0 lies outside [1, inf]'),
        ('', 'max_seq_len', 7, 'less than the 8 rows of a chunk'),
        ('', 'primary_image_size', 60, 'not a multiple of 32 pixels'),
        ('', 'use_history_obs', 'yes', "expected true or false, got 'yes'"),
    ],
)
def test_an_impossible_value_of_the_wla_config_is_named(
    fields, read, section, name, value, message
):
    owner = fields[0][section] if section else fields[0]
    owner[name] = value
    found = problems(read)
    assert len(found) == 1
    assert f'{name}: ' in found[0]
    assert message in found[0]


@pytest.mark.parametrize(
    ('section', 'name', 'value', 'message'),
    [
        ('vision_config', 'num_position_embeddings', 63, 'not a square number'),
        ('vision_config', 'deepstack_visual_indexes', [0, 3], 'the tower has 3 blocks'),
        ('vision_config', 'deepstack_visual_indexes', 'all', "expected a list, got 'all'"),
        ('vision_config', 'out_hidden_size', 32, 'the decoder is 64 wide'),
        ('vision_config', 'hidden_act', 'relu', "supported is only 'gelu_pytorch_tanh'"),
        ('text_config', 'num_key_value_heads', 3, 'not a divisor of 4 heads'),
        ('text_config', 'tie_word_embeddings', False, 'supported is only True'),
        ('text_config', 'rms_norm_eps', -1.0, '-1.0 lies outside'),
        ('text_config', 'head_dim', 20, 'a head has 10 pairs'),
    ],
)
def test_an_impossible_value_of_the_backbone_is_named(fields, read, section, name, value, message):
    fields[1][section][name] = value
    found = problems(read)
    assert len(found) == 1
    assert message in found[0]


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / 'config.json').write_text('{')
    (tmp_path / 'backbone.json').write_text('[]')
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(tmp_path / 'config.json', tmp_path / 'backbone.json')
    assert 'config.json: is not JSON' in str(caught.value)
    assert 'backbone.json: is not a JSON object' in str(caught.value)


def test_rows_of_the_embedding_decide_whether_metaqueries_are_counted(fields, read):
    counted = read(embedding_rows=522)
    fields[1]['text_config']['vocab_size'] = 512
    assert read(embedding_rows=522) == counted
    assert counted.begin_of_img_token == 512
    assert counted.query_tokens == range(514, 522)


def test_the_expert_reads_the_last_decoder_layers(fields, read):
    cfg = fields[0]['diffusion_model_cfg']
    assert read().last_layer_read == 2
    cfg['num_layers'] = 3
    config = read()
    assert (config.first_layer_read, config.last_layer_read) == (1, 3)
    cfg['num_layers'] = 2
    config = read()
    assert (config.first_layer_read, config.last_layer_read) == (2, 2)
    cfg['interleave_self_attention'] = False
    assert read().last_layer_read == 3
