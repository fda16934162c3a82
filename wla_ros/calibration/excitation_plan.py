"""
Which column moves when: excitations one after the other, all other columns at rest.

Times are seconds since the begin of the plan.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.calibration.excitation import Excitation
from wla_ros.core.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcitationPart:
    """One column's turn."""

    column: int
    begin_s: float
    motion: Excitation

    @property
    def end_s(self) -> float:
        """When it rests again."""
        return self.begin_s + self.motion.duration_s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExcitationPlan:
    """All turns; `start` [D] is where every column rests."""

    start: FloatArray
    parts: tuple[ExcitationPart, ...]
    rest_s: float

    @property
    def duration_s(self) -> float:
        """From the begin to the end of the last rest."""
        return max((part.end_s for part in self.parts), default=0.0) + self.rest_s

    def rows(self, t_s: FloatArray) -> FloatArray:
        """Return positions [n, D] at times [n]; the start before the begin and after the end."""
        rows = np.tile(self.start, (len(t_s), 1))
        for part in self.parts:
            rows[:, part.column] += part.motion.position(t_s - part.begin_s) - part.motion.start
        return rows


def in_turn(start: FloatArray, motions: dict[int, Excitation], *, rest_s: float) -> ExcitationPlan:
    """Return the plan in which the columns move in the order given, with a rest around each."""
    parts: list[ExcitationPart] = []
    begin_s = rest_s
    for column, motion in motions.items():
        parts.append(ExcitationPart(column=column, begin_s=begin_s, motion=motion))
        begin_s = parts[-1].end_s + rest_s
    return ExcitationPlan(start=np.array(start), parts=tuple(parts), rest_s=rest_s)
