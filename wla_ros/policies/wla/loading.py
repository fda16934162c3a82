# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Makes the policy `wla` from its settings: checkpoint, tokenizer, statistics. Reads files."""

from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

import torch

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import Representation
from wla_ros.policies.wla.checkpoint.load import PRECISIONS
from wla_ros.policies.wla.checkpoint.load import CheckpointFiles
from wla_ros.policies.wla.checkpoint.load import find_checkpoint_files
from wla_ros.policies.wla.checkpoint.load import load_checkpoint
from wla_ros.policies.wla.columns import ActionSpace
from wla_ros.policies.wla.columns import ForwardKinematics
from wla_ros.policies.wla.columns import ModelColumns
from wla_ros.policies.wla.columns import Reference
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.policy import WlaPolicy
from wla_ros.policies.wla.prompt import load_tokenizer
from wla_ros.policies.wla.settings import WlaSettings
from wla_ros.policies.wla.statistics import Normaliser
from wla_ros.policies.wla.statistics import read_statistics


def load_wla_policy(
    settings: WlaSettings,
    layout: JointLayout,
    kinematics: Mapping[str, ForwardKinematics],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> WlaPolicy:
    """
    Return the policy with its model on its device.

    `kinematics` per arm are used by end-effector checkpoints only. Raises ConfigurationError with
    everything that is missing or does not fit.
    """
    files = _files(settings)
    files.require()
    device = _device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    name = settings.dtype
    if name == 'auto':
        name = 'bfloat16' if device.type == 'cuda' else 'float32'
    loaded = load_checkpoint(files, precision=PRECISIONS[name], device=device, progress=progress)
    if files.tokenizer is None or files.statistics is None:
        raise ValueError('required before')
    tokenizer = load_tokenizer(files.tokenizer, loaded.config)
    space = _space(settings, layout, kinematics)
    columns = _columns(settings, space, loaded.config, files.statistics)
    return WlaPolicy(loaded.model, tokenizer, columns, settings, version=loaded.version)


def _files(settings: WlaSettings) -> CheckpointFiles:
    if not settings.checkpoint:
        problem = Problem(
            where='checkpoint', what='is empty', remedy='give the folder of a checkpoint'
        )
        raise ConfigurationError('policy.wla', (problem,))
    return find_checkpoint_files(
        Path(settings.checkpoint).expanduser(),
        backbone=_path(settings.backbone),
        statistics=_path(settings.statistics.file),
    )


def _path(name: str) -> Path | None:
    return Path(name).expanduser() if name else None


def _device(name: str) -> torch.device:
    chosen = name
    if name == 'auto':
        chosen = 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        device = torch.device(chosen)
    except RuntimeError as error:
        problem = Problem(where='device', what=str(error), remedy='auto, cpu or cuda')
        raise ConfigurationError('policy.wla', (problem,)) from error
    if device.type == 'cuda' and not torch.cuda.is_available():
        problem = Problem(where='device', what=f'{name}: torch finds no GPU', remedy='cpu')
        raise ConfigurationError('policy.wla', (problem,))
    return device


def _space(
    settings: WlaSettings, layout: JointLayout, kinematics: Mapping[str, ForwardKinematics]
) -> ActionSpace:
    actions = settings.actions
    is_pose = actions.space == 'end_effector'
    return ActionSpace(
        layout=layout,
        representation=(
            Representation.END_EFFECTOR_POSE if is_pose else Representation.JOINT_POSITION
        ),
        reference=Reference(actions.relative_to),
        gripper_m_per_unit=actions.gripper_m_per_unit,
        scalar_first_quaternions=actions.scalar_first_quaternions,
        kinematics=kinematics,
    )


def _columns(
    settings: WlaSettings, space: ActionSpace, config: WLAConfig, file: Path
) -> ModelColumns:
    section = settings.statistics
    statistics = read_statistics(file, key=section.key, kind=section.kind, width=space.width)
    return ModelColumns(
        space=space,
        statistics=statistics,
        state_normaliser=Normaliser.of(statistics.state, section.state_epsilon),
        action_normaliser=Normaliser.of(statistics.action, section.action_epsilon),
        state_dim=config.expert.state_dim,
        action_dim=config.expert.action_dim,
        start_margin=section.start_margin,
    )
