# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Draws training samples from demonstrations: plain ones, ones with a clean prefix, ones with old
objects.

With a prefix of d rows (training-time RTC, arXiv 2512.05964) the state is the last of d rows that
were executed from step t on, perturbed or not, the past are those before it, and what follows is
what the expert wanted there; the objects are those of step t or, as if imagined, of step t + d.
With an offset of o rows (VLASH, arXiv 2512.01031) the state is that of step t + o, the objects are
those of step t.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.execution.demonstrations import Demonstrations
from wla_ros.benchmarks.flow.features import Situation
from wla_ros.benchmarks.flow.features import features
from wla_ros.benchmarks.flow.flow_config import PAST_ROWS
from wla_ros.benchmarks.flow.flow_config import FlowConfig
from wla_ros.benchmarks.flow.object_motion import drift_of

Integers = NDArray[np.int64]
# Of the samples with a prefix, those with objects as they will be behind it.
_IMAGINED_SHARE = 0.25
# The drift of objects is measured over this many steps, whatever there are of them: the time
# between two inferences varies.
DRIFT_STEPS = (2, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Shares of the samples; the rest is plain."""

    prefixed: float  # with a clean prefix of 1 to clean_prefix_rows rows, uniform
    rolled: float  # with objects older by 1 to rolled_rows rows, uniform


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """b samples of h rows: past, state and what follows."""

    features: FloatArray  # [b, f]
    rows: FloatArray  # [b, h, 6] [rad] relative to the state
    clean: Integers  # [b] leading rows that are clean


class SampleDrawer:
    """Draws at random from `demonstrations`; reproducible by its generator."""

    def __init__(
        self, config: FlowConfig, demonstrations: Demonstrations, mixture: Mixture
    ) -> None:
        """Choose the columns of the arm."""
        names = [f'{config.arm}/joint{i}' for i in range(1, 7)]
        columns = [demonstrations.columns.index(name) for name in names]
        bodies = [demonstrations.objects.index(name) for name in config.objects]
        self._config = config
        self._mixture = mixture
        self._dt_s = ns_to_seconds(demonstrations.dt_ns)
        self._lengths = demonstrations.lengths
        self._joints = demonstrations.joints[..., columns]
        self._velocities = demonstrations.velocities[..., columns]
        self._commands = demonstrations.commands[..., columns]
        self._plans = demonstrations.plans[:, :, : config.horizon][..., columns]
        self._positions = demonstrations.positions[:, :, bodies]
        self._first_step = np.concatenate(([0], np.cumsum(self._lengths)))

    @property
    def steps(self) -> int:
        """Number of steps of all episodes."""
        return int(self._first_step[-1])

    def draw(self, count: int, random: np.random.Generator) -> Samples:
        """Return `count` samples."""
        flat = random.integers(self.steps, size=count)
        episode = np.searchsorted(self._first_step, flat, side='right') - 1
        step = flat - self._first_step[episode]  # [b]
        left = self._lengths[episode] - 1 - step
        kind = random.random(count)
        mixture, config = self._mixture, self._config
        is_prefixed = kind < mixture.prefixed
        is_rolled = ~is_prefixed & (kind < mixture.prefixed + mixture.rolled)
        prefix = np.where(is_prefixed, _one_to(config.clean_prefix_rows, count, random), 0)
        offset = np.where(is_rolled, _one_to(config.rolled_rows, count, random), 0)
        prefix, offset = np.minimum(prefix, left), np.minimum(offset, left)
        imagined = (random.random(count) < _IMAGINED_SHARE) & (prefix > 0)
        seen = step + np.where(imagined, prefix, 0)  # [b] step of the objects
        state = step + offset + np.maximum(prefix - 1, 0)  # [b] step of the joints
        past = np.stack(
            [
                self._commands[episode, np.maximum(state - back, 0)]
                for back in range(PAST_ROWS, -1, -1)
            ],
            axis=1,
        )  # [b, past + 1, 6]
        measured = self._velocities[episode, state]
        known = past_of_prefix(past, prefix, measured * self._dt_s)
        has_prefix = (prefix > 0)[:, None]
        joints = np.where(has_prefix, known[:, -1], self._joints[episode, state])
        situation = Situation(
            joints=joints,
            velocities=np.where(has_prefix, velocity_after(known) / self._dt_s, measured),
            positions=self._positions[episode, seen],
            drift=self._drift(episode, step, random),
            offset=(state - seen).astype(np.float64),
        )
        past = np.where(has_prefix[..., None], known, past)
        rows = np.concatenate((past[:, :-1], self._plans[episode, state]), axis=1)
        return Samples(
            features=features(config, situation),
            rows=rows - joints[:, None],
            clean=np.where(prefix > 0, PAST_ROWS + 1, 0),
        )

    def _drift(self, episode: Integers, step: Integers, random: np.random.Generator) -> FloatArray:
        back = np.minimum(random.integers(*DRIFT_STEPS, size=len(step)), step)  # [b]
        moved = self._positions[episode, step] - self._positions[episode, step - back]
        return drift_of(moved, np.maximum(back, 1) * self._dt_s)


def past_of_prefix(last: FloatArray, count: Integers, step: FloatArray) -> FloatArray:
    """
    Return the last k rows [..., k, 6] of a clean prefix of `count` [...] rows, the newest last.

    `last` [..., k, 6] holds them; where it reaches back behind the first one, rows are continued
    backwards: with the change between the first two or, if there is but one, by `step` [..., 6].
    A `count` of 0 counts as 1.
    """
    rows = last.shape[-2]
    age = np.arange(rows - 1, -1, -1)  # [k], 0 is the newest
    first = np.clip(count, 1, rows)[..., None, None] - 1  # age of the first row of the prefix
    oldest = np.take_along_axis(last, rows - 1 - first, axis=-2)  # [..., 1, 6]
    second = np.take_along_axis(last, rows - 1 - np.maximum(first - 1, 0), axis=-2)
    change = np.where(first > 0, second - oldest, step[..., None, :])
    before = oldest - change * (age[:, None] - first)
    return np.where(age[:, None] > first, before, last)


def velocity_after(rows: FloatArray) -> FloatArray:
    """Return the change per row [..., 6] at the last of `rows` [..., k, 6], k >= 3: a parabola."""
    slope = rows[..., -1, :] - rows[..., -2, :]
    bend = slope - (rows[..., -2, :] - rows[..., -3, :])
    velocity: FloatArray = slope + 0.5 * bend
    return velocity


def _one_to(most: int, count: int, random: np.random.Generator) -> Integers:
    return random.integers(1, most + 1, size=count) if most else np.zeros(count, np.int64)
