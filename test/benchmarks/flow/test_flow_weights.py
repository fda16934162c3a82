# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Files of a trained policy: what is written is read, anything else is named."""

import json

import pytest

torch = pytest.importorskip('torch')

from benchmarks.flow.small_demonstrations import config

from wla_ros.base.config import ConfigurationError
from wla_ros.benchmarks.flow.flow_network import FlowNetwork
from wla_ros.benchmarks.flow.flow_weights import CONFIG
from wla_ros.benchmarks.flow.flow_weights import WEIGHTS
from wla_ros.benchmarks.flow.flow_weights import load_weights
from wla_ros.benchmarks.flow.flow_weights import save_weights


@pytest.fixture
def folder(tmp_path):
    return save_weights(tmp_path / 'weights', config(), FlowNetwork(config()))


def test_what_was_saved_is_loaded(tmp_path):
    network = FlowNetwork(config())
    folder = save_weights(tmp_path / 'new' / 'folder', config(), network)
    loaded_config, loaded, version = load_weights(folder)
    assert loaded_config == config()
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    assert len(version) == 12
    assert version == load_weights(folder)[2]


def test_missing_files_are_named(tmp_path, folder):
    with pytest.raises(ConfigurationError, match=f'{CONFIG}: cannot be read.*train it again'):
        load_weights(tmp_path)
    (folder / WEIGHTS).unlink()
    with pytest.raises(ConfigurationError, match=f'{WEIGHTS}: cannot be read'):
        load_weights(folder)


def test_damaged_files_are_named(folder):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])
    with pytest.raises(ConfigurationError, match='no safetensors file'):
        load_weights(folder)
    (folder / CONFIG).write_text('{')
    with pytest.raises(ConfigurationError, match='not JSON'):
        load_weights(folder)
    (folder / CONFIG).write_text('[]')
    with pytest.raises(ConfigurationError, match='not a JSON object'):
        load_weights(folder)


def test_weights_of_another_network_are_refused(folder):
    values = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(values | {'width': 48}))
    with pytest.raises(ConfigurationError, match='the config wants') as caught:
        load_weights(folder)
    assert len(caught.value.problems) > 5


def test_an_impossible_config_is_refused(folder):
    values = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(values | {'clean_prefix_rows': 8}))
    with pytest.raises(ConfigurationError, match='leave none of 8'):
        load_weights(folder)
