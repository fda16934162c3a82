# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Checkpoints in every layout load alike; bad ones say clearly what is wrong."""

import json
import shutil

import pytest

torch = pytest.importorskip('torch')

from policies.wla.golden_data import FOLDERS
from safetensors.torch import load_file
from safetensors.torch import save_file

from wla_ros.base.config import ConfigurationError
from wla_ros.policies.wla.checkpoint.create import SIZES
from wla_ros.policies.wla.checkpoint.create import create_checkpoint
from wla_ros.policies.wla.checkpoint.load import PRECISIONS
from wla_ros.policies.wla.checkpoint.load import find_checkpoint_files
from wla_ros.policies.wla.checkpoint.load import hash_checkpoint
from wla_ros.policies.wla.checkpoint.load import load_checkpoint

EMBEDDING = 'model.mllm_backbone.model.language_model.embed_tokens.weight'
QUERY = 'model.mllm_backbone.model.language_model.layers.2.self_attn.q_proj.weight'
HEAD = 'model.mllm_backbone.lm_head.weight'
SHARD = 'model-00002-of-00002.safetensors'


@pytest.fixture
def folder(tmp_path):
    """Return a copy of a golden checkpoint in two shards."""
    copy = tmp_path / 'wla'
    shutil.copytree(FOLDERS[0], copy, ignore=shutil.ignore_patterns('golden*'))
    return copy


def weights_of(folder):
    weights = {}
    for file in sorted(folder.glob('model-*.safetensors')):
        weights.update(load_file(file))
    return weights


def as_one_file(folder, **changes):
    """Replace the shards of `folder` by one file with other or additional tensors."""
    weights = weights_of(folder) | changes
    for file in (*folder.glob('model-*'), folder / 'model.safetensors.index.json'):
        file.unlink()
    weights = {name: value for name, value in weights.items() if value is not None}
    save_file(weights, folder / 'model.safetensors')


def load(folder, precision='float32', **options):
    files = find_checkpoint_files(folder, backbone=options.pop('backbone', None))
    return load_checkpoint(files, precision=PRECISIONS[precision], device='cpu', **options)


def complaint(folder, **options):
    with pytest.raises(ConfigurationError) as caught:
        load(folder, **options)
    return caught.value


def assert_same(one, other):
    assert one.weights_sha256 == other.weights_sha256
    state = other.model.state_dict()
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, state[name]), name


# layouts


def test_shards_one_file_and_a_training_state_dict_load_alike(folder):
    shards = load(folder)
    weights = weights_of(folder)
    as_one_file(folder)
    assert_same(load(folder), shards)
    (folder / 'model.safetensors').unlink()
    torch.save({f'module.{name}': value for name, value in weights.items()}, folder / 'model.pt')
    assert_same(load(folder), shards)


def test_backbone_config_may_lie_in_a_second_folder(folder, tmp_path):
    whole = load(folder)
    backbone = tmp_path / 'RynnBrain'
    (folder / 'mllm').rename(backbone)
    error = complaint(folder)
    assert 'mllm/config.json' in str(error)
    assert 'backbone folder' in str(error)
    assert_same(load(folder, backbone=backbone), whole)


def test_config_of_the_plain_backbone_does_not_count_the_metaqueries(folder):
    whole = load(folder)
    file = folder / 'mllm/config.json'
    config = json.loads(file.read_text())
    config['text_config']['vocab_size'] -= 2 + 8
    file.write_text(json.dumps(config))
    assert_same(load(folder), whole)


def test_parts_that_do_not_act_stay_on_disk_and_out_of_the_hash(folder):
    plain = load(folder)
    as_one_file(
        folder,
        **{
            'model.world_expert.patch_embed.proj.weight': torch.ones(2, 2),
            'model.connector.0.layers.0.mlp.up_proj.weight': torch.ones(2),
            'vae.encoder.conv_in.weight': torch.full((2,), float('nan')),
        },
    )
    assert_same(load(folder), plain)


def test_a_stored_copy_of_the_tied_head_is_accepted_another_head_is_not(folder):
    plain = load(folder)
    embedding = weights_of(folder)[EMBEDDING]
    as_one_file(folder, **{HEAD: embedding.clone()})
    assert_same(load(folder), plain)
    save_file(load_file(folder / 'model.safetensors') | {HEAD: embedding + 1.0},
              folder / 'other.safetensors')  # fmt: skip
    error = complaint(folder / 'other.safetensors')
    assert f'{HEAD} differs from the embedding' in str(error)


@pytest.mark.parametrize(
    ('precision', 'backbone', 'expert'),
    [
        ('float32', torch.float32, torch.float32),
        ('bfloat16', torch.bfloat16, torch.bfloat16),
        ('mixed', torch.bfloat16, torch.float32),
    ],
)
def test_types_are_those_asked_for_and_not_those_stored(folder, precision, backbone, expert):
    model = load(folder, precision).model
    assert {p.dtype for p in model.mllm_backbone.parameters()} == {backbone}
    assert {p.dtype for p in model.action_expert.parameters()} == {expert}
    assert not any(p.requires_grad or p.is_meta for p in model.parameters())


def test_the_model_survives_when_its_file_is_overwritten(folder):
    as_one_file(folder)
    loaded = load(folder)
    before = loaded.model.decoder.embed_tokens.weight.clone()
    (folder / 'model.safetensors').write_bytes(b'')
    assert torch.equal(loaded.model.decoder.embed_tokens.weight, before)


def test_progress_ends_at_the_whole(folder):
    steps = []
    load(folder, progress=lambda done, total: steps.append((done, total)))
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


# hash


def test_one_changed_value_changes_the_hash(folder):
    before = load(folder)
    weights = weights_of(folder)
    weights[QUERY][3, 5] += 1e-3
    as_one_file(folder, **{QUERY: weights[QUERY]})
    after = load(folder)
    assert after.weights_sha256 != before.weights_sha256
    assert after.version != before.version
    assert hash_checkpoint(find_checkpoint_files(folder)) == after.weights_sha256


# bad checkpoints


def test_a_truncated_shard_is_one_problem_with_its_sizes(folder):
    file = folder / SHARD
    size = file.stat().st_size
    with file.open('r+b') as stream:
        stream.truncate(size // 2)
    error = complaint(folder)
    assert len(error.problems) == 1
    assert f'{file}: is damaged or truncated ({size // 2} bytes): ' in str(error)
    assert 'download the file again' in str(error)


@pytest.mark.parametrize('length', [0, 5, 100])
def test_a_shard_cut_inside_its_header_is_one_problem(folder, length):
    (folder / SHARD).write_bytes((folder / SHARD).read_bytes()[:length])
    error = complaint(folder)
    assert len(error.problems) == 1
    assert f'is damaged or truncated ({length} bytes): ' in str(error)


def test_a_missing_shard_is_one_problem(folder):
    (folder / SHARD).unlink()
    error = complaint(folder)
    assert len(error.problems) == 1
    assert f'{folder / SHARD}: cannot be read: No such file' in str(error)


def test_a_truncated_state_dict_is_one_problem(folder):
    weights = weights_of(folder)
    as_one_file(folder)
    (folder / 'model.safetensors').unlink()
    torch.save(weights, folder / 'model.pt')
    (folder / 'model.pt').write_bytes((folder / 'model.pt').read_bytes()[:5000])
    error = complaint(folder)
    assert len(error.problems) == 1
    assert 'model.pt: cannot be read as a state dict' in str(error)


def test_a_state_dict_that_holds_more_than_tensors_is_refused(folder):
    as_one_file(folder)
    (folder / 'model.safetensors').unlink()
    torch.save({'model': {}, 'step': 7}, folder / 'model.pt')
    assert 'must map names to tensors, holds a dict of model, step' in str(complaint(folder))


def test_a_wrong_shape_names_file_tensor_both_shapes_and_remedy(folder):
    as_one_file(folder, **{QUERY: torch.zeros(3, 5)})
    error = complaint(folder)
    assert len(error.problems) == 1
    expected = f'model.safetensors: {QUERY} is [3, 5], expected [64, 64] (sizes come from config'
    assert expected in str(error)


def test_all_differences_are_listed_at_once(folder):
    layers = [f'model.mllm_backbone.model.language_model.layers.{i}' for i in range(4)]
    as_one_file(
        folder,
        **dict.fromkeys([f'{layer}.mlp.up_proj.weight' for layer in layers]),  # missing
        **{QUERY: torch.zeros(3, 5), 'model.wrong.weight': torch.zeros(2)},
        **{EMBEDDING.replace('embed_tokens', 'norm'): torch.zeros(64, dtype=torch.int32)},
    )
    error = complaint(folder)
    assert len(error.problems) == 4
    assert 'layers.{0-3}.mlp.up_proj.weight is missing, expected [128, 64]' in str(error)
    assert 'model.wrong.weight is unexpected, found [2]' in str(error)
    assert f'{QUERY} is [3, 5]' in str(error)
    assert 'language_model.norm.weight is stored as I32' in str(error)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), float('-inf')])
def test_values_that_are_not_finite_are_named(folder, value):
    weights = weights_of(folder)
    weights[QUERY][7, 7] = value
    as_one_file(folder, **{QUERY: weights[QUERY]})
    error = complaint(folder, precision='bfloat16')
    assert len(error.problems) == 1
    assert f'{QUERY} holds NaN or infinity (the training diverged' in str(error)
    load(folder, check_finite=False)


def test_an_index_that_disagrees_with_its_shards_is_refused(folder):
    file = folder / 'model.safetensors.index.json'
    index = json.loads(file.read_text())
    first, second = sorted(set(index['weight_map'].values()))
    name = next(name for name, shard in index['weight_map'].items() if shard == second)
    index['weight_map'][name] = first
    file.write_text(json.dumps(index))
    error = str(complaint(folder))
    assert f'{name} is not in {first} as listed' in error
    assert f'{second}: holds {name}, which is not listed' in error


def test_two_sets_of_weights_in_one_folder_are_not_guessed_between(folder):
    torch.save({}, folder / 'model.pt')
    with pytest.raises(ConfigurationError, match='2 sets of weights') as caught:
        find_checkpoint_files(folder)
    assert 'give the file you mean' in str(caught.value)


def test_a_folder_that_is_no_checkpoint_says_everything_it_lacks(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        find_checkpoint_files(tmp_path).require()
    assert len(caught.value.problems) == 5
    with pytest.raises(ConfigurationError, match='does not exist'):
        find_checkpoint_files(tmp_path / 'nowhere')


def test_a_missing_tokenizer_names_the_backbone_to_take_it_from(folder):
    config = json.loads((folder / 'config.json').read_text())
    config['mllm_id'] = 'Some/Backbone-2B'
    (folder / 'config.json').write_text(json.dumps(config))
    with pytest.raises(ConfigurationError) as caught:
        find_checkpoint_files(folder).require('tokenizer')
    assert len(caught.value.problems) == 1
    assert 'tokenizer.json is missing (copy it from Some/Backbone-2B' in str(caught.value)


def test_weights_of_something_else_are_recognised(folder):
    save_file({'some.weight': torch.zeros(2)}, folder / 'other.safetensors')
    assert 'is it a WLA checkpoint?' in str(complaint(folder / 'other.safetensors'))


# creation


def test_created_checkpoints_load_and_are_reproducible(tmp_path):
    create_checkpoint(tmp_path / 'a', SIZES['tiny'], seed=3)
    create_checkpoint(tmp_path / 'b', SIZES['tiny'], seed=3, max_shard_bytes=300_000)
    create_checkpoint(tmp_path / 'c', SIZES['tiny'], seed=4)
    assert (tmp_path / 'b/model.safetensors.index.json').is_file()
    find_checkpoint_files(tmp_path / 'a').require()
    one = load(tmp_path / 'a', 'mixed')
    assert_same(load(tmp_path / 'b', 'mixed'), one)
    assert load(tmp_path / 'c', 'mixed').weights_sha256 != one.weights_sha256
    # The library, not only our own reader, takes what was written.
    assert len(load_file(tmp_path / 'a/model.safetensors')) == len(one.model.state_dict())


def test_a_created_checkpoint_does_not_overwrite(tmp_path):
    (tmp_path / 'precious').touch()
    with pytest.raises(ConfigurationError, match='not empty'):
        create_checkpoint(tmp_path, SIZES['tiny'])
