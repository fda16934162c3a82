"""
The counters of a live run, taken when nothing moves any more: which counter of which node meets
which at the ends of a link.

The nodes count, this only names. What one end has sent and the other end has received are counted
on their own, and so is what the receiver missed, by the numbers of the messages that came.
"""

from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass

from wla_ros.evaluation.episode_record import Counter

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

    def counters(self) -> tuple[Counter, ...]:
        """Return what was counted."""
        values = {
            'sent': self.sent,
            'received': self.received,
            'discarded': self.discarded,
            'missed': self.missed,
            'unheard': self.unheard,
        }
        return tuple(
            Counter(owner=f'link {self.name}', name=name, value=value)
            for name, value in values.items()
            if value is not None
        )


def live_counters(nodes: Iterable[Counter], rig: ComponentValues) -> tuple[Counter, ...]:
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


def _rig_counters(rig: ComponentValues) -> list[Counter]:
    """Return the counts of drivers and cameras under the names that `conservation` knows."""
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
        counters += [Counter(owner=owner, name=name, value=value) for name, value in named.items()]
    return counters
