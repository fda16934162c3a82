# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
No value that holds an array has an equality that asks for the truth of an array.

`==` of a dataclass asks its fields, and an array answers with an array. Until Python 3.12 that
went unseen where both sides held the same array, since tuples look for identity first; from 3.13
on it raises. So values with arrays are equal to themselves alone: `eq=False`, which keeps them
hashable.
"""

import collections.abc
import dataclasses
import importlib
import typing
from collections.abc import Collection
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wla_ros

PACKAGE = Path(wla_ros.__path__[0])
ROOMS = tuple(path.parent.name for path in sorted(PACKAGE.glob('*/__init__.py')))


def dataclasses_of_the_package(rooms: Collection[str] = ROOMS) -> Iterator[type]:
    """Yield every dataclass of the modules of `rooms` that can be imported here."""
    for path in sorted(PACKAGE.rglob('*.py')):
        parts = path.relative_to(PACKAGE).with_suffix('').parts
        if parts[0] not in rooms or parts[-1] in {'__init__', '__main__'}:
            continue
        try:
            module = importlib.import_module('.'.join(('wla_ros', *parts)))
        except ModuleNotFoundError:
            continue  # without torch or ROS 2
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and dataclasses.is_dataclass(value)
                and value.__module__ == module.__name__
            ):
                yield value


def holds_array(hint: Any, seen: frozenset[type] = frozenset()) -> bool:
    """Whether a value of this annotation is an array, or compares one when it is compared."""
    origin = typing.get_origin(hint) or hint
    if isinstance(origin, type):
        if issubclass(origin, np.ndarray) or origin.__qualname__ == 'Tensor':
            return True
        if dataclasses.is_dataclass(origin) and origin not in seen:
            return compares_arrays(origin, seen)
    if origin is typing.Annotated:
        return holds_array(typing.get_args(hint)[0], seen)
    if origin is collections.abc.Callable:
        return False
    return any(holds_array(argument, seen) for argument in typing.get_args(hint))


def compares_arrays(kind: type, seen: frozenset[type] = frozenset()) -> bool:
    """Whether `==` of a dataclass, as dataclasses generate it, would reach an array."""
    if not kind.__dataclass_params__.eq:
        return False
    hints = typing.get_type_hints(kind)
    return any(
        holds_array(hints[field.name], seen | {kind})
        for field in dataclasses.fields(kind)
        if field.compare
    )


@pytest.mark.parametrize('room', ROOMS)
def test_no_generated_equality_reaches_an_array(room):
    found = set(dataclasses_of_the_package([room]))
    wrong = [f'{kind.__module__}.{kind.__qualname__}' for kind in found if compares_arrays(kind)]
    assert sorted(wrong) == []


def test_the_dataclasses_of_the_package_are_found():
    assert len(set(dataclasses_of_the_package())) > 200


def test_the_search_finds_what_it_is_meant_to_find():
    @dataclasses.dataclass
    class Inner:
        values: np.ndarray | None

    @dataclasses.dataclass
    class Outer:
        items: tuple[Inner, ...]

    @dataclasses.dataclass
    class Plain:
        name: str

    Outer.__annotations__['items'] = tuple[Inner, ...]
    assert compares_arrays(Inner)
    assert compares_arrays(Outer)
    assert not compares_arrays(Plain)


@pytest.mark.parametrize('name', ['JointCommand', 'ImageFrame', 'ActionChunk', 'Observation'])
def test_values_with_arrays_are_hashable_and_equal_to_themselves(name):
    kind = getattr(importlib.import_module('wla_ros.base.types'), name)
    value = object.__new__(kind)
    assert value == value
    assert value != object.__new__(kind)
    assert len({value, value}) == 1
