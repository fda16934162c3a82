"""
Scripted experts: policies that see object poses, for demonstrations and as an upper bound.
Simulation only.

A new expert is its own file and one entry in `EXPERTS`, under the name of its task.
"""

from collections.abc import Callable

from wla_ros.core.ports import Policy
from wla_ros.sim.expert.dispose_trash_expert import DisposeTrashExpert
from wla_ros.sim.expert.pass_post_expert import PassPostExpert
from wla_ros.sim.expert.stack_cup_expert import StackCupExpert

EXPERTS: dict[str, Callable[[], Policy]] = {
    'stack_cup': StackCupExpert,
    'dispose_trash': DisposeTrashExpert,
    'pass_post': PassPostExpert,
}


def make_expert(task: str) -> Policy:
    """Return the expert of `task`. Raises ValueError naming the experts there are."""
    if task not in EXPERTS:
        raise ValueError(
            f'there is no expert for task {task!r}, only for: {", ".join(sorted(EXPERTS))}'
        )
    return EXPERTS[task]()


__all__ = ['EXPERTS', 'make_expert']
