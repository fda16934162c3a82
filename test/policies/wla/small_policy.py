# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A WLA policy with random weights, small enough to run in a test, and observations for it."""

import numpy as np
import torch
from policies.wla.small_checkpoint import small_config
from policies.wla.small_checkpoint import small_tokenizer

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import ImageFrame
from wla_ros.base.types import Observation
from wla_ros.policies.wla.columns import ActionSpace
from wla_ros.policies.wla.columns import ModelColumns
from wla_ros.policies.wla.model.model import WLAModel
from wla_ros.policies.wla.policy import WlaPolicy
from wla_ros.policies.wla.settings import WlaSettings
from wla_ros.policies.wla.statistics import ColumnStatistics
from wla_ros.policies.wla.statistics import Normaliser
from wla_ros.policies.wla.statistics import NormStatistics

LAYOUT = JointLayout(('left', 'right'))
CAMERAS = ('head', 'left_wrist', 'right_wrist')


def small_model(config=None):
    torch.manual_seed(0)
    model = WLAModel(config or small_config())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if 'embed_tokens' in name:
                parameter.normal_(0.0, 1.0)
    return model.eval()


def small_columns(space=None, *, state_dim=14, action_dim=14):
    space = space or ActionSpace(layout=LAYOUT)
    of_all = ColumnStatistics(
        kind='min_max', first=np.full(space.width, -2.0), second=np.full(space.width, 2.0)
    )
    return ModelColumns(
        space=space,
        statistics=NormStatistics(key='test', state=of_all, action=of_all),
        state_normaliser=Normaliser.of(of_all),
        action_normaliser=Normaliser.of(of_all),
        state_dim=state_dim,
        action_dim=action_dim,
        start_margin=0.1,
    )


def small_policy(model=None, *, columns=None, choice=None, now_ns=lambda: 0, **settings):
    """Return a policy whose clock stands still unless one is given."""
    model = model or small_model()
    return WlaPolicy(
        model,
        small_tokenizer(model.config),
        columns or small_columns(),
        WlaSettings(**settings),
        version='test',
        choice=choice,
        now_ns=now_ns,
    )


def frame(name, stamp_ns, *, shade=None):
    generator = np.random.default_rng(abs(hash((len(name), stamp_ns))) % 2**32)
    pixels = generator.integers(0, 255, (48, 64, 3), np.uint8)
    if shade is not None:
        pixels[:] = shade
    return ImageFrame(stream=name, stamp_ns=stamp_ns, receive_ns=stamp_ns, pixels=pixels)


def observation(stamp_ns=0, *, joints=None, history=True, epoch=0):
    joints = np.linspace(-1.0, 1.0, 14) if joints is None else joints
    return Observation(
        stamp_ns=stamp_ns,
        epoch=epoch,
        images={name: frame(name, stamp_ns) for name in CAMERAS},
        history={'head': (frame('head', stamp_ns - 266_666_667),)} if history else {},
        joint_position=joints,
        joint_velocity=np.zeros(14),
        objects=None,
        samples=(),
        synchronised_ns=stamp_ns,
    )
