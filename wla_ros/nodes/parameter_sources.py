# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What a node process was given on its command line, and what of it ROS would ignore in silence.

A limit in a file that is for nobody is no limit: every file and every `-p` must be for the node,
and must have the last word about its keys. Pure functions on arguments and files.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.parameter_sections import ParameterSection
from wla_ros.base.parameter_sections import ignored_sections
from wla_ros.base.parameter_sections import no_section
from wla_ros.base.parameter_sections import read_sections

_FILE = '--params-file'
_EVERYBODY = '/**'


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSource:
    """One `--params-file` or `-p` of a command line."""

    text: str  # as given
    sections: tuple[ParameterSection, ...]
    is_file: bool


def given_sources(arguments: Sequence[str]) -> tuple[ParameterSource, ...]:
    """
    Return the sources in the order of the command line.

    Raises ConfigurationError with every file that cannot be read.
    """
    sources, problems = [], []
    for option, text in _ros_options(arguments):
        try:
            if option == _FILE:
                sections = read_sections(Path(text))
            else:
                sections = (_assignment(text),)
        except ConfigurationError as error:
            problems += [
                Problem(where=f'{text}: {found.where}', what=found.what, remedy=found.remedy)
                for found in error.problems
            ]
            continue
        shown = f'{option} {text}'
        sources.append(ParameterSource(text=shown, sections=sections, is_file=option == _FILE))
    if problems:
        raise ConfigurationError('parameter files', tuple(problems))
    return tuple(sources)


def source_problems(
    sources: Sequence[ParameterSource], node: str, default_name: str
) -> tuple[Problem, ...]:
    """
    Return what ROS would ignore of `sources` for `node`, fully qualified.

    `default_name` is what the node is called unless it is renamed.
    """
    problems: list[Problem] = []
    for source in sources:
        found = list(ignored_sections(source.sections, node, default_name))
        if not found and not any(section.is_for(node) for section in source.sections):
            found = [no_section(source.sections, node)]
        problems += [
            Problem(
                where=f'{source.text}: {problem.where}', what=problem.what, remedy=problem.remedy
            )
            for problem in found
        ]
    return (*problems, *_shadowed(sources, node))


def taken_values(sources: Sequence[ParameterSource], node: str) -> dict[str, Any]:
    """
    Return what ROS takes of `sources` for `node`, by flat name.

    Not what stands last: the order of the sections' names is that of their first appearance, in
    whichever file, and a section counts where its name stands first.
    """
    merged: dict[str, dict[str, Any]] = {}
    names: dict[str, ParameterSection] = {}
    for source in sources:
        for section in source.sections:
            names.setdefault(section.name, section)
            merged.setdefault(section.name, {}).update(section.values)
    taken: dict[str, Any] = {}
    for name, section in names.items():
        if section.is_for(node):
            taken.update(merged[name])
    return taken


def _shadowed(sources: Sequence[ParameterSource], node: str) -> Iterator[Problem]:
    """Yield the values that another source or section overrules although it should not."""
    wanted: dict[str, tuple[Any, str]] = {}
    # Files in their order, then single values: they say what is special about this run.
    for source in sorted(sources, key=lambda source: not source.is_file):
        sections = [section for section in source.sections if section.is_for(node)]
        # What is for many nodes first: a section of the node itself says it better.
        for section in sorted(sections, key=lambda section: bool(section.node)):
            where = f'{source.text}: {section.name}' if source.is_file else source.text
            wanted.update((key, (value, where)) for key, value in section.values.items())
    taken = taken_values(sources, node)
    for key, (value, where) in wanted.items():
        if taken[key] != value:
            yield Problem(
                where=key,
                what=f'{where} says {value!r}, but ROS takes {taken[key]!r} of another section',
                remedy=f'give {key} in one place only',
            )


def _ros_options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the options that give parameters, with their value."""
    inside = False
    rest = iter(arguments)
    for argument in rest:
        if argument == '--ros-args':
            inside = True
        elif argument == '--':
            inside = False
        elif inside and argument in (_FILE, '-p', '--param'):
            yield argument, next(rest, '')


def _assignment(text: str) -> ParameterSection:
    """Return the section of 'name:=value' or 'node:name:=value'."""
    target, _, value = text.partition(':=')
    node, _, name = target.rpartition(':')
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        parsed = value  # ROS has its own opinion, and has ended the process if it has none
    return ParameterSection(name=node or _EVERYBODY, values={name: parsed})
