# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""When a text is written, and until when it may take. Knows no torch and no clock of its own."""

from wla_ros.base.timing import period_ns
from wla_ros.base.timing import seconds_to_ns
from wla_ros.policies.wla.settings import LanguageSection


class LanguageRate:
    """Texts of one episode, at most so many a second; a new instruction is answered at once."""

    def __init__(self, settings: LanguageSection) -> None:
        """Begin without a text."""
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Begin another episode."""
        self._last_ns: int | None = None
        self._instruction = ''

    def is_due(self, instruction: str, stamp_ns: int) -> bool:
        """Return whether a text is due for the observation at `stamp_ns`."""
        rate_hz = self._settings.rate_hz
        if rate_hz == 0.0 or self._last_ns is None or instruction != self._instruction:
            return True
        return not 0 <= stamp_ns - self._last_ns < period_ns(rate_hz)

    def begin(self, instruction: str, stamp_ns: int, now_ns: int) -> int:
        """Note that a text is written for that observation; return when it is late."""
        self._last_ns, self._instruction = stamp_ns, instruction
        return now_ns + seconds_to_ns(self._settings.budget_s)
