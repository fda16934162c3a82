"""
What a simulated task is: objects to add, where to put them for a seed, a judgement from their
physical state.

A task knows nothing of arms, time or policies; `TASKS` of `tasks/__init__` lists what there is.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from wla_ros.core.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectState:
    """Physical state of one object in the world frame."""

    name: str
    pose: FloatArray  # [7] x y z [m], qx qy qz qw
    speed_m_s: float  # of its origin
    held_by: tuple[str, ...]  # arms that touch it


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether the task is done, and if not, what is missing, for people."""

    success: bool
    text: str  # 'success' or what is missing


class Task(Protocol):
    """One task of the simulated rig."""

    @property
    def name(self) -> str:
        """Key of the task in the registry."""
        ...

    @property
    def instruction(self) -> str:
        """What to tell a policy."""
        ...

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the bodies whose poses are published."""
        ...

    def add_to(self, root: ET.Element) -> None:
        """
        Append assets and bodies to the MJCF `root`; every object is a body with a free joint of
        its name.
        """
        ...

    def place(self, seed: int) -> dict[str, FloatArray]:
        """Return the start pose [7] of every object; the same seed gives the same poses."""
        ...

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Judge the present state."""
        ...
