# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which task a cell's `task` names, and how it is made harder: 'dispose_trash@1.5'. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskVariant:
    """A task with its one number of difficulty; what the number means is the task's business."""

    task: str
    difficulty: float | None = None  # None: as the task comes

    def __str__(self) -> str:
        """Return the name that `task_variant` reads."""
        return self.task if self.difficulty is None else f'{self.task}@{self.difficulty:g}'


def task_variant(name: str) -> TaskVariant:
    """Return the variant called `name`. Raises ValueError if what follows '@' is no number."""
    task, at, number = name.partition('@')
    return TaskVariant(task=task, difficulty=float(number) if at else None)
