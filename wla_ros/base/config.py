# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Nested mappings (YAML, ROS parameters) to frozen dataclasses, listing every problem at once.

Also the errors a user can cause and cure; everything else is a `ValueError` or a bug.
"""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import TypeVar

# The errors a user can cause and cure; everything else is a `ValueError` or a bug.
#
# Imports nothing of ours. Messages say what was wrong, the value, where, and what to do.


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


T = TypeVar('T')
_MISSING = dataclasses.MISSING
_OWNED = 'filled_by_owner'
_ALTERNATIVES = 'alternatives'
_NUMBER_WORDS = {
    float: 'a number',
    int: 'an integer',
    str: 'a text',
    bool: 'true or false',
}


def parameter(
    description: str,
    *,
    unit: str = '',
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
) -> Any:
    """Return a dataclass field with the facts a person needs to set it; bounds are inclusive."""
    metadata = {
        'description': description,
        'unit': unit,
        'minimum': minimum,
        'maximum': maximum,
        'choices': choices,
    }
    if default_factory is not _MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    if default is not _MISSING:
        return dataclasses.field(default=default, metadata=metadata)
    return dataclasses.field(metadata=metadata)


def filled_by_owner(default_factory: Any) -> Any:
    """
    Return a dataclass field that is no parameter where it stands: the section's owner fills it.

    For a section that two nodes share under one key, while one of them needs it further inside.
    """
    return dataclasses.field(default_factory=default_factory, metadata={_OWNED: True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternatives:
    """Sections that others declare, of which a parameter beside them names the one in use."""

    chosen_by: str  # name of that parameter
    names: Callable[[], tuple[str, ...]]
    kind: Callable[[str], type[Any]]  # of the section; raises ConfigurationError


def alternatives(choice: Alternatives) -> Any:
    """
    Return a dataclass field for the sections of `choice`, by name.

    They stand beside the parameter that chooses, not below the field. The field has those that are
    given, and the one that is chosen; of the others nothing is loaded.
    """
    return dataclasses.field(default_factory=dict, metadata={_ALTERNATIVES: choice})


def alternatives_of(item: 'dataclasses.Field[Any]') -> Alternatives | None:
    """Return the choice that a field made by `alternatives` has, None of any other field."""
    return item.metadata.get(_ALTERNATIVES)


def parameters_of(section: Any) -> 'tuple[dataclasses.Field[Any], ...]':
    """Return the fields of a dataclass, or instance of one, that are parameters or sections."""
    return tuple(item for item in dataclasses.fields(section) if _OWNED not in item.metadata)


def load_configuration(
    kind: type[T], values: Mapping[str, Any], *, source: str, ignore_unknown: bool = False
) -> T:
    """
    Return `values` as an instance of the dataclass `kind`.

    `ignore_unknown` is for files of others, which hold more than is read.

    A `__post_init__` of a section may raise ValueError for conditions between fields; it is listed
    with the others. Raises ConfigurationError naming `source` with all problems.
    """
    problems: list[Problem] = []
    result = _load_section(kind, _known(kind, values) if ignore_unknown else values, '', problems)
    if problems:
        raise ConfigurationError(source, tuple(problems))
    return typing.cast('T', result)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRow:
    """One line of the reference table of parameters."""

    key: str
    type_name: str
    default: str
    unit: str
    bounds: str
    description: str


def describe(kind: type[Any], prefix: str = '') -> Iterator[ParameterRow]:
    """Yield a row for every parameter of `kind`; tables of sections appear as '<name>'."""
    hints = typing.get_type_hints(kind)
    for item in parameters_of(kind):
        key = f'{prefix}{item.name}'
        hint = hints[item.name]
        choice = alternatives_of(item)
        if choice is not None:
            for name in choice.names():
                yield from describe(choice.kind(name), f'{prefix}{name}.')
            continue
        section = _table_section(hint)
        if section is not None:
            yield from describe(section, f'{key}.<name>.')
        elif dataclasses.is_dataclass(hint):
            yield from describe(typing.cast('type[Any]', hint), f'{key}.')
        else:
            yield _parameter_row(key, hint, item)


def _parameter_row(key: str, hint: Any, item: 'dataclasses.Field[Any]') -> ParameterRow:
    low, high = item.metadata.get('minimum'), item.metadata.get('maximum')
    choices = item.metadata.get('choices', ())
    bounds = ', '.join(choices)
    if not choices and (low is not None or high is not None):
        bounds = f'{_limit(low, "")} .. {_limit(high, "")}'.strip()
    default = 'required'
    if item.default is not _MISSING:
        default = repr(item.default)
    elif item.default_factory is not _MISSING:
        default = repr(item.default_factory())
    return ParameterRow(
        key=key,
        type_name=_type_name(hint),
        default=default,
        unit=item.metadata.get('unit', ''),
        bounds=bounds,
        description=item.metadata.get('description', ''),
    )


def _limit(value: float | None, absent: str) -> str:
    return absent if value is None else format(value, 'g')


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)


def _table_section(hint: Any) -> type[Any] | None:
    """Return the dataclass of a `Mapping[str, Section]` hint, or None."""
    arguments = typing.get_args(hint)
    if (
        typing.get_origin(hint) is Mapping
        and len(arguments) == 2
        and dataclasses.is_dataclass(arguments[1])
    ):
        return typing.cast('type[Any]', arguments[1])
    return None


def _load_section(kind: type[Any], values: Any, where: str, problems: list[Problem]) -> Any:
    if not isinstance(values, Mapping):
        problems.append(
            Problem(where=where or 'top level', what=f'expected a section, got {values!r}')
        )
        return None
    known: dict[str, Any] = {}
    choices: dict[str, Alternatives] = {}
    for item in parameters_of(kind):
        choice = alternatives_of(item)
        if choice is None:
            known[item.name] = item
        else:
            choices[item.name] = choice
    # None of what stands beside the fields: the names of sections that others declare
    keys = dict.fromkeys(name for choice in choices.values() for name in choice.names()) | known
    problems.extend(_unknown_key(str(key), keys, where) for key in values if key not in keys)
    hints = typing.get_type_hints(kind)
    arguments: dict[str, Any] = {}
    count = len(problems)
    for name, item in known.items():
        path = f'{where}.{name}' if where else name
        if name in values:
            arguments[name] = _load_value(hints[name], values[name], path, item, problems)
        elif item.default is not _MISSING or item.default_factory is not _MISSING:
            continue
        elif dataclasses.is_dataclass(hints[name]):
            # What the section lacks is missing, not the section.
            arguments[name] = _load_value(hints[name], {}, path, item, problems)
        else:
            unit = item.metadata.get('unit', '')
            problems.append(
                Problem(
                    where=path,
                    what='is missing',
                    remedy=f'set it{f" in {unit}" if unit else ""}',
                )
            )
    for name, choice in choices.items():
        chooser = choice.chosen_by
        chosen = arguments.get(chooser, known[chooser].default)
        arguments[name] = _load_alternatives(choice, chosen, values, where, problems)
    if len(problems) > count:
        return None
    try:
        return kind(**arguments)
    except ValueError as error:
        problems.append(Problem(where=where or 'top level', what=str(error)))
        return None


def _known(hint: Any, values: Any) -> Any:
    """Return `values` without what the sections of `hint` do not name."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        sections = [item for item in typing.get_args(hint) if dataclasses.is_dataclass(item)]
        return _known(sections[0], values) if sections else values
    if not dataclasses.is_dataclass(hint) or not isinstance(values, Mapping):
        return values
    hints = typing.get_type_hints(hint)
    names = [item.name for item in parameters_of(hint) if item.name in values]
    return {name: _known(hints[name], values[name]) for name in names}


def _load_alternatives(
    choice: Alternatives,
    chosen: Any,
    values: Mapping[str, Any],
    where: str,
    problems: list[Problem],
) -> dict[str, Any]:
    """Return the sections that are given, and that of `chosen`, a name or anything wrong."""
    prefix = f'{where}.' if where else ''
    names = choice.names()
    if isinstance(chosen, str) and chosen not in names:
        kind_of = where.rpartition('.')[2]  # policy for policy.name
        what, remedy = f'there is no {kind_of} {chosen!r}', f'one of {", ".join(names)}'
        problems.append(Problem(where=f'{prefix}{choice.chosen_by}', what=what, remedy=remedy))
    sections = {}
    for name in names:
        if name not in values and name != chosen:
            continue
        try:
            kind = choice.kind(name)
        except ConfigurationError as error:
            problems.extend(error.problems)
            continue
        sections[name] = _load_section(kind, values.get(name, {}), f'{prefix}{name}', problems)
    return sections


def _unknown_key(key: str, known: Mapping[str, Any], where: str) -> Problem:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    remedy = f'did you mean {near[0]!r}?' if near else f'known keys: {", ".join(sorted(known))}'
    unit = known[near[0]].metadata.get('unit') if near and known[near[0]] is not None else ''
    if unit:
        remedy = f'did you mean {near[0]!r}, in {unit}?'
    return Problem(where=f'{where}.{key}' if where else key, what='unknown key', remedy=remedy)


def _load_value(hint: Any, value: Any, where: str, item: Any, problems: list[Problem]) -> Any:
    section = _table_section(hint)
    if section is not None:
        if not isinstance(value, Mapping):
            problems.append(Problem(where=where, what=f'expected named sections, got {value!r}'))
            return None
        return {
            str(name): _load_section(section, entry, f'{where}.{name}', problems)
            for name, entry in value.items()
        }
    if dataclasses.is_dataclass(hint):
        return _load_section(typing.cast('type[Any]', hint), value, where, problems)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        (inner,) = [argument for argument in arguments if argument is not type(None)]
        return _load_value(inner, value, where, item, problems)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            problems.append(Problem(where=where, what=f'expected a list, got {value!r}'))
            return None
        return tuple(
            _load_value(arguments[0], entry, f'{where}[{i}]', item, problems)
            for i, entry in enumerate(value)
        )
    return _load_scalar(hint, value, where, item, problems)


def _load_scalar(hint: Any, value: Any, where: str, item: Any, problems: list[Problem]) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        problems.append(
            Problem(
                where=where,
                what=f'expected {_NUMBER_WORDS.get(hint, hint)}, got {value!r}',
            )
        )
        return None
    if isinstance(value, float) and not math.isfinite(value):
        problems.append(Problem(where=where, what=f'{value!r} is not finite'))
        return None
    _check_bounds(value, where, item.metadata, problems)
    return value


def _check_bounds(
    value: Any, where: str, facts: Mapping[str, Any], problems: list[Problem]
) -> None:
    choices = facts.get('choices') or ()
    if choices and value not in choices:
        problems.append(Problem(where=where, what=f'{value!r} is not one of {", ".join(choices)}'))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    low, high, unit = facts.get('minimum'), facts.get('maximum'), facts.get('unit', '')
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f'[{_limit(low, "-inf")}, {_limit(high, "inf")}]'
        remedy = f'the unit is {unit}' if unit else ''
        problems.append(
            Problem(
                where=where,
                what=f'{value!r} lies outside {bounds}{f" {unit}" if unit else ""}',
                remedy=remedy,
            )
        )
