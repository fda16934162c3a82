# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How the machine kept up with a live run, and the words for a machine that did not.

Figures come from whoever watched the run; all times are those of the rig.
"""

from dataclasses import dataclass

# Below this the rig's clock was held back, not only read at unlucky moments.
_IN_REAL_TIME = 0.95
# Half a period of the 200 Hz loop: from there on a tick counts as late.
_LATE_TICK_S = 0.0025
# Several periods of a camera at 30 Hz.
_LATE_CHUNK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePace:
    """How a live run went."""

    real_time_factor: float  # time of the rig by wall clock, over the episodes
    tick_lateness_p99_s: float  # of the newest ticks of the executor
    exposure_to_chunk_p99_s: float | None  # over the episodes, None without chunks
    load_average: float  # processes that ran or wanted to, over the last minute, ours included
    cores: int

    @property
    def overloaded(self) -> bool:
        """Whether the machine did not keep up: the rig waited, or things came late."""
        return (
            self.real_time_factor < _IN_REAL_TIME
            or self.tick_lateness_p99_s > _LATE_TICK_S
            or (self.exposure_to_chunk_p99_s or 0.0) > _LATE_CHUNK_S
        )

    @property
    def sentence(self) -> str:
        """What to know of the machine before blaming anything else."""
        factor = f'real-time factor {self.real_time_factor:.2f}'
        if not self.overloaded:
            return f'The rig ran in real time ({factor}).'
        chunk = self.exposure_to_chunk_p99_s
        late = '' if chunk is None else f', exposure to chunk {1e3 * chunk:.0f} ms p99'
        return (
            f'The machine did not keep up: {factor}, load average {self.load_average:.1f} on '
            f'{self.cores} cores, ticks {1e3 * self.tick_lateness_p99_s:.1f} ms late p99{late}.'
        )

    def values(self) -> dict[str, float | bool | None]:
        """Return the figures for JSON."""
        chunk = self.exposure_to_chunk_p99_s
        return {
            'overloaded': self.overloaded,
            'real_time_factor': round(self.real_time_factor, 3),
            'tick_lateness_p99_ms': round(1e3 * self.tick_lateness_p99_s, 3),
            'exposure_to_chunk_p99_ms': None if chunk is None else round(1e3 * chunk, 1),
            'load_average': round(self.load_average, 2),
            'cores': self.cores,
        }
