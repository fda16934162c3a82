"""The tasks of the simulated rig. A new task is one file and one entry in `TASKS`."""

from collections.abc import Callable

from wla_ros.sim.tasks.stack_cup import StackCup
from wla_ros.sim.tasks.task import Judgement
from wla_ros.sim.tasks.task import ObjectState
from wla_ros.sim.tasks.task import Task

TASKS: dict[str, Callable[[], Task]] = {
    'stack_cup': StackCup,
}


def make_task(name: str) -> Task:
    """Return the task called `name`. Raises ValueError naming the tasks there are."""
    if name not in TASKS:
        raise ValueError(f'unknown task {name!r}, there are: {", ".join(sorted(TASKS))}')
    return TASKS[name]()


__all__ = ['TASKS', 'Judgement', 'ObjectState', 'Task', 'make_task']
