# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
No set is given to a field of a message: ROS 2 Lyrical warns of it, the next release refuses it.

Read from the source, since older releases take sets without a word.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import wla_ros

PACKAGE = Path(wla_ros.__path__[0])


def message_names(tree: ast.AST) -> set[str]:
    """Return the names that a module imports from message packages."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        if node.module.split('.')[-1] in {'msg', 'srv', 'action'}
        for alias in node.names
    }


def is_set(node: ast.expr) -> bool:
    made = isinstance(node, ast.Call) and getattr(node.func, 'id', '') in {'set', 'frozenset'}
    return made or isinstance(node, ast.Set | ast.SetComp)


def sets_given_to_messages(tree: ast.AST) -> Iterator[int]:
    """Yield the lines where a set goes into a message or an attribute of a variable."""
    names = message_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') in names:
            yield from (word.value.lineno for word in node.keywords if is_set(word.value))
        if isinstance(node, ast.Assign) and is_set(node.value):
            for target in node.targets:
                owner = target.value if isinstance(target, ast.Attribute) else None
                if isinstance(owner, ast.Name) and owner.id != 'self':
                    yield node.lineno


@pytest.mark.parametrize('folder', ['nodes', 'cli', 'calibration', 'benchmarks'])
def test_no_set_is_given_to_a_message(folder):
    paths = sorted((PACKAGE / folder).rglob('*.py'))
    assert paths
    wrong = [
        f'{path.relative_to(PACKAGE)}:{line}'
        for path in paths
        for line in sets_given_to_messages(ast.parse(path.read_text()))
    ]
    assert wrong == []


@pytest.mark.parametrize('line', ['M(a={1, 2})', 'M(a=set(x))', 'm.a = {i for i in x}'])
def test_the_search_finds_a_set(line):
    assert list(sets_given_to_messages(ast.parse(f'from a.msg import M\n{line}'))) == [2]
