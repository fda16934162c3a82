"""
Scripted experts: policies that see object poses, for demonstrations and as an upper bound.
Simulation only.

A new expert is its own file and one entry in `EXPERTS`, under the name of its task.
"""

import functools
from collections.abc import Callable
from collections.abc import Mapping

from wla_ros.core.ports import Policy
from wla_ros.sim.expert.dispose_trash_expert import DisposeTrashExpert
from wla_ros.sim.expert.noisy_expert import ExpertNoise
from wla_ros.sim.expert.noisy_expert import NoisyExpert
from wla_ros.sim.expert.pass_post_expert import PassPostExpert
from wla_ros.sim.expert.stack_cup_expert import StackCupExpert

EXPERTS: dict[str, Callable[[], Policy]] = {
    'stack_cup': StackCupExpert,
    'dispose_trash': DisposeTrashExpert,
    'pass_post': PassPostExpert,
}
# Those of tasks with several equally good ways.
_WAVERING: Mapping[str, Callable[[], Policy]] = {
    'pass_post': functools.partial(PassPostExpert, wavering=True),
}


def make_expert(task: str, noise: ExpertNoise | None = None) -> Policy:
    """
    Return the expert of `task`, one that errs if `noise` is given.

    Raises ValueError naming the experts there are.
    """
    if task not in EXPERTS:
        raise ValueError(
            f'there is no expert for task {task!r}, only for: {", ".join(sorted(EXPERTS))}'
        )
    if noise is None:
        return EXPERTS[task]()
    inner = _WAVERING.get(task, EXPERTS[task]) if noise.wavering else EXPERTS[task]
    return NoisyExpert(inner(), noise)


__all__ = ['EXPERTS', 'ExpertNoise', 'make_expert']
