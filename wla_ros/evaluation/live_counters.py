"""
The counters of a live run, taken when nothing moves any more, and what was lost between processes.

Owns which counter of which node meets which at the ends of a link. The nodes count, this only
names; a link's loss is what one end sent and the other end never saw.
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
    """What was counted at both ends of a link; `discarded` was put aside on purpose."""

    name: str
    sent: int
    received: int
    discarded: int = 0

    def counters(self) -> tuple[Counter, ...]:
        """Return the ends and the loss. More received than sent is no loss: the sum shows it."""
        values = {
            'sent': self.sent,
            'received': self.received,
            'discarded': self.discarded,
            'lost': max(0, self.sent - self.received - self.discarded),
        }
        return tuple(
            Counter(owner=f'link {self.name}', name=name, value=value)
            for name, value in values.items()
        )


def live_counters(nodes: Iterable[Counter], rig: ComponentValues) -> tuple[Counter, ...]:
    """
    Return all counters of a run: those of policy and executor, of the rig, and of the links
    between.

    `nodes` are counters with the owners 'policy', 'executor' and 'stream ...'; `rig` are the
    diagnostics of the simulated rig ('driver left', 'camera head', 'rig').
    """
    given = tuple(nodes)
    table = {(item.owner, item.name): item.value for item in given}
    counted = [*given, *_rig_counters(rig)]
    links = []
    if ('policy', 'chunks_published') in table and ('executor', 'chunks_received') in table:
        links.append(
            LinkEnds(
                name='chunks',
                sent=table['policy', 'chunks_published'],
                received=table['executor', 'chunks_received'],
            )
        )
    drivers = [values for name, values in rig.items() if name.startswith('driver ')]
    if drivers and ('executor', 'commands_published') in table:
        links.append(
            LinkEnds(
                name='commands',
                sent=len(drivers) * table['executor', 'commands_published'],
                received=sum(int(values['commands_received']) for values in drivers),
                discarded=int(rig.get('rig', {}).get('commands_ignored_after_reset', 0)),
            )
        )
    for name, values in sorted(rig.items()):
        stream = name.removeprefix('camera ')
        if name.startswith('camera ') and (f'stream {stream}', 'received') in table:
            links.append(
                LinkEnds(
                    name=f'images {stream}',
                    sent=int(values['published']),
                    received=table[f'stream {stream}', 'received'],
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
        elif component.startswith('camera '):
            owner = component.replace('camera', 'rendering', 1)
            named = {_CAMERA_NAMES.get(name, name): value for name, value in numbers.items()}
        else:
            continue
        counters += [Counter(owner=owner, name=name, value=value) for name, value in named.items()]
    return counters
