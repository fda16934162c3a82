# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What is saved loads bit for bit the same, in the published layout; training goes on from it."""

import json
import shutil

import pytest

torch = pytest.importorskip('torch')

from policies.wla.golden_data import FOLDERS
from policies.wla.golden_data import read_golden
from policies.wla.prompts import prompt_of
from safetensors.torch import load_file
from safetensors.torch import save_file

from wla_ros.base.config import ConfigurationError
from wla_ros.policies.wla.checkpoint.load import PRECISIONS
from wla_ros.policies.wla.checkpoint.load import find_checkpoint_files
from wla_ros.policies.wla.checkpoint.load import load_checkpoint
from wla_ros.policies.wla.checkpoint.save import save_checkpoint

FLOAT32 = PRECISIONS['float32']
WORLD = 'model.world_expert.patch_embed.proj.weight'
HEAD = 'model.mllm_backbone.lm_head.weight'


def weights_of(folder):
    files = sorted(folder.glob('model*.safetensors'))
    return {name: value for file in files for name, value in load_file(file).items()}


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def origin(request, tmp_path):
    """Return a checkpoint as published: bf16 but for the expert, with a part that does not act."""
    folder = tmp_path / 'origin'
    shutil.copytree(request.param, folder, ignore=shutil.ignore_patterns('golden*', 'model*'))
    weights = {
        name: value if 'action_expert' in name else value.to(torch.bfloat16)
        for name, value in weights_of(request.param).items()
    }
    embedding = weights['model.mllm_backbone.model.language_model.embed_tokens.weight']
    extra = {WORLD: torch.arange(6, dtype=torch.bfloat16), HEAD: embedding.clone()}
    save_file(weights | extra, folder / 'model.safetensors')
    (folder / 'norm_stats.json').write_text('{"a": 1}')
    (folder / 'mllm' / 'tokenizer.json').write_text('{}')
    return folder


def load(folder, **options):
    files = find_checkpoint_files(folder)
    return load_checkpoint(files, precision=FLOAT32, device='cpu', **options)


@pytest.mark.parametrize('limit', [1_000_000_000, 200_000], ids=['one file', 'shards'])
def test_what_is_saved_is_what_was_loaded_bit_for_bit(origin, tmp_path, limit):
    loaded = load(origin)
    folder = tmp_path / 'saved'
    save_checkpoint(folder, loaded.model, loaded.files, max_shard_bytes=limit)
    before, after = weights_of(origin), weights_of(folder)
    assert set(after) == set(before) - {HEAD}
    for name, value in after.items():
        assert value.dtype == before[name].dtype, name
        assert torch.equal(value, before[name]), name
    again = load(folder)
    assert again.weights_sha256 == loaded.weights_sha256
    assert again.config == loaded.config
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, loaded.model.state_dict()[name]), name
    assert (folder / 'norm_stats.json').read_text() == '{"a": 1}'
    assert (folder / 'mllm' / 'tokenizer.json').read_text() == '{}'
    assert (len(list(folder.glob('model*.safetensors'))) > 1) == (limit < 1_000_000)
    if limit < 1_000_000:
        index = json.loads((folder / 'model.safetensors.index.json').read_text())
        assert set(index['weight_map']) == set(after)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith('.')] == []


def test_a_trainable_model_learns_in_fp32_and_goes_on_where_it_was(origin, tmp_path):
    golden = read_golden(FOLDERS[0])
    loaded = load(origin, trainable=True)
    model = loaded.model
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    assert all(value.requires_grad for value in model.parameters())
    if model.config.expert.action_dim == golden['noise'].shape[-1]:
        features = model.see(golden['pixel_values'], golden.grids)
        metaqueries = model.metaqueries(prompt_of(model, golden.whole, golden.grids), features)
        actions = model.sample(metaqueries, golden['state'][:1, 0], golden['noise'][:1], steps=2)
        actions.square().mean().backward()
        layer = model.decoder.layers[0].self_attn.q_proj.weight
        assert layer.grad.abs().max() > 0.0
        assert model.visual.patch_embed.proj.weight.grad.abs().max() > 0.0
    with torch.no_grad():
        for value in model.parameters():
            value.add_(1e-6)  # below the resolution of bf16 for values near 1
    save_checkpoint(tmp_path / 'masters', model, loaded.files, masters=True)
    resumed = load(tmp_path / 'masters', trainable=True)
    for name, value in resumed.model.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    assert weights_of(tmp_path / 'masters')[WORLD].dtype == torch.bfloat16
    # Without masters the types are the published ones again.
    save_checkpoint(tmp_path / 'published', resumed.model, loaded.files)
    types = {name: value.dtype for name, value in weights_of(tmp_path / 'published').items()}
    assert types == {
        name: value.dtype for name, value in weights_of(origin).items() if name != HEAD
    }


def test_training_in_less_than_fp32_is_refused(origin):
    files = find_checkpoint_files(origin)
    with pytest.raises(ValueError, match='float32'):
        load_checkpoint(files, precision=PRECISIONS['mixed'], device='cpu', trainable=True)


def test_a_diverged_model_and_a_folder_in_use_are_refused_and_leave_nothing(origin, tmp_path):
    loaded = load(origin)
    with pytest.raises(ConfigurationError, match='exists and is not empty'):
        save_checkpoint(origin, loaded.model, loaded.files)
    loaded.model.decoder.norm.weight[0] = float('nan')
    with pytest.raises(ConfigurationError, match=r'language_model\.norm\.weight: holds NaN'):
        save_checkpoint(tmp_path / 'new', loaded.model, loaded.files)
    assert [entry.name for entry in tmp_path.iterdir()] == ['origin']


def test_a_disk_that_is_full_leaves_no_folder(origin, tmp_path, monkeypatch):
    from wla_ros.policies.wla.checkpoint import save as module

    loaded = load(origin)

    def full(*_arguments, **_options):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(module, 'write_shards', full)
    with pytest.raises(OSError, match='No space'):
        save_checkpoint(tmp_path / 'new', loaded.model, loaded.files)
    assert [entry.name for entry in tmp_path.iterdir()] == ['origin']
