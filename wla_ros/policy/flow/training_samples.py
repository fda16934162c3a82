"""
Draws training samples from demonstrations: plain ones, ones with a clean prefix, ones with old
objects.

With a prefix of d rows (training-time RTC, arXiv 2512.05964) a chunk is what was executed for d
steps, perturbed or not, and then what the expert wanted from the last of them, which is also the
state the network sees; the objects are those of row 0 or, as if imagined, those of row d. With an
offset of o rows (VLASH, arXiv 2512.01031) joints and chunk are those of step t + o, the objects
those of step t.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.demonstrations import Demonstrations
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.types import FloatArray
from wla_ros.policy.flow.features import Situation
from wla_ros.policy.flow.features import features
from wla_ros.policy.flow.flow_config import FlowConfig

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
    """b samples of h rows."""

    features: FloatArray  # [b, f]
    rows: FloatArray  # [b, h, 6] [rad] relative to the measured joints or the last clean row
    prefix: Integers  # [b] leading rows that are clean


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
        joints, velocities = self._state(episode, state, prefix)
        situation = Situation(
            joints=joints,
            velocities=velocities,
            positions=self._positions[episode, seen],
            drift=self._drift(episode, step, random),
            offset=(state - seen).astype(np.float64),
        )
        rows = self._chunk(episode, step + offset, state, prefix) - joints[:, None]
        return Samples(features=features(config, situation), rows=rows, prefix=prefix)

    def _state(
        self, episode: Integers, step: Integers, prefix: Integers
    ) -> tuple[FloatArray, FloatArray]:
        """Return joints and velocities [b, 6]: measured, or those a prefix ends with."""
        last = tuple(self._commands[episode, np.maximum(step - back, 0)] for back in range(3))
        ending = end_of_prefix(last, prefix[:, None], self._dt_s, self._velocities[episode, step])
        joints = np.where((prefix >= 1)[:, None], last[0], self._joints[episode, step])
        return joints, ending

    def _drift(self, episode: Integers, step: Integers, random: np.random.Generator) -> FloatArray:
        back = np.minimum(random.integers(*DRIFT_STEPS, size=len(step)), step)  # [b]
        moved = self._positions[episode, step] - self._positions[episode, step - back]
        drift: FloatArray = moved / (np.maximum(back, 1) * self._dt_s)[:, None, None]
        return drift

    def _chunk(
        self, episode: Integers, step: Integers, state: Integers, prefix: Integers
    ) -> FloatArray:
        """Return [b, h, 6]: executed for `prefix` rows, then planned at `state`."""
        row = np.arange(self._config.horizon)  # [h]
        executed = np.minimum(step[:, None] + row, self._lengths[episode, None] - 1)  # [b, h]
        ahead = np.maximum(step[:, None] + row - state[:, None], 0)  # [b, h]
        planned = self._plans[episode[:, None], state[:, None], ahead]
        is_prefix = (row < prefix[:, None])[..., None]
        chunk: FloatArray = np.where(
            is_prefix, self._commands[episode[:, None], executed], planned
        )
        return chunk


def end_of_prefix(
    last: Sequence[FloatArray],
    count: Integers | int,
    dt_s: float,
    measured: FloatArray,
) -> FloatArray:
    """
    Return the velocities [..., 6] that a clean prefix of `count` rows ends with.

    `last` are its last three rows [..., 6], the newest first; what there is of them counts. With
    fewer than two rows it is the `measured` velocity, which may have been projected.
    """
    slope = (last[0] - last[1]) / dt_s
    bend = (last[0] - 2.0 * last[1] + last[2]) / dt_s
    parabola = slope + 0.5 * bend
    velocities: FloatArray = np.where(
        np.asarray(count) >= 3, parabola, np.where(np.asarray(count) == 2, slope, measured)
    )
    return velocities


def _one_to(most: int, count: int, random: np.random.Generator) -> Integers:
    return random.integers(1, most + 1, size=count) if most else np.zeros(count, np.int64)
