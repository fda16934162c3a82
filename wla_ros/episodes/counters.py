# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The sums that must hold if no image, observation, chunk or command is lost silently.

Each equation names its terms, so that a report shows both sides. Every term is counted where it
happens, none is the rest of the others: a sum that cannot fail is no check. Terms that were not
counted make the equation 'unknown', never 'ok'.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass

from wla_ros.episodes.record import CounterValue

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
        ('commands_published', 'commands_decimated', 'ticks_not_ready', 'ticks_failed'),
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


def equations(counters: Iterable[CounterValue]) -> tuple[Equation, ...]:
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


# The counters of a live run, taken when nothing moves any more: which counter of which node meets
# which at the ends of a link.
#
# The nodes count, this only names. What one end has sent and the other end has received are
# counted on their own, and so is what the receiver missed, by the numbers of the messages that
# came.

# Diagnostics: component -> key -> value, as published by a node.
ComponentValues = Mapping[str, Mapping[str, str]]
_CAMERA_NAMES = {'dropped_by_fault': 'dropped', 'flushed_at_reset': 'flushed'}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnds:
    """
    What was counted at both ends of a link; None where nobody counted.

    `discarded` was put aside on purpose, `missed` was sent between the messages that came,
    `unheard` before the first of them.
    """

    name: str
    sent: int | None
    received: int | None
    discarded: int | None = 0
    missed: int | None
    unheard: int | None = 0

    def counters(self) -> tuple[CounterValue, ...]:
        """Return what was counted."""
        values = {
            'sent': self.sent,
            'received': self.received,
            'discarded': self.discarded,
            'missed': self.missed,
            'unheard': self.unheard,
        }
        return tuple(
            CounterValue(owner=f'link {self.name}', name=name, value=value)
            for name, value in values.items()
            if value is not None
        )


def live_counters(nodes: Iterable[CounterValue], rig: ComponentValues) -> tuple[CounterValue, ...]:
    """
    Return all counters of a run: those of policy and executor, of the rig, and of the links
    between.

    `nodes` are counters with the owners 'policy', 'executor' and 'stream ...', of which `missed`
    and `unheard` are negative if not known; `rig` are the diagnostics of the simulated rig
    ('driver left', 'camera head', 'rig'). Arms whose joints the policy does not hear are not
    commanded either.
    """
    given = tuple(item for item in nodes if item.value >= 0)
    counted = (*given, *_rig_counters(rig))
    table = {(item.owner, item.name): item.value for item in counted}
    links = []
    if ('policy', 'chunks_published') in table and ('executor', 'chunks_received') in table:
        links.append(
            LinkEnds(
                name='chunks',
                sent=table['policy', 'chunks_published'],
                received=table['executor', 'chunks_received'],
                missed=table.get(('executor', 'chunks_missed')),
            )
        )
    for component in sorted(rig):
        kind, _, name = component.partition(' ')
        stream = f'stream {name}' if kind == 'camera' else f'stream {name}_joints'
        if kind not in {'driver', 'camera'} or (stream, 'received') not in table:
            continue
        owner, what = (
            (f'rendering {name}', 'images') if kind == 'camera' else (component, 'feedback')
        )
        links.append(
            LinkEnds(
                name=f'{what} {name}',
                sent=table.get((owner, 'published' if kind == 'camera' else 'joint_states')),
                received=table[stream, 'received'],
                missed=table.get((stream, 'missed')),
                unheard=table.get((stream, 'unheard')),
            )
        )
        if kind == 'driver' and ('executor', 'commands_published') in table:
            links.append(
                LinkEnds(
                    name=f'commands {name}',
                    sent=table['executor', 'commands_published'],
                    received=table.get((owner, 'received')),
                    discarded=table.get((owner, 'ignored')),
                    missed=table.get((owner, 'missed')),
                    unheard=table.get((owner, 'unheard')),
                )
            )
    return (*counted, *(counter for link in links for counter in link.counters()))


def _rig_counters(rig: ComponentValues) -> list[CounterValue]:
    """Return the counts of drivers and cameras under the names of `equations`."""
    counters = []
    for component, values in rig.items():
        numbers = {name: int(value) for name, value in values.items() if value.isdigit()}
        if component.startswith('driver '):
            owner = component
            named = {
                name.removeprefix('commands_'): value
                for name, value in numbers.items()
                if name.startswith('commands_')
            }
            refused = [value for name, value in numbers.items() if name.startswith('refused_')]
            named['refused'] = sum(refused)
            if 'joint_states' in numbers:
                named['joint_states'] = numbers['joint_states']
        elif component.startswith('camera '):
            owner = component.replace('camera', 'rendering', 1)
            named = {_CAMERA_NAMES.get(name, name): value for name, value in numbers.items()}
        else:
            continue
        counters += [
            CounterValue(owner=owner, name=name, value=value) for name, value in named.items()
        ]
    return counters
