# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The memory M of a running task: what has been done, what is being done, what comes next.

Immutable: every operation returns another memory. Pure; knows no policy, no clock and no file.

A policy predicts a window: the subtasks from now to the end of its chunk, first the running one.
When the window moves on, what it left behind is completed::

    predicted   A B     A B     B C     C       D
    completed   -       -       A       A B     A B C
    current     A       A       B       C       D
    upcoming    B       B       C       -       -
"""

import itertools
import re
from dataclasses import dataclass
from dataclasses import replace

POLICY = 'policy'
OPERATOR = 'operator'
RESTORED = 'restored'
SOURCES = (POLICY, OPERATOR, RESTORED)

# Ends of sentences in the published training data; a subtask is one sentence.
_ENDS = '.!?。！？'  # noqa: RUF001 - full-width on purpose
_SENTENCE = re.compile(f'[^{_ENDS}]+[{_ENDS}]?')

DEFAULT_CAPACITY = 32
# A window that goes back to what it left this short ago wavered; nothing was completed.
DEFAULT_SETTLE_NS = 500_000_000


def sentences(text: str) -> tuple[str, ...]:
    """Return the subtasks of `text`, each with an end, without repetitions in a row."""
    found = (' '.join(piece.split()) for piece in _SENTENCE.findall(text))
    whole = [piece if piece[-1] in _ENDS else f'{piece}.' for piece in found if piece.strip(_ENDS)]
    return tuple(piece for piece, _ in itertools.groupby(whole))


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedSubtask:
    """One subtask with its time and where it comes from."""

    number: int  # from 1, rises within a memory and is never used again
    text: str
    started_ns: int  # observation stamp at which it was first predicted
    ended_ns: int = 0  # 0 while it is current
    source: str = POLICY
    late: bool = False  # a newer text was not ready in time and this one served on

    def __post_init__(self) -> None:
        """Refuse what no memory can hold; stored ones may be damaged."""
        if self.source not in SOURCES:
            raise ValueError(f'source {self.source!r} is not one of {", ".join(SOURCES)}')
        if self.number < 1 or not self.text:
            raise ValueError(f'subtask {self.number} {self.text!r} needs a number and a text')


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtaskMemory:
    """See the module docstring."""

    instruction: str = ''
    revision: int = 0  # rises with every change
    stamp_ns: int = 0  # of the last change
    completed: tuple[RememberedSubtask, ...] = ()  # oldest first, the newest `capacity`
    current: RememberedSubtask | None = None
    upcoming: tuple[str, ...] = ()  # predicted to follow the current one
    next_number: int = 1
    capacity: int = DEFAULT_CAPACITY
    settle_ns: int = DEFAULT_SETTLE_NS

    @property
    def window(self) -> tuple[str, ...]:
        """The subtasks last predicted, first the current one."""
        return () if self.current is None else (self.current.text, *self.upcoming)

    @property
    def window_text(self) -> str:
        """The window as the policy said it; what serves when a newer text is late."""
        return ' '.join(self.window)

    def text(self, *, since_ns: int | None = None) -> str:
        """
        Return what a prompt says was done: the completed subtasks and the current one.

        With `since_ns` only those that had not ended then, as checkpoints without the first frame
        of the episode were trained.
        """
        past = (
            subtask.text
            for subtask in self.completed
            if since_ns is None or subtask.ended_ns >= since_ns
        )
        now = () if self.current is None else (self.current.text,)
        return ' '.join(text for text, _ in itertools.groupby(itertools.chain(past, now)))

    def predicted(self, text: str, stamp_ns: int) -> 'SubtaskMemory':
        """
        Return the memory after a policy said `text` about the observation at `stamp_ns`.

        Nothing changes if it said nothing or the same. Subtasks of the old window before the new
        first one are completed; if that one is new, only the current one is: what was upcoming
        never began.
        """
        window = sentences(text)
        if not window:
            return self
        if self.current is None:
            return self._beginning(window, stamp_ns, self.completed, number=self.next_number)
        if window[0] == self.current.text:
            confirmed = replace(self.current, late=False)
            return self._changed(stamp_ns, current=confirmed, upcoming=window[1:])
        if self._wavered(window[0], stamp_ns):
            *earlier, previous = self.completed
            back = replace(previous, ended_ns=0, late=False)
            return self._changed(
                stamp_ns, completed=tuple(earlier), current=back, upcoming=window[1:]
            )
        passed = 1
        if window[0] in self.upcoming:
            passed = 1 + self.upcoming.index(window[0])
        skipped = self.upcoming[: passed - 1]
        completed = self._with_ended_current(stamp_ns)
        number = self.next_number
        for skipped_text in skipped:
            ended = RememberedSubtask(
                number=number, text=skipped_text, started_ns=stamp_ns, ended_ns=stamp_ns
            )
            completed, number = _joined(completed, ended), number + 1
        return self._beginning(window, stamp_ns, completed, number=number)

    def kept_late(self, stamp_ns: int) -> 'SubtaskMemory':
        """Return the memory after a text was late and the window served on."""
        if self.current is None:
            return self
        return self._changed(stamp_ns, current=replace(self.current, late=True))

    def with_current(self, text: str, stamp_ns: int) -> 'SubtaskMemory':
        """
        Return the memory after an operator said what is being done; ends the current subtask.

        Several sentences are a window. Raises ValueError for an empty text.
        """
        window = _required(text)
        if self.current is not None and self.current.text == window[0]:
            kept = replace(self.current, source=OPERATOR, late=False)
            return self._changed(stamp_ns, current=kept, upcoming=window[1:])
        completed = self._with_ended_current(stamp_ns)
        return self._beginning(
            window, stamp_ns, completed, number=self.next_number, source=OPERATOR
        )

    def with_completed(self, text: str, stamp_ns: int) -> 'SubtaskMemory':
        """
        Return the memory after an operator said that `text` was done, before the current one.

        Raises ValueError for an empty text.
        """
        completed, number = self.completed, self.next_number
        for sentence in _required(text):
            done = RememberedSubtask(
                number=number,
                text=sentence,
                started_ns=stamp_ns,
                ended_ns=stamp_ns,
                source=OPERATOR,
            )
            completed, number = _joined(completed, done), number + 1
        return self._changed(stamp_ns, completed=completed, next_number=number)

    def rolled_back(self, steps: int, stamp_ns: int) -> 'SubtaskMemory':
        """
        Return the memory `steps` subtasks earlier: each forgets the current, the one before runs.

        Raises ValueError unless 1 <= steps <= number of subtasks there are.
        """
        known = self.completed + (() if self.current is None else (self.current,))
        if not 1 <= steps <= len(known):
            raise ValueError(f'cannot roll back {steps} of {len(known)} subtasks')
        *earlier, last = (None, *known[:-steps])
        current = None if last is None else replace(last, ended_ns=0, late=False)
        completed = tuple(subtask for subtask in earlier if subtask is not None)
        return self._changed(stamp_ns, completed=completed, current=current, upcoming=())

    def cleared(self, stamp_ns: int) -> 'SubtaskMemory':
        """Return the memory of the same task with nothing done; numbers go on."""
        return self._changed(stamp_ns, completed=(), current=None, upcoming=())

    def begun(self, instruction: str, stamp_ns: int) -> 'SubtaskMemory':
        """Return the empty memory of a new task."""
        return replace(
            self,
            instruction=instruction,
            revision=self.revision + 1,
            stamp_ns=stamp_ns,
            completed=(),
            current=None,
            upcoming=(),
            next_number=1,
        )

    def kept_for(self, instruction: str, stamp_ns: int) -> 'SubtaskMemory':
        """Return the same memory for another instruction."""
        return self._changed(stamp_ns, instruction=instruction)

    def restored(self, stamp_ns: int) -> 'SubtaskMemory':
        """Return what a restarted process takes over: the same texts, marked as restored."""
        current = self.current
        return self._changed(
            stamp_ns,
            completed=tuple(replace(subtask, source=RESTORED) for subtask in self.completed),
            current=None if current is None else replace(current, source=RESTORED),
        )

    def bounded(self, capacity: int, settle_ns: int) -> 'SubtaskMemory':
        """Return the memory with another capacity; the oldest subtasks are forgotten."""
        if capacity < 1:
            raise ValueError(f'capacity must be at least 1, got {capacity}')
        completed = self.completed[-capacity:]
        return replace(self, completed=completed, capacity=capacity, settle_ns=settle_ns)

    def _wavered(self, text: str, stamp_ns: int) -> bool:
        """Whether a window went back to the subtask that it left a moment ago."""
        if self.current is None or not self.completed or self.current.source != POLICY:
            return False
        previous = self.completed[-1]
        recent = stamp_ns - self.current.started_ns <= self.settle_ns
        return recent and previous.text == text

    def _with_ended_current(self, stamp_ns: int) -> tuple[RememberedSubtask, ...]:
        if self.current is None:
            return self.completed
        ended_ns = max(stamp_ns, self.current.started_ns)
        return _joined(self.completed, replace(self.current, ended_ns=ended_ns))

    def _beginning(
        self,
        window: tuple[str, ...],
        stamp_ns: int,
        completed: tuple[RememberedSubtask, ...],
        *,
        number: int,
        source: str = POLICY,
    ) -> 'SubtaskMemory':
        fresh = RememberedSubtask(
            number=number, text=window[0], started_ns=stamp_ns, source=source
        )
        return self._changed(
            stamp_ns,
            completed=completed,
            current=fresh,
            upcoming=window[1:],
            next_number=number + 1,
        )

    def _changed(self, stamp_ns: int, **fields: object) -> 'SubtaskMemory':
        """Return self with other fields and the next revision, or self if they are the same."""
        changed = replace(self, **fields)  # type: ignore[arg-type]  # fields of several types
        if changed == self:
            return self
        return replace(
            changed,
            completed=changed.completed[-self.capacity :],
            revision=self.revision + 1,
            stamp_ns=stamp_ns,
        )


def _joined(
    completed: tuple[RememberedSubtask, ...], subtask: RememberedSubtask
) -> tuple[RememberedSubtask, ...]:
    """Append; the same subtask twice in a row is one that took longer, as in training."""
    if completed and completed[-1].text == subtask.text:
        longer = replace(completed[-1], ended_ns=max(completed[-1].ended_ns, subtask.ended_ns))
        return (*completed[:-1], longer)
    return (*completed, subtask)


def _required(text: str) -> tuple[str, ...]:
    window = sentences(text)
    if not window:
        raise ValueError(f'{text!r} names no subtask')
    return window
