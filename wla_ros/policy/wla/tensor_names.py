"""Shortens lists of tensor names: numbered layers that share a complaint become one line."""

import re
from collections.abc import Iterable

_NUMBER = re.compile(r'(?<=\.)\d+(?=\.)')


def collapse(names: Iterable[str]) -> list[str]:
    """
    Return `names` with those that differ only in their first number joined, in order.

        layers.0.norm.weight, layers.1.norm.weight, layers.3.norm.weight
        -> layers.{0-1,3}.norm.weight
    """
    groups: dict[str, list[int]] = {}
    for name in names:
        found = _NUMBER.search(name)
        pattern = _NUMBER.sub('{}', name, count=1) if found else name
        groups.setdefault(pattern, []).extend([int(found.group())] if found else [])
    return [
        pattern.replace('{}', _ranges(sorted(numbers)), 1) if numbers else pattern
        for pattern, numbers in groups.items()
    ]


def _ranges(numbers: list[int]) -> str:
    """Return '3' or '{0-2,5}' of ascending numbers."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [str(run[0]) if len(run) == 1 else f'{run[0]}-{run[-1]}' for run in runs]
    return texts[0] if len(numbers) == 1 else '{' + ','.join(texts) + '}'
