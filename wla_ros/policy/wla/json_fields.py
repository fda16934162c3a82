"""Typed access to a JSON object that collects every problem instead of stopping at the first."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem


class JsonFields:
    """
    One JSON object of a file; problems go to a list shared with its sub-objects.

    A getter returns a harmless value after a problem, so that reading goes on: call
    `raise_problems` before using anything.
    """

    def __init__(
        self, values: Mapping[str, Any], file: Path, problems: list[Problem], path: str = ''
    ) -> None:
        """Read `values`, found at `path` ('a.b') in `file`."""
        self._values = values
        self._file = file
        self._path = path
        self._problems = problems

    @classmethod
    def read(cls, file: Path, problems: list[Problem]) -> 'JsonFields':
        """Read a file; one that is missing or no JSON object is a problem and reads as empty."""
        try:
            values = json.loads(file.read_text(encoding='utf-8'))
        except OSError as error:
            problems.append(Problem(where=str(file), what=f'cannot be read: {error.strerror}'))
            values = None
        except ValueError as error:
            problems.append(Problem(where=str(file), what=f'is not JSON: {error}'))
            values = None
        if values is not None and not isinstance(values, dict):
            problems.append(Problem(where=str(file), what='is not a JSON object'))
        return cls(values if isinstance(values, dict) else {}, file, problems)

    def raise_problems(self, source: str) -> None:
        """Raise ConfigurationError if there was any problem."""
        if self._problems:
            raise ConfigurationError(source, tuple(self._problems))

    def complain(self, name: str, what: str, remedy: str = '') -> None:
        """Add a problem with field `name`."""
        where = f'{self._file}: {self._path}{name}'
        self._problems.append(Problem(where=where, what=what, remedy=remedy))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all fields."""
        return tuple(self._values)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._values.get(name) is not None

    def section(self, name: str) -> 'JsonFields':
        """Return a sub-object; empty if missing, which is a problem."""
        value = self._value(name, None)
        if value is not None and not isinstance(value, dict):
            self.complain(name, f'must be an object, is {value!r}')
        values = value if isinstance(value, dict) else {}
        # A missing section is one problem, not one for each of its fields.
        problems = self._problems if isinstance(value, dict) else []
        return JsonFields(values, self._file, problems, f'{self._path}{name}.')

    def integer(self, name: str, *, default: int | None = None, minimum: int = 1) -> int:
        """Return an integer of at least `minimum`."""
        value = self._value(name, default)
        if value is None:
            return minimum
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            self.complain(name, f'must be an integer of at least {minimum}, is {value!r}')
            return minimum
        return value

    def number(self, name: str, *, default: float | None = None) -> float:
        """Return a positive number."""
        value = self._value(name, default)
        if value is None:
            return 1.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0.0:
            self.complain(name, f'must be a positive number, is {value!r}')
            return 1.0
        return float(value)

    def integers(self, name: str, *, minimum: int = 0) -> tuple[int, ...]:
        """Return a list of integers of at least `minimum`."""
        value = self._value(name, None)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(
            isinstance(item, int) and not isinstance(item, bool) and item >= minimum
            for item in value
        ):
            self.complain(name, f'must be a list of integers, is {value!r}')
            return ()
        return tuple(value)

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """Return a list of exactly `count` finite numbers; empty after a problem."""
        value = self._value(name, None)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) != count:
            found = f'{len(value)} entries' if isinstance(value, list) else repr(value)
            self.complain(name, f'must be a list of {count} numbers, is {found}')
            return ()
        bad = [
            index
            for index, item in enumerate(value)
            if isinstance(item, bool)
            or not isinstance(item, int | float)
            or not math.isfinite(item)
        ]
        for index in bad:
            self.complain(f'{name}[{index}]', f'must be a finite number, is {value[index]!r}')
        return () if bad else tuple(float(item) for item in value)

    def length(self, name: str) -> int:
        """Return the number of entries of a list, 0 for anything else; never a problem."""
        value = self._values.get(name)
        return len(value) if isinstance(value, list) else 0

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            self.complain(name, f'must be true or false, is {value!r}')
            return default
        return value

    def text(self, name: str, *, default: str | None = None, one_of: tuple[str, ...] = ()) -> str:
        """Return a string, one of `one_of` if that is not empty."""
        value = self._value(name, default)
        if value is None:
            return ''
        if not isinstance(value, str) or (one_of and value not in one_of):
            wanted = f'one of {", ".join(one_of)}' if one_of else 'a string'
            self.complain(name, f'must be {wanted}, is {value!r}')
            return ''
        return value

    def expect(self, name: str, wanted: object) -> None:
        """Complain if the field is there with another value than the only one supported."""
        if self.has(name) and self._values[name] != wanted:
            self.complain(name, f'is {self._values[name]!r}, supported is only {wanted!r}')

    def _value(self, name: str, default: object) -> Any:  # noqa: ANN401 - JSON holds anything
        value = self._values.get(name)
        if value is None:
            value = default
        if value is None:
            self.complain(name, 'is missing')
        return value
