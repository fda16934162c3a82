"""The tasks of the simulated rig. A new task is one file and one entry in `TASKS`."""

from collections.abc import Callable

from wla_ros.sim.tasks.dispose_trash import DisposeTrash
from wla_ros.sim.tasks.pass_post import PassPost
from wla_ros.sim.tasks.stack_cup import StackCup
from wla_ros.sim.tasks.task import Judgement
from wla_ros.sim.tasks.task import ObjectState
from wla_ros.sim.tasks.task import Task
from wla_ros.sim.tasks.task_options import TaskOptions

TASKS: dict[str, Callable[[TaskOptions], Task]] = {
    'stack_cup': lambda options: StackCup(),
    'dispose_trash': lambda options: DisposeTrash(options.turntable),
    'pass_post': lambda options: PassPost(options.post),
}


def make_task(name: str, options: TaskOptions | None = None) -> Task:
    """Return the task called `name`. Raises ValueError naming the tasks there are."""
    if name not in TASKS:
        raise ValueError(f'unknown task {name!r}, there are: {", ".join(sorted(TASKS))}')
    return TASKS[name](options or TaskOptions())


__all__ = ['TASKS', 'Judgement', 'ObjectState', 'Task', 'TaskOptions', 'make_task']
