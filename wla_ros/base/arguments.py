# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Values of options: which there may be, and what is wrong with those given.

Types for argparse where an option stands for itself, problems where several are judged together.
"""

import argparse
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TypeVar

from wla_ros.base.config import Problem

T = TypeVar('T', int, float)


def number(low: float, high: float = float('inf')) -> Callable[[str], float]:
    """Return the argparse type of numbers within [low, high]; nan is none."""
    return lambda text: _within(float, 'number', text, low, high)


def whole_number(low: int, high: float = float('inf')) -> Callable[[str], int]:
    """Return the argparse type of whole numbers within [low, high]."""
    return lambda text: _within(int, 'whole number', text, low, high)


share = number(0.0, 1.0)  # argparse type
count = whole_number(1)  # argparse type


def unknown_names(where: str, given: Iterable[str], known: Sequence[str]) -> Iterator[Problem]:
    """Yield a problem for every name that is not known."""
    for name in given:
        if name not in known:
            remedy = f'known: {", ".join(known) or "none"}'
            yield Problem(where=where, what=f'{name!r} is unknown', remedy=remedy)


def outside(where: str, value: float, low: float, high: float) -> Iterator[Problem]:
    """Yield a problem unless `value` lies within [low, high]; nan does not."""
    if not low <= value <= high:
        yield Problem(where=where, what=f'{value:g} lies outside {low:g} .. {high:g}')


def _within(kind: Callable[[str], T], name: str, text: str, low: float, high: float) -> T:
    try:
        value = kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'{text!r} is no {name}') from None
    if not low <= value <= high:
        bounds = f'outside {low:g} .. {high:g}' if high < float('inf') else f'below {low:g}'
        raise argparse.ArgumentTypeError(f'{text} lies {bounds}')
    return value
