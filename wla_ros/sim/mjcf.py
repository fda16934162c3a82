# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Writing MJCF: elements whose attributes are numbers or vectors.

Knows nothing of arms, tables or cups.
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from transforms3d.euler import euler2quat

Value = str | float | Sequence[float] | NDArray[np.float64]
Attributes = dict[str, Value]
Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


def add(parent: ET.Element, tag: str, **attributes: Value) -> ET.Element:
    """Append and return a `tag` element; a trailing underscore frees Python words (`class_`)."""
    texts = {name.rstrip('_'): text(value) for name, value in attributes.items()}
    return ET.SubElement(parent, tag, texts)


def section(root: ET.Element, tag: str) -> ET.Element:
    """Return the section `tag` of the MJCF `root`, appended if there is none."""
    found = root.find(tag)
    return add(root, tag) if found is None else found


def text(value: Value) -> str:
    """Return an attribute value with the digits that make it round trip."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return repr(value)
    return ' '.join(repr(float(entry)) for entry in value)


def rotation_x_then_z(angle_x_rad: float, angle_z_rad: float) -> Quaternion:
    """Return Rx(angle_x) Rz(angle_z) as a MuJoCo quaternion (w x y z)."""
    w, x, y, z = euler2quat(angle_x_rad, angle_z_rad, 0.0, axes='rxzy').tolist()
    return w, x, y, z
