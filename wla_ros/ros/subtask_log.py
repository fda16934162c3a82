"""
Which subtasks a policy has named so far: the simple memory behind the topics subtask and
subtask_memory.

A new text ends the current subtask and becomes it. Pure; knows no ROS and no policy.
"""

from dataclasses import dataclass
from dataclasses import replace


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSubtask:
    """One subtask with its time."""

    number: int  # from 1, rises within a memory
    text: str
    started_ns: int
    ended_ns: int = 0  # 0 while it is current


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtaskHistory:
    """What has been done and what is being done."""

    instruction: str = ''
    revision: int = 0
    stamp_ns: int = 0
    completed: tuple[NamedSubtask, ...] = ()
    current: NamedSubtask | None = None

    def begun(self, instruction: str, stamp_ns: int) -> 'SubtaskHistory':
        """Return an empty history for a new task."""
        return SubtaskHistory(
            instruction=instruction, revision=self.revision + 1, stamp_ns=stamp_ns
        )

    def named(self, text: str, stamp_ns: int) -> 'SubtaskHistory':
        """
        Return the history after the policy named `text` for the observation at `stamp_ns`; self if
        unchanged.
        """
        if not text or (self.current is not None and self.current.text == text):
            return self
        completed = self.completed
        if self.current is not None:
            completed += (replace(self.current, ended_ns=stamp_ns),)
        fresh = NamedSubtask(number=len(completed) + 1, text=text, started_ns=stamp_ns)
        return replace(
            self, revision=self.revision + 1, stamp_ns=stamp_ns, completed=completed, current=fresh
        )
