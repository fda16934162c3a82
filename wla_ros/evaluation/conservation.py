"""
The sums that must hold if no image, observation, chunk or command is lost silently.

Each equation names its terms, so that a report shows both sides. Every term is counted where it
happens, none is the rest of the others: a sum that cannot fail is no check. Terms that were not
counted make the equation 'unknown', never 'ok'.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from wla_ros.evaluation.episode_record import Counter

# Within one part: kind of owner, the total, what it is made of.
_SUMS = (
    ('camera', 'exposed', ('delivered', 'dropped', 'flushed', 'waiting')),
    ('feedback', 'published', ('samples', 'unreadable', 'flushed', 'waiting')),
    ('transport', 'sent', ('delivered', 'dropped', 'in_flight')),
    ('stream', 'received', ('used', 'superseded', 'refused', 'waiting')),
    ('policy', 'observations', ('inferences', 'inference_errors', 'running')),
    ('policy', 'asked', ('unconditioned', 'conditioned', 'cold_starts')),
    ('policy', 'inferences', ('chunks_published', 'results_discarded')),
    ('executor', 'chunks_received', ('chunks_accepted', 'chunks_rejected')),
    (
        'executor',
        'rows_received',
        ('rows_executed', 'rows_late', 'rows_superseded', 'rows_flushed', 'rows_queued'),
    ),
    (
        'executor',
        'ticks',
        ('commands_published', 'commands_thinned', 'ticks_not_ready', 'ticks_failed'),
    ),
    ('driver', 'received', ('applied', 'refused', 'flushed', 'waiting')),
    # A live run: cameras of the rig, and what got lost between processes.
    (
        'rendering',
        'exposed',
        ('dropped', 'flushed', 'waiting', 'published', 'unwatched', 'skipped'),
    ),
    ('link', 'sent', ('received', 'discarded', 'missed', 'unheard')),
)
# Between neighbours: what one part hands over, the next has received. '*' is an arm or a stream.
_HANDOVERS = (
    ('camera *', 'delivered', 'transport *', 'sent'),
    ('feedback *', 'samples', 'transport *_joints', 'sent'),
    ('feedback *', 'samples', 'transport *_joints to executor', 'sent'),
    ('transport *', 'delivered', 'stream *', 'received'),
    ('policy', 'chunks_published', 'transport chunks', 'sent'),
    ('transport chunks', 'delivered', 'executor', 'chunks_received'),
    ('transport plans', 'delivered', 'policy', 'plans_received'),
    ('executor', 'commands_published', 'transport commands *', 'sent'),
    ('transport commands *', 'delivered', 'driver *', 'received'),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One counter of an equation; `value` is None if it was not counted."""

    name: str
    value: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Equation:
    """`left` equals the sum of `right`."""

    subject: str
    left: Term
    right: tuple[Term, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the terms that were not counted."""
        return tuple(term.name for term in (self.left, *self.right) if term.value is None)

    @property
    def difference(self) -> int | None:
        """Left less right: what was lost (positive) or counted twice (negative)."""
        if self.left.value is None:
            return None
        total = 0
        for term in self.right:
            if term.value is None:
                return None
            total += term.value
        return self.left.value - total

    @property
    def verdict(self) -> str:
        """Return 'ok', 'violated' or 'unknown'."""
        if self.difference is None:
            return 'unknown'
        return 'ok' if self.difference == 0 else 'violated'


def equations(counters: Iterable[Counter]) -> tuple[Equation, ...]:
    """Return all equations whose left side was counted, along the way of the data."""
    table = {(item.owner, item.name): item.value for item in counters}
    owners = sorted({owner for owner, _ in table})
    found = [
        _equation(table, owner, (owner, left), [(owner, part) for part in right])
        for kind, left, right in _SUMS
        for owner in owners
        if owner.partition(' ')[0] == kind and (owner, left) in table
    ]
    for source, name, target, other in _HANDOVERS:
        for receiver in owners:
            instance = _instance(receiver, target)
            sender = source if instance is None else source.replace('*', instance)
            if instance is None or (sender, name) not in table or (receiver, other) not in table:
                continue
            subject = f'{sender} to {receiver}'
            found.append(_equation(table, subject, (sender, name), [(receiver, other)]))
    return tuple(found)


def _instance(owner: str, pattern: str) -> str | None:
    """Return what stands for '*' of `pattern` in `owner`, '' without '*', None without match."""
    before, star, after = pattern.partition('*')
    if not star:
        return '' if owner == pattern else None
    if not (owner.startswith(before) and owner.endswith(after)):
        return None
    middle = owner[len(before) : len(owner) - len(after)]
    return None if not middle or ' ' in middle else middle


def _equation(
    table: dict[tuple[str, str], int],
    subject: str,
    left: tuple[str, str],
    right: list[tuple[str, str]],
) -> Equation:
    return Equation(
        subject=subject,
        left=Term(name=left[1], value=table.get(left)),
        right=tuple(Term(name=name, value=table.get((owner, name))) for owner, name in right),
    )
