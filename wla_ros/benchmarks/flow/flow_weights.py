# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The files of a trained flow policy: config as JSON, weights as safetensors. Reads and writes."""

import dataclasses
import hashlib
import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from safetensors.torch import save

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.base.whole_file import write_whole
from wla_ros.benchmarks.flow.flow_config import FlowConfig
from wla_ros.benchmarks.flow.flow_network import FlowNetwork

CONFIG = 'flow.json'
WEIGHTS = 'flow.safetensors'
_REMEDY = 'train it again'


def save_weights(folder: Path, config: FlowConfig, network: FlowNetwork) -> Path:
    """Write both files into `folder`, the config last: it says that the weights are complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).unlink(missing_ok=True)
    write_whole(folder / WEIGHTS, save(network.state_dict()))
    text = json.dumps(dataclasses.asdict(config), indent=1) + '\n'
    write_whole(folder / CONFIG, text)
    return folder


def load_weights(folder: Path) -> tuple[FlowConfig, FlowNetwork, str]:
    """
    Return config, network and a short hash of the weights.

    Raises ConfigurationError naming the file that is missing, damaged or does not fit.
    """
    config = load_configuration(FlowConfig, _json(folder / CONFIG), source=str(folder / CONFIG))
    file = folder / WEIGHTS
    content = _read(file)
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise _problem(file, f'is no safetensors file: {error}') from error
    network = FlowNetwork(config)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    problems = tuple(
        Problem(
            where=f'{file}: {name}',
            what=f'is {found.get(name, "missing")}, the config wants {wanted.get(name, "none")}',
            remedy=_REMEDY,
        )
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    )
    if problems:
        raise ConfigurationError('flow policy', problems)
    network.load_state_dict(tensors)
    network.eval().requires_grad_(requires_grad=False)
    return config, network, hashlib.sha256(content).hexdigest()[:12]


def _json(file: Path) -> dict[str, object]:
    try:
        values = json.loads(_read(file))
    except ValueError as error:
        raise _problem(file, f'is not JSON: {error}') from error
    if not isinstance(values, dict):
        raise _problem(file, 'is not a JSON object')
    return values


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _problem(file, f'cannot be read: {error.strerror}') from error


def _problem(file: Path, what: str) -> ConfigurationError:
    return ConfigurationError(
        'flow policy', (Problem(where=str(file), what=what, remedy=_REMEDY),)
    )
