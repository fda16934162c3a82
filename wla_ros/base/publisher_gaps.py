# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Messages that were sent but never came, by the numbers that each publisher's messages carry."""

from collections.abc import Hashable

# Publishers that are remembered: those of a topic at one time, and some that went.
_MOST_PUBLISHERS = 16


class PublisherGaps:
    """
    Counted by the receiver alone, so that it can be held against what the sender counted.

    Numbers of a publisher begin at 1 and rise by 1. One thread calls all methods.
    """

    def __init__(self) -> None:
        """Start before the first message."""
        self._newest: dict[Hashable, int] = {}
        self._missed = self._unheard = 0
        self._numbered = True

    @property
    def missed(self) -> int | None:
        """Messages between those that came; None if any came without a number."""
        return self._missed if self._numbered else None

    @property
    def unheard(self) -> int | None:
        """Messages that publishers had sent before the first that came; None as above."""
        return self._unheard if self._numbered else None

    def note(self, publisher: Hashable, number: int | None) -> None:
        """Take note of a message that came."""
        if number is None:
            self._numbered = False
            return
        newest = self._newest.get(publisher)
        if newest is None:
            self._unheard += number - 1
            if len(self._newest) >= _MOST_PUBLISHERS:
                del self._newest[next(iter(self._newest))]
        elif number <= newest:
            return
        else:
            self._missed += number - newest - 1
        self._newest[publisher] = number
