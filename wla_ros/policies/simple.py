# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policies without a network: hold what was measured, replay what was recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wla_ros.bags.actions import RecordedActions
from wla_ros.bags.actions import read_actions
from wla_ros.bags.reading import BagError
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import WlaError
from wla_ros.base.config import parameter
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import period_ns
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.base.types import Policy
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Representation
from wla_ros.policies.registry import PolicyContext
from wla_ros.policies.registry import PolicyEntry

# The policy `hold`: keeps the arms where they were measured.
#
# Knows measured joints only, not the last command. Two consequences:
#
# * A gripper that squeezes an object is re-commanded to its measured width, so it stops squeezing.
#   To keep a grasp use the executor's HOLD mode, which keeps commanding the last set-point.
# * The target is taken once per epoch, not from every observation: an arm that sags by its steady
#   tracking error would otherwise be commanded a little lower with every chunk and creep down.


def _rate_hz() -> Any:
    return parameter('rows per second', unit='Hz', minimum=1.0, maximum=200.0, default=30.0)


def _horizon() -> Any:
    return parameter('rows of a chunk', minimum=2, maximum=1000, default=32)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSettings:
    """The policy hold."""

    horizon: int = _horizon()
    rate_hz: float = _rate_hz()


class HoldPolicy:
    """Rows are the joints measured at the first observation after a reset or a new epoch."""

    def __init__(
        self,
        layout: JointLayout,
        *,
        cameras: tuple[str, ...] = (),
        horizon: int = 32,
        rate_hz: float = 30.0,
    ) -> None:
        """Build the specification; `cameras` are demanded although pixels are ignored."""
        self._spec = PolicySpec(
            name='hold',
            version='1',
            representation=Representation.JOINT_POSITION,
            columns=layout.columns,
            horizon=horizon,
            dt_ns=period_ns(rate_hz),
            cameras=cameras,
            rolled_rows=horizon,  # every row is the same, whenever it is due
        )
        self._target: FloatArray | None = None  # [D]
        self._epoch = -1

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and emits."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Take a new target at the next observation; `seed` has no effect."""
        del seed
        self._target = None

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """Return H equal rows."""
        del request
        if self._target is None or observation.epoch != self._epoch:
            self._target = observation.joint_position.copy()
            self._epoch = observation.epoch
        return PolicyResult(rows=np.tile(self._target, (self._spec.horizon, 1)))

    def close(self) -> None:
        """Nothing to release."""


def _make_hold(settings: HoldSettings, context: PolicyContext) -> Policy:
    return HoldPolicy(
        context.layout,
        cameras=context.cameras,
        horizon=settings.horizon,
        rate_hz=settings.rate_hz,
    )


HOLD = PolicyEntry(settings=HoldSettings, make=_make_hold, looks=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """The policy replay."""

    bag: str = parameter('folder of the bag to play', default='')
    topic: str = parameter(
        'topic with chunks or joint states of all columns; empty: the only one there is',
        default='',
    )
    horizon: int = _horizon()
    rate_hz: float = _rate_hz()
    max_start_deviation_rad: float = parameter(
        'largest distance of a joint from the first row when it starts',
        unit='rad',
        minimum=0.001,
        maximum=1.0,
        default=0.05,
    )


class ReplayStartError(WlaError):
    """The arms are too far from the start of the recording; nothing may move."""


class ReplayPolicy:
    """
    Row i of a chunk is the recording at (stamp - anchor) + (row_offset + i) * dt, held beyond its
    end.
    """

    def __init__(
        self,
        recording: RecordedActions,
        layout: JointLayout,
        *,
        cameras: tuple[str, ...] = (),
        horizon: int = 32,
        rate_hz: float = 30.0,
        max_start_deviation_rad: float = 0.05,
    ) -> None:
        """
        Order the recording's columns as in `layout`.

        The start check covers joint angles only: a gripper may stand at any width.
        Raises ConfigurationError when columns of the layout are missing or others are left over.
        """
        problems = [
            Problem(
                where=column,
                what='is not in the recording',
                remedy='record all arms of the layout',
            )
            for column in layout.columns
            if column not in recording.columns
        ] + [
            Problem(
                where=column,
                what='is not a joint of the layout',
                remedy=f'arms are {layout.arms!r}',
            )
            for column in recording.columns
            if column not in layout.columns
        ]
        if not (0.0 < max_start_deviation_rad < np.pi):
            problems.append(
                Problem(
                    where='max_start_deviation_rad',
                    what=f'{max_start_deviation_rad!r} lies outside (0, pi)',
                )
            )
        if problems:
            raise ConfigurationError(recording.source, tuple(problems))
        order = [recording.columns.index(column) for column in layout.columns]
        self._recording = RecordedActions(
            source=recording.source,
            stamps_ns=recording.stamps_ns,
            positions=recording.positions[:, order],
            columns=layout.columns,
        )
        self._layout = layout
        self._max_start_deviation_rad = max_start_deviation_rad
        self._spec = PolicySpec(
            name='replay',
            version='1',
            representation=Representation.JOINT_POSITION,
            columns=layout.columns,
            horizon=horizon,
            dt_ns=period_ns(rate_hz),
            cameras=cameras,
            rolled_rows=horizon,  # rows follow from time alone
        )
        self._anchor_ns: int | None = None
        self._epoch = -1

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and emits."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Start the recording again at the next observation; `seed` has no effect."""
        del seed
        self._anchor_ns = None

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """
        Return the next H rows; `finished` once the observation lies at or beyond the end.

        Raises ReplayStartError while the measured joints are too far from the first recorded row.
        """
        if self._anchor_ns is None or observation.epoch != self._epoch:
            self._anchor_ns = None
            self._require_start(observation.joint_position)
            self._anchor_ns = observation.stamp_ns
            self._epoch = observation.epoch
        elapsed_ns = observation.stamp_ns - self._anchor_ns
        rows = request.row_offset + np.arange(self._spec.horizon, dtype=np.int64)
        steps = rows * self._spec.dt_ns
        return PolicyResult(
            rows=self._recording.sample(elapsed_ns + steps),
            subtask=f'replay {self._recording.source}',
            finished=elapsed_ns >= self._recording.duration_ns,
        )

    def close(self) -> None:
        """Nothing to release."""

    def _require_start(self, measured: FloatArray) -> None:
        first = self._recording.positions[0]
        far = [
            f'{self._layout.columns[i]} measured {measured[i]:.3f}, recorded {first[i]:.3f}'
            for i in self._layout.joint_indices
            if not (abs(measured[i] - first[i]) <= self._max_start_deviation_rad)
        ]
        if far:
            raise ReplayStartError(
                f'{self._recording.source}: {len(far)} joints farther than '
                f'{self._max_start_deviation_rad:g} rad from the first recorded row: '
                f'{"; ".join(far)}. '
                'Move the arms to the start of the recording, then reset.'
            )


def _make_replay(settings: ReplaySettings, context: PolicyContext) -> Policy:
    if not settings.bag:
        problem = Problem(
            where='policy.replay.bag', what='is empty', remedy='give the folder of a bag'
        )
        raise ConfigurationError('policy', (problem,))
    path = Path(settings.bag).expanduser()
    try:
        recording = read_actions(path, context.layout, topic=settings.topic)
    except BagError as error:
        problem = Problem(where='policy.replay.bag', what=str(error))
        raise ConfigurationError('policy', (problem,)) from error
    return ReplayPolicy(
        recording,
        context.layout,
        cameras=context.cameras,
        horizon=settings.horizon,
        rate_hz=settings.rate_hz,
        max_start_deviation_rad=settings.max_start_deviation_rad,
    )


REPLAY = PolicyEntry(settings=ReplaySettings, make=_make_replay, looks=False)
