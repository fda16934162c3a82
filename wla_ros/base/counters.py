# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Counters by name: a field of type `Count` is one.

Status messages, diagnostics and sums take them from here, so a counter is written twice: its field
and where it rises.
"""

import dataclasses
from typing import Annotated
from typing import Any
from typing import TypeAlias

Count: TypeAlias = Annotated[int, 'counter']


def counter_names(kind: type) -> tuple[str, ...]:
    """Return the names of the counters of a dataclass."""
    return tuple(field.name for field in dataclasses.fields(kind) if field.type is Count)


def counters(snapshot: Any) -> dict[str, int]:
    """Return the counters of an instance of a dataclass by name."""
    return {name: int(getattr(snapshot, name)) for name in counter_names(type(snapshot))}
