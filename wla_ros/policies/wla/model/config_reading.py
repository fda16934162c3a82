# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The published configuration files to `WLAConfig`, listing every problem at once."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.policies.wla.model.config import ExpertConfig
from wla_ros.policies.wla.model.config import TextConfig
from wla_ros.policies.wla.model.config import VisionConfig
from wla_ros.policies.wla.model.config import WLAConfig

# Typed access to a JSON object that collects every problem instead of stopping at the first.


class JsonFields:
    """
    One JSON object of a file; problems go to a list shared with its sub-objects.

    A getter returns a harmless value after a problem, so that reading goes on: call
    `raise_problems` before using anything.
    """

    def __init__(
        self, values: Mapping[str, Any], file: Path, problems: list[Problem], path: str = ''
    ) -> None:
        """Read `values`, found at `path` ('a.b') in `file`."""
        self._values = values
        self._file = file
        self._path = path
        self._problems = problems

    @classmethod
    def read(cls, file: Path, problems: list[Problem]) -> 'JsonFields':
        """Read a file; one that is missing or no JSON object is a problem and reads as empty."""
        try:
            values = json.loads(file.read_text(encoding='utf-8'))
        except OSError as error:
            problems.append(Problem(where=str(file), what=f'cannot be read: {error.strerror}'))
            values = None
        except ValueError as error:
            problems.append(Problem(where=str(file), what=f'is not JSON: {error}'))
            values = None
        if values is not None and not isinstance(values, dict):
            problems.append(Problem(where=str(file), what='is not a JSON object'))
        return cls(values if isinstance(values, dict) else {}, file, problems)

    def raise_problems(self, source: str) -> None:
        """Raise ConfigurationError if there was any problem."""
        if self._problems:
            raise ConfigurationError(source, tuple(self._problems))

    def complain(self, name: str, what: str, remedy: str = '') -> None:
        """Add a problem with field `name`."""
        where = f'{self._file}: {self._path}{name}'
        self._problems.append(Problem(where=where, what=what, remedy=remedy))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all fields."""
        return tuple(self._values)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def section(self, name: str) -> 'JsonFields':
        """Return a sub-object; empty if missing, which is a problem."""
        value = self._value(name, None)
        if value is not None and not isinstance(value, dict):
            self.complain(name, f'must be an object, is {value!r}')
        values = value if isinstance(value, dict) else {}
        # A missing section is one problem, not one for each of its fields.
        problems = self._problems if isinstance(value, dict) else []
        return JsonFields(values, self._file, problems, f'{self._path}{name}.')

    def integer(self, name: str, *, default: int | None = None, minimum: int = 1) -> int:
        """Return an integer of at least `minimum`."""
        value = self._value(name, default)
        if value is None:
            return minimum
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            self.complain(name, f'must be an integer of at least {minimum}, is {value!r}')
            return minimum
        return value

    def number(self, name: str, *, default: float | None = None) -> float:
        """Return a positive number."""
        value = self._value(name, default)
        if value is None:
            return 1.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0.0:
            self.complain(name, f'must be a positive number, is {value!r}')
            return 1.0
        return float(value)

    def integers(self, name: str, *, minimum: int = 0) -> tuple[int, ...]:
        """Return a list of integers of at least `minimum`."""
        value = self._value(name, None)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(
            isinstance(item, int) and not isinstance(item, bool) and item >= minimum
            for item in value
        ):
            self.complain(name, f'must be a list of integers, is {value!r}')
            return ()
        return tuple(value)

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """Return a list of exactly `count` finite numbers; empty after a problem."""
        value = self._value(name, None)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) != count:
            found = f'{len(value)} entries' if isinstance(value, list) else repr(value)
            self.complain(name, f'must be a list of {count} numbers, is {found}')
            return ()
        bad = [
            index
            for index, item in enumerate(value)
            if isinstance(item, bool)
            or not isinstance(item, int | float)
            or not math.isfinite(item)
        ]
        for index in bad:
            self.complain(f'{name}[{index}]', f'must be a finite number, is {value[index]!r}')
        return () if bad else tuple(float(item) for item in value)

    def length(self, name: str) -> int:
        """Return the number of entries of a list, 0 for anything else; never a problem."""
        value = self._values.get(name)
        return len(value) if isinstance(value, list) else 0

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            self.complain(name, f'must be true or false, is {value!r}')
            return default
        return value

    def text(self, name: str, *, default: str | None = None, one_of: tuple[str, ...] = ()) -> str:
        """Return a string, one of `one_of` if that is not empty."""
        value = self._value(name, default)
        if value is None:
            return ''
        if not isinstance(value, str) or (one_of and value not in one_of):
            wanted = f'one of {", ".join(one_of)}' if one_of else 'a string'
            self.complain(name, f'must be {wanted}, is {value!r}')
            return ''
        return value

    def expect(self, name: str, wanted: object) -> None:
        """Complain if the field is there with another value than the only one supported."""
        if self.has(name) and self._values[name] != wanted:
            self.complain(name, f'is {self._values[name]!r}, supported is only {wanted!r}')

    def _value(self, name: str, default: object) -> Any:  # noqa: ANN401 - JSON holds anything
        value = self._values.get(name)
        if value is None:
            value = default
        if value is None:
            self.complain(name, 'is missing')
        return value


NORM_TYPES = ('norm', 'ada_norm')
# Defaults of the published code where a released config may leave the field out.
_DEFAULT_TEXT_TOKENS = 256
_DEFAULT_HISTORY_STEP = 8
_DEFAULT_IMAGE_SIZE = 256
_DEFAULT_STEPS = 32
_DEFAULT_BUCKETS = 1000


def read_configuration(
    wla_file: Path, backbone_file: Path, *, embedding_rows: int | None = None
) -> WLAConfig:
    """
    Return the configuration of a checkpoint.

    Args:
        wla_file: `config.json` of the WLA folder.
        backbone_file: config of the backbone; one of the plain backbone counts neither the two
            image tokens nor the meta-queries among its tokens.
        embedding_rows: rows of the embedding in the weights, which decides whether the backbone's
            config counts them; None believes that it does.

    Raises:
        ConfigurationError: listing everything that is missing, wrong or not supported.

    """
    problems: list[Problem] = []
    wla = JsonFields.read(wla_file, problems)
    backbone = JsonFields.read(backbone_file, problems)
    wla.raise_problems(str(wla_file.parent))
    queries = wla.integer('num_metaqueries')
    text = _text(backbone, queries, embedding_rows)
    vision = _vision(backbone.section('vision_config'))
    config = WLAConfig(
        vision=vision,
        text=text,
        expert=_expert(wla),
        num_metaqueries=queries,
        image_token=backbone.integer('image_token_id', minimum=0),
        vision_start_token=backbone.integer('vision_start_token_id', minimum=0),
        vision_end_token=backbone.integer('vision_end_token_id', minimum=0),
        primary_image_size=wla.integer('primary_image_size', default=_DEFAULT_IMAGE_SIZE),
        auxiliary_image_size=wla.integer('auxiliary_image_size', default=_DEFAULT_IMAGE_SIZE),
        use_history_obs=wla.flag('use_history_obs', default=False),
        history_obs_step=wla.integer('history_obs_step', default=_DEFAULT_HISTORY_STEP),
        use_begin_frame_context=wla.flag('use_begin_frame_context', default=False),
        training_mode=wla.text('training_mode'),
        max_input_text_tokens=wla.integer('max_input_text_tokens', default=_DEFAULT_TEXT_TOKENS),
        system_prompt=wla.text('system_prompt', default=''),
    )
    if not problems:
        _check_joints(config, wla, backbone)
    wla.raise_problems(str(wla_file.parent))
    return config


def _vision(fields: JsonFields) -> VisionConfig:
    fields.expect('hidden_act', 'gelu_pytorch_tanh')
    return VisionConfig(
        depth=fields.integer('depth'),
        hidden_size=fields.integer('hidden_size'),
        intermediate_size=fields.integer('intermediate_size'),
        num_heads=fields.integer('num_heads'),
        patch_size=fields.integer('patch_size'),
        temporal_patch_size=fields.integer('temporal_patch_size'),
        spatial_merge_size=fields.integer('spatial_merge_size'),
        in_channels=fields.integer('in_channels', default=3),
        num_position_embeddings=fields.integer('num_position_embeddings'),
        out_hidden_size=fields.integer('out_hidden_size'),
        deepstack_visual_indexes=fields.integers('deepstack_visual_indexes'),
    )


def _text(backbone: JsonFields, queries: int, embedding_rows: int | None) -> TextConfig:
    fields = backbone.section('text_config')
    fields.expect('hidden_act', 'silu')
    fields.expect('attention_bias', wanted=False)
    for owner in (backbone, fields):
        owner.expect('tie_word_embeddings', wanted=True)
    # transformers 5 writes `rope_parameters`, with theta inside; 4.57 `rope_scaling` beside theta.
    if fields.has('rope_parameters'):
        rope = fields.section('rope_parameters')
        theta = rope.number('rope_theta')
    else:
        rope = fields.section('rope_scaling')
        theta = fields.number('rope_theta')
    rope.expect('rope_type', 'default')
    rope.expect('mrope_interleaved', wanted=True)
    section = rope.integers('mrope_section', minimum=1)
    if section and len(section) != 3:
        rope.complain('mrope_section', f'must have three entries, is {list(section)}')
    time, height, width = section if len(section) == 3 else (1, 1, 1)
    rows = fields.integer('vocab_size')
    if embedding_rows is not None and embedding_rows == rows + queries + 2:
        rows = embedding_rows
    heads = fields.integer('num_attention_heads')
    return TextConfig(
        hidden_size=fields.integer('hidden_size'),
        intermediate_size=fields.integer('intermediate_size'),
        num_hidden_layers=fields.integer('num_hidden_layers'),
        num_attention_heads=heads,
        num_key_value_heads=fields.integer('num_key_value_heads', default=heads),
        head_dim=fields.integer('head_dim'),
        vocab_size=rows,
        rms_norm_eps=fields.number('rms_norm_eps'),
        rope_theta=theta,
        mrope_section=(time, height, width),
    )


def _expert(wla: JsonFields) -> ExpertConfig:
    fields = wla.section('diffusion_model_cfg')
    fields.expect('positional_embeddings', wanted=None)
    fields.expect('attention_bias', wanted=True)
    fields.expect('activation_fn', 'gelu-approximate')
    fields.expect('norm_elementwise_affine', wanted=False)
    fields.expect('norm_eps', 1e-5)
    return ExpertConfig(
        num_layers=fields.integer('num_layers'),
        num_attention_heads=fields.integer('num_attention_heads'),
        attention_head_dim=fields.integer('attention_head_dim'),
        input_embedding_dim=fields.integer('input_embedding_dim'),
        cross_attention_dim=fields.integer('cross_attention_dim'),
        interleave_self_attention=fields.flag('interleave_self_attention', default=False),
        norm_type=fields.text('norm_type', default='ada_norm', one_of=NORM_TYPES),
        max_seq_len=wla.integer('max_seq_len'),
        add_pos_embed=wla.flag('add_pos_embed', default=True),
        action_dim=wla.integer('max_action_dim'),
        state_dim=wla.integer('max_state_dim'),
        chunk_size=wla.integer('chunk_size'),
        num_timestep_buckets=wla.integer('num_timestep_buckets', default=_DEFAULT_BUCKETS),
        num_inference_timesteps=wla.integer('num_inference_timesteps', default=_DEFAULT_STEPS),
    )


def _check_joints(config: WLAConfig, wla: JsonFields, backbone: JsonFields) -> None:
    """Complain about sizes that do not fit together."""
    vision, text, expert = config.vision, config.text, config.expert

    def check(fields: JsonFields, name: str, fits: bool, what: str) -> None:  # noqa: FBT001
        if not fits:
            fields.complain(name, what)

    inner = expert.num_attention_heads * expert.attention_head_dim
    check(
        wla,
        'diffusion_model_cfg.input_embedding_dim',
        expert.input_embedding_dim == inner,
        f'is {expert.input_embedding_dim}, heads x head dimension is {inner}',
    )
    check(
        wla,
        'diffusion_model_cfg.cross_attention_dim',
        expert.cross_attention_dim == text.hidden_size,
        f'is {expert.cross_attention_dim}, the decoder is {text.hidden_size} wide',
    )
    check(
        wla,
        'diffusion_model_cfg.num_layers',
        expert.num_layers <= text.num_hidden_layers,
        f'is {expert.num_layers}, the decoder has {text.num_hidden_layers} layers to read',
    )
    check(
        wla,
        'max_seq_len',
        not expert.add_pos_embed or expert.chunk_size <= expert.max_seq_len,
        f'is {expert.max_seq_len}, less than the {expert.chunk_size} rows of a chunk',
    )
    check(
        wla,
        'num_metaqueries',
        config.begin_of_img_token > 0,
        f'is {config.num_metaqueries}, the embedding has {text.vocab_size} rows in all',
    )
    token = vision.patch_size * vision.spatial_merge_size
    for name in ('primary_image_size', 'auxiliary_image_size'):
        size = getattr(config, name)
        check(wla, name, size % token == 0, f'is {size}, not a multiple of {token} pixels')
    check(
        backbone,
        'vision_config.out_hidden_size',
        vision.out_hidden_size == text.hidden_size,
        f'is {vision.out_hidden_size}, the decoder is {text.hidden_size} wide',
    )
    check(
        backbone,
        'vision_config.num_heads',
        vision.hidden_size % (4 * vision.num_heads) == 0,
        f'is {vision.num_heads}: the head width must be a multiple of 4 for the 2-D rotary',
    )
    check(
        backbone,
        'vision_config.num_position_embeddings',
        round(vision.num_position_embeddings**0.5) ** 2 == vision.num_position_embeddings,
        f'is {vision.num_position_embeddings}, not a square number',
    )
    check(
        backbone,
        'vision_config.deepstack_visual_indexes',
        all(index < vision.depth for index in vision.deepstack_visual_indexes),
        f'is {list(vision.deepstack_visual_indexes)}, the tower has {vision.depth} blocks',
    )
    check(
        backbone,
        'text_config.num_key_value_heads',
        text.num_attention_heads % text.num_key_value_heads == 0,
        f'is {text.num_key_value_heads}, not a divisor of {text.num_attention_heads} heads',
    )
    check(
        backbone,
        'text_config.rope_scaling.mrope_section',
        sum(text.mrope_section) == text.head_dim // 2
        and 3 * text.mrope_section[1] <= text.head_dim // 2 + 1
        and 3 * text.mrope_section[2] <= text.head_dim // 2,
        f'is {list(text.mrope_section)}, a head has {text.head_dim // 2} pairs',
    )
