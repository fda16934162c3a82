# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How often a warning that repeats is worth a line: ever less, until it has been silent for a while.

Pure: the caller says what time it is.
"""

from dataclasses import dataclass

from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import ns_to_seconds

_FIRST_PERIOD_NS = NS_PER_S
_LONGEST_PERIOD_NS = 60 * NS_PER_S


@dataclass(slots=True)
class _Kind:
    shown_ns: int
    period_ns: int
    held: int = 0  # since the line


class WarningPace:
    """Once a second at first, every further line after twice the time, at last once a minute."""

    def __init__(self) -> None:
        """Start with nothing said."""
        self._kinds: dict[str, _Kind] = {}

    def line(self, kind: str, text: str, now_ns: int) -> str | None:
        """Return what to log of a warning of this `kind` at `now_ns`, None for nothing."""
        known = self._kinds.get(kind)
        if known is None:
            self._kinds[kind] = _Kind(now_ns, _FIRST_PERIOD_NS)
            return text
        passed_ns = now_ns - known.shown_ns
        if passed_ns < known.period_ns:
            known.held += 1
            return None
        held = known.held
        longer_ns = min(2 * known.period_ns, _LONGEST_PERIOD_NS)
        goes_on = held > 0 and passed_ns < 2 * known.period_ns
        self._kinds[kind] = _Kind(now_ns, longer_ns if goes_on else _FIRST_PERIOD_NS)
        if not held:
            return text
        return f'{text} ({held} more like it in {ns_to_seconds(passed_ns):.0f} s)'
