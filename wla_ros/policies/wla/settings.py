# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""How to run a WLA checkpoint: everything that is not in the checkpoint itself. Values only."""

from dataclasses import dataclass

from wla_ros.base.config import parameter
from wla_ros.policies.wla.columns import Reference
from wla_ros.policies.wla.statistics import FIELDS

JACOBIANS = ('identity', 'full')


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSection:
    """Meaning of the state and action columns of the checkpoint's data."""

    space: str = parameter(
        'joint: angles and grippers; end_effector: poses and grippers',
        choices=('joint', 'end_effector'),
        default='joint',
    )
    relative_to: str = parameter(
        'what joint angles or poses of actions are relative to; grippers are absolute',
        choices=tuple(reference.value for reference in Reference),
        default=Reference.NOTHING.value,
    )
    gripper_m_per_unit: float = parameter(
        'opening for 1 in the data: 1 for metres, 0.07 for the published Piper data',
        unit='m',
        minimum=1e-4,
        maximum=1.0,
        default=0.07,
    )
    scalar_first_quaternions: bool = parameter(
        'quaternions of the data are w x y z, as in RoboTwin', default=False
    )
    tool_offset_m: float = parameter(
        'tool point of end-effector poses, along z of the flange', unit='m', default=0.0
    )
    rate_hz: float = parameter(
        'action rows per second in the data', unit='Hz', minimum=1.0, maximum=200.0, default=30.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsSection:
    """Normalisation."""

    file: str = parameter(
        'norm_stats.json of the data; empty: the one beside the checkpoint', default=''
    )
    key: str = parameter('data set in the file; empty: the only one there is', default='')
    kind: str = parameter('how to normalise', choices=tuple(FIELDS), default='min_max')
    state_epsilon: float = parameter(
        'added to the range of a state column', minimum=0.0, maximum=1e-2, default=1e-6
    )
    action_epsilon: float = parameter(
        'added to the range of an action column; RMBench checkpoints: 0',
        minimum=0.0,
        maximum=1e-2,
        default=1e-6,
    )
    start_margin: float = parameter(
        'joints may begin this part of their range outside of the statistics',
        minimum=0.0,
        maximum=10.0,
        default=0.1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageSection:
    """Subtasks, for checkpoints that speak."""

    rate_hz: float = parameter(
        'at most this many texts per second, the last one serves in between; 0 is a text with'
        ' every inference, as published',
        unit='Hz',
        minimum=0.0,
        maximum=100.0,
        default=2.0,
    )
    max_tokens: int = parameter('longest text', minimum=1, maximum=256, default=64)
    budget_s: float = parameter(
        'a text that takes longer is given up and the previous one serves, marked as late',
        unit='s',
        minimum=0.001,
        maximum=60.0,
        default=0.1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WlaSettings:
    """A checkpoint and how to run it."""

    checkpoint: str = parameter('folder or weights file of the checkpoint', default='')
    backbone: str = parameter(
        "folder of the backbone's config and tokenizer; empty: in the checkpoint", default=''
    )
    device: str = parameter('auto takes a GPU if there is one; cpu; cuda; cuda:1', default='auto')
    dtype: str = parameter(
        'auto is bfloat16 on a GPU and float32 elsewhere; mixed is bfloat16 with a float32 expert',
        choices=('auto', 'float32', 'bfloat16', 'mixed'),
        default='auto',
    )
    threads: int = parameter('CPU threads of torch; 0: its own choice', minimum=0, default=0)
    head_camera: str = parameter('camera of the first images', default='head')
    wrist_cameras: tuple[str, ...] = parameter(
        'cameras after it, in the order of the data', default=('left_wrist', 'right_wrist')
    )
    steps: int = parameter(
        'Euler steps: 10 on the robot of the paper, 32 in the published configs',
        minimum=1,
        maximum=1000,
        default=10,
    )
    horizon: int = parameter('rows of a chunk to use; 0: all', minimum=0, default=0)
    clean_prefix_rows: int = parameter(
        'most rows the checkpoint was trained to be given as they are (strategy prefix);'
        ' 0: it was not',
        unit='rows',
        minimum=0,
        default=0,
    )
    rolled_rows: int = parameter(
        'largest offset between images and state that the checkpoint was trained with (strategy'
        ' rollforward); 0: it was not',
        unit='rows',
        minimum=0,
        default=0,
    )
    guidance_weight: float = parameter(
        'largest weight of a guided prefix, at most the number of steps',
        minimum=0.0,
        maximum=1000.0,
        default=5.0,
    )
    guidance_jacobian: str = parameter(
        'Jacobian of the network in guidance: identity, which is fast and stays in range, or '
        'full, as published, which costs a backward pass in every step',
        choices=JACOBIANS,
        default='identity',
    )
    clip_guided: bool = parameter(
        'keep guided actions within the range of the data, three deviations with mean_std',
        default=True,
    )
    actions: ActionSection = parameter('columns', default_factory=ActionSection)
    statistics: StatisticsSection = parameter('normalisation', default_factory=StatisticsSection)
    language: LanguageSection = parameter('subtasks', default_factory=LanguageSection)

    def __post_init__(self) -> None:
        """Raise ValueError for values that contradict each other."""
        if self.guidance_weight > self.steps:
            raise ValueError(
                f'guidance_weight {self.guidance_weight:g} exceeds {self.steps} steps: overshoots'
            )
