# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The bounds of the input streams, and whether they fit the specification of a policy."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import parameter
from wla_ros.base.joints import JointLayout
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Representation
from wla_ros.robots.decoding import DEFAULT_MAX_ANGLE_RAD
from wla_ros.robots.decoding import DEFAULT_MAX_GRIPPER_M
from wla_ros.robots.decoding import DEFAULT_MAX_SPEED_RAD_S

# The configuration of the synchroniser: bounds of every stream and between streams.
#
# Values and their checks only; the rules that apply them are in observation_sync.

HISTORY_STARTS = ('repeat_first', 'omit', 'wait')


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CameraSync:
    """One camera."""

    rate_hz: float = parameter(
        'nominal frame rate', unit='Hz', minimum=0.1, maximum=1000.0, default=30.0
    )
    latency_s: float = parameter(
        'calibrated time from exposure to header stamp, subtracted from the stamp',
        unit='s',
        minimum=-1.0,
        maximum=1.0,
        default=0.0,
    )
    max_age_s: float = parameter(
        'a frame older than this is stale', unit='s', minimum=0.001, maximum=10.0, default=0.25
    )
    required: bool = parameter('without a usable frame there is no observation', default=True)
    frozen_after_s: float = parameter(
        'identical pictures for this long mean frozen; 0 is off, for renderers without noise',
        unit='s',
        minimum=0.0,
        maximum=60.0,
        default=0.5,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JointSync:
    """Joint feedback, the same for all arms."""

    latency_s: float = parameter(
        'calibrated time from measurement to header stamp, subtracted from the stamp',
        unit='s',
        minimum=-1.0,
        maximum=1.0,
        default=0.0,
    )
    max_age_s: float = parameter(
        'feedback older than this is stale', unit='s', minimum=0.001, maximum=10.0, default=0.1
    )
    max_gap_s: float = parameter(
        'never interpolate between samples further apart',
        unit='s',
        minimum=0.001,
        maximum=1.0,
        default=0.05,
    )
    # At the firmware's 5 rad/s^2 a joint leaves the straight line by 0.25 mrad in 10 ms.
    extrapolation_s: float = parameter(
        'continue the last two samples for at most this long; 0 waits for the next sample',
        unit='s',
        minimum=0.0,
        maximum=0.05,
        default=0.01,
    )
    max_angle_rad: float = parameter(
        'a larger angle is not feedback',
        unit='rad',
        minimum=0.1,
        maximum=100.0,
        default=DEFAULT_MAX_ANGLE_RAD,
    )
    max_gripper_m: float = parameter(
        'a larger width is not feedback',
        unit='m',
        minimum=0.01,
        maximum=1.0,
        default=DEFAULT_MAX_GRIPPER_M,
    )
    max_speed_rad_s: float = parameter(
        'a faster change is a glitch; two samples that agree make it the new state',
        unit='rad/s',
        minimum=0.1,
        maximum=1000.0,
        default=DEFAULT_MAX_SPEED_RAD_S,
    )
    refuse_all_zero: bool = parameter(
        'refuse samples whose 21 numbers are all exactly 0', default=True
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSync:
    """Object poses; simulation only."""

    max_age_s: float = parameter(
        'poses older than this are stale', unit='s', minimum=0.001, maximum=10.0, default=0.25
    )
    max_skew_s: float = parameter(
        'poses further from the anchor time are not used',
        unit='s',
        minimum=0.0,
        maximum=1.0,
        default=0.025,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HistorySync:
    """Frames from before the anchor; the offsets come from the policy."""

    start: str = parameter(
        'while the epoch is younger than the offset: the first frame again, leave it out, or wait',
        choices=HISTORY_STARTS,
        default='repeat_first',
    )
    tolerance_s: float = parameter(
        'largest distance of a frame from its history instant; 0 is half a frame period',
        unit='s',
        minimum=0.0,
        maximum=1.0,
        default=0.0,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SynchronisationConfig:
    """Everything the synchroniser needs besides the policy's specification."""

    cameras: Mapping[str, CameraSync] = parameter('one section per camera', default_factory=dict)
    joints: JointSync = parameter('joint feedback', default_factory=JointSync)
    objects: ObjectSync = parameter('object poses', default_factory=ObjectSync)
    history: HistorySync = parameter('observation history', default_factory=HistorySync)
    anchor_camera: str = parameter(
        'its exposures are the observation times; empty: the first required', default=''
    )
    # Free-running 30 Hz cameras are at worst half a period (16.7 ms) apart; the rest is for
    # jitter.
    max_skew_s: float = parameter(
        'largest distance of a frame from the anchor exposure',
        unit='s',
        minimum=0.0,
        maximum=1.0,
        default=0.025,
    )
    future_tolerance_s: float = parameter(
        'header stamps this far ahead of the clock are taken',
        unit='s',
        minimum=0.0,
        maximum=1.0,
        default=0.05,
    )
    # Above any reordering of a network, below the shortest bag or simulation worth looping.
    clock_jump_tolerance_s: float = parameter(
        'a ROS clock set back by more begins a new epoch; single stamps off by more are refused',
        unit='s',
        minimum=0.05,
        maximum=60.0,
        default=1.0,
    )
    joint_anchor_period_s: float = parameter(
        'time between observations of a policy without cameras and objects',
        unit='s',
        minimum=0.001,
        maximum=1.0,
        default=0.033,
    )

    def __post_init__(self) -> None:
        """Refuse an anchor that cannot anchor."""
        if self.anchor_camera and self.anchor_camera not in self.cameras:
            raise ValueError(
                f'anchor_camera {self.anchor_camera!r} is not one of the cameras '
                f'{sorted(self.cameras)!r}'
            )
        if self.anchor_camera and not self.cameras[self.anchor_camera].required:
            raise ValueError(f'anchor_camera {self.anchor_camera!r} must be a required camera')


def check_session(spec: PolicySpec, config: SynchronisationConfig, layout: JointLayout) -> None:
    """Raise ConfigurationError with every mismatch between the three."""
    problems = (
        *_number_problems(spec),
        *_camera_problems(spec, config),
        *_history_problems(spec),
        *_column_problems(spec, layout),
    )
    if problems:
        raise ConfigurationError(f'policy {spec.name}', problems)


def _number_problems(spec: PolicySpec) -> Iterator[Problem]:
    if spec.horizon < 1:
        yield Problem(where='horizon', what=f'{spec.horizon} rows', remedy='at least 1')
    if spec.dt_ns <= 0:
        yield Problem(where='dt', what=f'{spec.dt_ns} ns', remedy='must be positive')


def _camera_problems(spec: PolicySpec, config: SynchronisationConfig) -> Iterator[Problem]:
    known = ', '.join(config.cameras) or 'none'
    for camera in spec.cameras:
        if camera not in config.cameras:
            yield Problem(
                where=f'cameras.{camera}',
                what='is needed by the policy',
                remedy=f'configured cameras: {known}',
            )
    if config.anchor_camera and spec.cameras and config.anchor_camera not in spec.cameras:
        yield Problem(
            where='anchor_camera',
            what=f'{config.anchor_camera!r} is not used by the policy',
            remedy=f'one of {", ".join(spec.cameras)}',
        )


def _history_problems(spec: PolicySpec) -> Iterator[Problem]:
    for camera, offsets_ns in spec.history_ns.items():
        if camera not in spec.cameras:
            yield Problem(where=f'history.{camera}', what='is not a camera of the policy')
        if any(offset <= 0 for offset in offsets_ns) or list(offsets_ns) != sorted(
            set(offsets_ns), reverse=True
        ):
            yield Problem(
                where=f'history.{camera}',
                what=f'offsets {list(offsets_ns)} ns',
                remedy='positive, distinct, the largest first',
            )


def _column_problems(spec: PolicySpec, layout: JointLayout) -> Iterator[Problem]:
    joint_space = spec.representation == Representation.JOINT_POSITION
    expected = layout.columns if joint_space else layout.pose_columns
    if tuple(spec.columns) == expected:
        return
    missing = [column for column in expected if column not in spec.columns]
    extra = [column for column in spec.columns if column not in expected]
    parts = []
    if missing:
        parts.append(f'lacks {", ".join(missing)}')
    if extra:
        parts.append(f'has unknown {", ".join(extra)}')
    yield Problem(
        where='columns',
        what='; '.join(parts) or f'order differs: {", ".join(spec.columns)}',
        remedy=f'the arms are {", ".join(layout.arms)}',
    )
