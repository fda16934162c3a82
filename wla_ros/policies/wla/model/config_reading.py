# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The published configuration files to `WLAConfig`, listing every problem at once."""

import json
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any
from typing import TypeVar

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.base.config import parameter
from wla_ros.policies.wla.model.config import ExpertConfig
from wla_ros.policies.wla.model.config import TextConfig
from wla_ros.policies.wla.model.config import VisionConfig
from wla_ros.policies.wla.model.config import WLAConfig

T = TypeVar('T')


def read_json(file: Path) -> dict[str, Any]:
    """
    Return the JSON object in `file`, without nulls: they say what a missing field says.

    Raises ConfigurationError if it cannot be read or holds anything else.
    """
    try:
        values = json.loads(file.read_text(encoding='utf-8'))
    except OSError as error:
        raise _no_object(file, f'cannot be read: {error.strerror}') from error
    except ValueError as error:
        raise _no_object(file, f'is not JSON: {error}') from error
    if not isinstance(values, dict):
        raise _no_object(file, 'is not a JSON object')
    found: dict[str, Any] = _without_nulls(values)
    return found


def _no_object(file: Path, what: str) -> ConfigurationError:
    return ConfigurationError(str(file.parent), (Problem(where=str(file), what=what),))


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - JSON holds anything
    if not isinstance(value, dict):
        return value
    return {name: _without_nulls(item) for name, item in value.items() if item is not None}


def _load(
    kind: type[T], values: Mapping[str, Any], file: Path, problems: list[Problem]
) -> T | None:
    """
    Return the fields of `kind` in `values`, found in `file`; others are ignored.

    None if there is any problem; they are added to `problems`.
    """
    try:
        return load_configuration(kind, values, source=str(file), ignore_unknown=True)
    except ConfigurationError as error:
        problems += [
            replace(problem, where=f'{file}: {problem.where}') for problem in error.problems
        ]
        return None


# The sections of the two files, by their published names. Defaults are those of the published
# code, where a released file may leave the field out.

NORM_TYPES = ('norm', 'ada_norm')
_SMALLEST = 1e-12  # of numbers that must be positive


@dataclass(frozen=True, slots=True, kw_only=True)
class _ExpertFile:
    num_layers: int = parameter('blocks', minimum=1)
    num_attention_heads: int = parameter('heads', minimum=1)
    attention_head_dim: int = parameter('width of a head', minimum=1)
    input_embedding_dim: int = parameter('width', minimum=1)
    cross_attention_dim: int = parameter('width of the meta-queries', minimum=1)
    interleave_self_attention: bool = parameter('odd blocks read their own tokens', default=False)
    norm_type: str = parameter('norms', choices=NORM_TYPES, default='ada_norm')


@dataclass(frozen=True, slots=True, kw_only=True)
class _WlaFile:
    num_metaqueries: int = parameter('meta-queries', minimum=1)
    diffusion_model_cfg: _ExpertFile = parameter('Action Expert')
    max_seq_len: int = parameter('learned positions', minimum=1)
    add_pos_embed: bool = parameter('whether rows have learned positions', default=True)
    max_action_dim: int = parameter('columns of actions', minimum=1)
    max_state_dim: int = parameter('columns of the state', minimum=1)
    chunk_size: int = parameter('rows of a chunk', minimum=1)
    num_timestep_buckets: int = parameter('buckets of flow time', minimum=1, default=1000)
    num_inference_timesteps: int = parameter('Euler steps', minimum=1, default=32)
    primary_image_size: int = parameter('side of head images', minimum=1, default=256)
    auxiliary_image_size: int = parameter('side of other images', minimum=1, default=256)
    use_history_obs: bool = parameter('whether a history image is seen', default=False)
    history_obs_step: int = parameter('its age in steps', minimum=1, default=8)
    use_begin_frame_context: bool = parameter('whether the first image is seen', default=False)
    training_mode: str = parameter('what was trained')
    max_input_text_tokens: int = parameter('longest instruction', minimum=1, default=256)
    system_prompt: str = parameter('text of the system turn', default='')


@dataclass(frozen=True, slots=True, kw_only=True)
class _RopeFile:
    mrope_section: tuple[int, ...] = parameter('pairs of time, height, width', minimum=1)
    rope_theta: float | None = parameter('base', minimum=_SMALLEST, default=None)

    def __post_init__(self) -> None:
        if len(self.mrope_section) != 3:
            raise ValueError(f'mrope_section must have three, has {list(self.mrope_section)}')


@dataclass(frozen=True, slots=True, kw_only=True)
class _TextFile:
    hidden_size: int = parameter('width', minimum=1)
    intermediate_size: int = parameter('width of the MLP', minimum=1)
    num_hidden_layers: int = parameter('layers', minimum=1)
    num_attention_heads: int = parameter('heads', minimum=1)
    num_key_value_heads: int | None = parameter('heads of keys', minimum=1, default=None)
    head_dim: int = parameter('width of a head', minimum=1)
    vocab_size: int = parameter('rows of the embedding', minimum=1)
    rms_norm_eps: float = parameter('added to the mean square', minimum=_SMALLEST)
    # transformers 5 writes `rope_parameters` with theta inside, 4.57 `rope_scaling` beside theta.
    rope_parameters: _RopeFile | None = parameter('rotary positions', default=None)
    rope_scaling: _RopeFile | None = parameter('rotary positions', default=None)
    rope_theta: float | None = parameter('base', minimum=_SMALLEST, default=None)

    def __post_init__(self) -> None:
        if self.rope is None:
            raise ValueError('rope_scaling is missing')
        if self.theta is None:
            raise ValueError('rope_theta is missing')

    @property
    def rope(self) -> _RopeFile | None:
        return self.rope_parameters or self.rope_scaling

    @property
    def theta(self) -> float | None:
        return self.rope_parameters.rope_theta if self.rope_parameters else self.rope_theta


@dataclass(frozen=True, slots=True, kw_only=True)
class _BackboneFile:
    image_token_id: int = parameter('token of an image', minimum=0)
    vision_start_token_id: int = parameter('token before an image', minimum=0)
    vision_end_token_id: int = parameter('token behind an image', minimum=0)
    text_config: _TextFile = parameter('decoder')
    vision_config: VisionConfig = parameter('tower')


# Where a file names one of these, no other value is supported.
_ROPE = {'rope_type': 'default', 'mrope_interleaved': True}
_ONLY_WLA: Mapping[str, Any] = {
    'diffusion_model_cfg': {
        'positional_embeddings': None,
        'attention_bias': True,
        'activation_fn': 'gelu-approximate',
        'norm_elementwise_affine': False,
        'norm_eps': 1e-5,
    }
}
_ONLY_BACKBONE: Mapping[str, Any] = {
    'tie_word_embeddings': True,
    'text_config': {
        'tie_word_embeddings': True,
        'hidden_act': 'silu',
        'attention_bias': False,
        'rope_parameters': _ROPE,
        'rope_scaling': _ROPE,
    },
    'vision_config': {'hidden_act': 'gelu_pytorch_tanh'},
}


def _unsupported(
    values: Mapping[str, Any], only: Mapping[str, Any], where: str
) -> Iterator[Problem]:
    for name, wanted in only.items():
        found = values.get(name)
        if isinstance(wanted, Mapping):
            if isinstance(found, Mapping):
                yield from _unsupported(found, wanted, f'{where}{name}.')
        elif found is not None and found != wanted:
            what = f'is {found!r}, supported is only {wanted!r}'
            yield Problem(where=f'{where}{name}', what=what)


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
    loaded: list[Any] = []
    for file, kind, only in (
        (wla_file, _WlaFile, _ONLY_WLA),
        (backbone_file, _BackboneFile, _ONLY_BACKBONE),
    ):
        try:
            values = read_json(file)
        except ConfigurationError as error:
            problems += error.problems
            continue
        problems += _unsupported(values, only, f'{file}: ')
        loaded.append(_load(kind, values, file, problems))
    if not problems:
        wla, backbone = loaded
        config = _configuration(wla, backbone, embedding_rows)
        problems += _misfits(config, wla_file, backbone_file)
    if problems:
        raise ConfigurationError(str(wla_file.parent), tuple(problems))
    return config


def _configuration(
    wla: _WlaFile, backbone: _BackboneFile, embedding_rows: int | None
) -> WLAConfig:
    text = backbone.text_config
    cfg = wla.diffusion_model_cfg
    rows = text.vocab_size
    if embedding_rows is not None and embedding_rows == rows + wla.num_metaqueries + 2:
        rows = embedding_rows
    if text.rope is None or text.theta is None:
        raise ValueError('checked before')
    time, height, width = text.rope.mrope_section
    return WLAConfig(
        vision=backbone.vision_config,
        text=TextConfig(
            hidden_size=text.hidden_size,
            intermediate_size=text.intermediate_size,
            num_hidden_layers=text.num_hidden_layers,
            num_attention_heads=text.num_attention_heads,
            num_key_value_heads=text.num_key_value_heads or text.num_attention_heads,
            head_dim=text.head_dim,
            vocab_size=rows,
            rms_norm_eps=text.rms_norm_eps,
            rope_theta=text.theta,
            mrope_section=(time, height, width),
        ),
        expert=ExpertConfig(
            **{name: getattr(cfg, name) for name in cfg.__slots__},
            max_seq_len=wla.max_seq_len,
            add_pos_embed=wla.add_pos_embed,
            action_dim=wla.max_action_dim,
            state_dim=wla.max_state_dim,
            chunk_size=wla.chunk_size,
            num_timestep_buckets=wla.num_timestep_buckets,
            num_inference_timesteps=wla.num_inference_timesteps,
        ),
        num_metaqueries=wla.num_metaqueries,
        image_token=backbone.image_token_id,
        vision_start_token=backbone.vision_start_token_id,
        vision_end_token=backbone.vision_end_token_id,
        primary_image_size=wla.primary_image_size,
        auxiliary_image_size=wla.auxiliary_image_size,
        use_history_obs=wla.use_history_obs,
        history_obs_step=wla.history_obs_step,
        use_begin_frame_context=wla.use_begin_frame_context,
        training_mode=wla.training_mode,
        max_input_text_tokens=wla.max_input_text_tokens,
        system_prompt=wla.system_prompt,
    )


def _misfits(config: WLAConfig, wla: Path, backbone: Path) -> list[Problem]:
    """Return sizes that do not fit together."""
    vision, text, expert = config.vision, config.text, config.expert
    problems = []

    def check(file: Path, name: str, fits: bool, what: str) -> None:  # noqa: FBT001
        if not fits:
            problems.append(Problem(where=f'{file}: {name}', what=what))

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
    return problems
