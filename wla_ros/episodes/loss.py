# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What was lost between the processes of a live run, and how much of it is too much."""

from collections.abc import Iterable
from dataclasses import dataclass

from wla_ros.episodes.record import CounterValue

# A lost set-point makes the next one a double step for the driver, a lost chunk costs the arms a
# tenth of a second of plan: more than one of a hundred means that the machine cannot keep up. Of
# images and feedback the newest is all that counts; a loss costs freshness, which is measured.
_MOST_COMMANDS_LOST = 0.01
_MOST_OTHERS_LOST = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLoss:
    """One link of a run: sent and not received, whether or not the receiver could count it."""

    link: str  # 'commands left', 'chunks', 'images head' ...
    sent: int
    lost: int

    @property
    def share(self) -> float:
        """Lost of sent, 0..1."""
        return self.lost / self.sent if self.sent else 0.0

    @property
    def bound(self) -> float:
        """The most that may be lost, 0..1."""
        strict = self.link.partition(' ')[0] in {'commands', 'chunks'}
        return _MOST_COMMANDS_LOST if strict else _MOST_OTHERS_LOST

    @property
    def excessive(self) -> bool:
        """Whether more was lost than may be."""
        return self.share > self.bound

    def __str__(self) -> str:
        """Return for example 'commands left 14 of 9000 (0.2 %)'."""
        return f'{self.link} {self.lost} of {self.sent} ({100 * self.share:.1f} %)'


def link_losses(counters: Iterable[CounterValue]) -> tuple[LinkLoss, ...]:
    """Return the losses of all links whose ends were counted, in the order of the counters."""
    table: dict[str, dict[str, int]] = {}
    for item in counters:
        if item.owner.startswith('link '):
            table.setdefault(item.owner.removeprefix('link '), {})[item.name] = item.value
    return tuple(
        LinkLoss(
            link=link,
            sent=ends['sent'],
            lost=max(0, ends['sent'] - ends['received'] - ends.get('discarded', 0)),
        )
        for link, ends in table.items()
        if 'sent' in ends and 'received' in ends
    )
