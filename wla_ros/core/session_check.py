"""Checks that a policy's specification, the configuration and the joint layout fit together."""

from collections.abc import Iterator

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.synchronisation import SynchronisationConfig
from wla_ros.core.types import PolicySpec
from wla_ros.core.types import Representation


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
