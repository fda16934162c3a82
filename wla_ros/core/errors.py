"""
The errors a user can cause and cure; everything else is a `ValueError` or a bug.

Imports nothing of ours. Messages say what was wrong, the value, where, and what to do.
"""

from dataclasses import dataclass


class WlaError(Exception):
    """Base of all errors that a user can cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mismatch between what was given and what is possible."""

    where: str
    what: str
    remedy: str = ''

    def __str__(self) -> str:
        """Return one line: where, what, remedy."""
        return f'{self.where}: {self.what}' + (f' ({self.remedy})' if self.remedy else '')


class ConfigurationError(WlaError):
    """A configuration cannot be used; carries every problem found, not only the first."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        """Compose one message that lists all problems of `source` (a file or a node name)."""
        self.source = source
        self.problems = problems
        count = f'{len(problems)} problem' + ('s' if len(problems) != 1 else '')
        lines = ''.join(f'\n  - {problem}' for problem in problems)
        super().__init__(f'{source}: {count}:{lines}')

    def __reduce__(self) -> tuple[type['ConfigurationError'], tuple[str, tuple[Problem, ...]]]:
        """Travel between processes: built again from source and problems."""
        return type(self), (self.source, self.problems)
