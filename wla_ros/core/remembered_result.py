"""What the answer of a policy does to the memory it has read. Pure."""

from dataclasses import replace

from wla_ros.core.subtask_memory import SubtaskMemory
from wla_ros.core.types import PolicyResult


def remembered(
    read: SubtaskMemory, result: PolicyResult, stamp_ns: int
) -> tuple[SubtaskMemory, PolicyResult]:
    """
    Return the memory after `result` for the observation at `stamp_ns`, and the completed result.

    The result gets the number of its subtask and the revision that the policy has read, unless the
    policy gave its own. A result without subtask changes nothing.
    """
    if not result.subtask:
        return read, result
    after = (
        read.kept_late(stamp_ns)
        if result.subtask_late
        else read.predicted(result.subtask, stamp_ns)
    )
    number = 0 if after.current is None else after.current.number
    return after, replace(
        result,
        subtask_id=result.subtask_id or number,
        memory_revision=result.memory_revision or read.revision,
    )
