"""
A recorded trajectory of joint set-points: the value between a bag reader and the replay policy.

Owns the checks that make a recording safe to interpolate. Must not know bags, topics or drivers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedActions:
    """
    Joint set-points over time, in recording order.

    `source` names the recording in messages to people. Raises ConfigurationError listing every
    defect: wrong shapes, fewer than two rows, stamps that do not rise, values that are not finite.
    """

    source: str
    stamps_ns: NDArray[np.int64]  # [n] strictly rising
    positions: FloatArray  # [n, D] joints [rad], gripper widths [m]
    columns: tuple[str, ...]  # D, as in joint_layout

    def __post_init__(self) -> None:
        """Refuse recordings that cannot be interpolated."""
        problems = tuple(self._problems())
        if problems:
            raise ConfigurationError(self.source, problems)

    @property
    def duration_ns(self) -> int:
        """Time from the first to the last row."""
        return int(self.stamps_ns[-1] - self.stamps_ns[0])

    def sample(self, elapsed_ns: NDArray[np.int64]) -> FloatArray:
        """Return positions [k, D] at times [k] after the first row: linear, held outside."""
        times = np.clip(elapsed_ns, 0, self.duration_ns).astype(np.float64)
        grid = (self.stamps_ns - self.stamps_ns[0]).astype(np.float64)
        return np.stack([np.interp(times, grid, column) for column in self.positions.T], axis=1)

    def _problems(self) -> list[Problem]:
        n = self.stamps_ns.size
        if self.stamps_ns.ndim != 1 or self.positions.shape != (n, len(self.columns)):
            return [
                Problem(
                    where='shape',
                    what=f'{self.stamps_ns.shape} stamps and {self.positions.shape} positions '
                    f'for {len(self.columns)} columns',
                    remedy='stamps are [n], positions [n, number of columns]',
                )
            ]
        problems = []
        if n < 2:
            problems.append(
                Problem(where='rows', what=f'{n} rows', remedy='a trajectory needs at least two')
            )
        falls = np.flatnonzero(np.diff(self.stamps_ns) <= 0)
        if falls.size:
            problems.append(
                Problem(
                    where=f'row {int(falls[0]) + 1}',
                    what='stamp does not rise: it goes from '
                    f'{self.stamps_ns[falls[0]] / 1e9:.3f} s to '
                    f'{self.stamps_ns[falls[0] + 1] / 1e9:.3f} s ({falls.size} such rows)',
                    remedy='two takes in one recording: cut it where the clock was set back or '
                    'the bag began anew',
                )
            )
        bad = np.argwhere(~np.isfinite(self.positions))
        if bad.size:
            row, column = (int(i) for i in bad[0])
            problems.append(
                Problem(
                    where=f'row {row}, {self.columns[column]}',
                    what=f'{self.positions[row, column]!r} is not finite ({len(bad)} such values)',
                    remedy='record again, or cut these rows out',
                )
            )
        return problems
