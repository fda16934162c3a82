# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What a simulated task is: objects to add, where to put them for a seed, a judgement from their
physical state; and, for tasks in which something moves by itself, the course of an episode.

A task knows nothing of policies. Tasks register as entry points of the group `wla_ros.tasks`.
"""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from typing import runtime_checkable

from wla_ros.base import registry
from wla_ros.base.types import FloatArray
from wla_ros.sim.tasks.task_options import TaskOptions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
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
    final: bool = False  # nothing that still happens can change it


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

    @property
    def timestep_ns(self) -> int:
        """Step of the physics; the driver's period of 5 ms has to be a multiple."""
        ...

    @property
    def gripper_start_m(self) -> float | None:
        """Opening of the grippers at the start; None leaves it to the rig."""
        ...

    @property
    def time_limit_s(self) -> float:
        """How long an episode may take unless the caller says otherwise."""
        ...

    def add_to(self, root: ET.Element) -> None:
        """
        Append assets and bodies to the MJCF `root`; every object is a body with a joint of its
        name: a free one, or a slide in another object.
        """
        ...

    def place(self, seed: int) -> dict[str, FloatArray]:
        """Return the start pose [7] of every free object; the same seed gives the same poses."""
        ...

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Judge the present state."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrivenState:
    """Where a driven object is and how it moves at one instant, in the world frame."""

    pose: FloatArray  # [7] x y z [m], qx qy qz qw
    velocity: FloatArray  # [3] [m/s] of its origin
    turn_rad_s: float = 0.0  # about the vertical


class SceneSight(Protocol):
    """What the course of an episode may see after a step of the physics."""

    @property
    def elapsed_ns(self) -> int:
        """Simulated time since the reset."""
        ...

    def tool_point(self, arm: str) -> FloatArray:
        """Return the tool centre point [3] [m] at the beginning of the step."""
        ...

    def object_point(self, name: str) -> FloatArray:
        """Return the origin [3] [m] of an object."""
        ...

    def touching(self) -> frozenset[tuple[str, str]]:
        """Return the (arm, object) pairs in contact."""
        ...


class Course(Protocol):
    """
    One episode of a task in which things move by themselves or whose success lies in the way
    there. The same seed gives the same course.
    """

    def drive(self, elapsed_ns: int) -> Mapping[str, DrivenState]:
        """Return the state of every driven object."""
        ...

    def watch(self, scene: SceneSight) -> None:
        """Take note of what a step of the physics has led to."""
        ...

    def judge(self, objects: Mapping[str, ObjectState]) -> Judgement:
        """Judge the present state and what was noted."""
        ...


@runtime_checkable
class TaskWithCourse(Protocol):
    """A task whose episodes have a course; judging is the business of the course alone."""

    def course(self, seed: int) -> Course:
        """Return the course of the episode `seed`."""
        ...


def make_task(name: str, options: TaskOptions | None = None) -> Task:
    """Return the task registered as `name`. Raises ConfigurationError naming those there are."""
    task: Task = registry.load(registry.TASKS, name)(options or TaskOptions())
    return task
