# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Compares values that hold arrays, which have no `==` of their own."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


def same_fields(first: Any, second: Any) -> bool:
    """Whether two values are of one type and equal in every field, arrays element by element."""
    if type(first) is not type(second):
        return False
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second)
    if dataclasses.is_dataclass(first):
        names = [field.name for field in dataclasses.fields(first)]
        return all(same_fields(getattr(first, name), getattr(second, name)) for name in names)
    if isinstance(first, Mapping):
        return list(first) == list(second) and same_fields([*first.values()], [*second.values()])
    if isinstance(first, tuple | list):
        return len(first) == len(second) and all(map(same_fields, first, second))
    return bool(first == second)
