# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The golden checkpoints and their expected outputs, see goldens/README.md."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from wla_ros.policies.wla.checkpoint.load import PRECISIONS
from wla_ros.policies.wla.checkpoint.load import find_checkpoint_files
from wla_ros.policies.wla.checkpoint.load import load_checkpoint
from wla_ros.policies.wla.prompt_plan import ImageGrid

FOLDERS = tuple(
    Path(__file__).parent / 'goldens' / name for name in ('wla_tiny', 'wla_tiny_adaln')
)
RELATIVE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Golden:
    """Expected outputs of one folder."""

    folder: Path
    tensors: dict[str, torch.Tensor]
    begin_of_img: int

    def __getitem__(self, name):
        """Return a tensor by its name."""
        return self.tensors[name]

    @property
    def grids(self):
        """Size of each image in patches."""
        return tuple(ImageGrid(int(h), int(w)) for _, h, w in self['image_grid_thw'])

    @property
    def prompt(self):
        """Tokens up to the assistant's turn."""
        return self['prompt_ids'][0]

    @property
    def whole(self):
        """The prompt with the suffix up to the last meta-query."""
        return self['input_ids'][0][:-2]  # without <end_of_img><|im_end|>

    @property
    def suffix(self):
        """Tokens between the prompt and the first meta-query."""
        begin = self.whole.tolist().index(self.begin_of_img)
        return self.whole[len(self.prompt) : begin + 1]


def read_golden(folder):
    """Return the expected outputs in `folder`."""
    described = json.loads((folder / 'golden.json').read_text())
    return Golden(folder, load_file(folder / 'golden.safetensors'), described['begin_of_img'])


def relative_error(found, expected):
    """Return the relative Frobenius distance."""
    return float((found.float() - expected.float()).norm() / expected.float().norm())


def load_model(folder):
    """Return the model in `folder` in fp32."""
    files = find_checkpoint_files(folder)
    return load_checkpoint(files, precision=PRECISIONS['float32'], device='cpu').model
