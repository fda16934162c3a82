# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The code in docstrings behind `Example::` is Python; what needs no node runs as it stands."""

import ast
import importlib.util
import re
import textwrap
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec('wla_ros').submodule_search_locations[0])
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_blocks(text: str) -> list[str]:
    """Return the indented blocks behind `Example::` or `Examples::`."""
    return [
        textwrap.dedent(block)
        for block in re.findall(r'Examples?::\n\n((?:(?: {4}.*)?\n|(?: {4}.*)$)+)', text)
    ]


def examples() -> dict[str, str]:
    """Return the examples of the package by place."""
    found = {}
    for path in sorted(PACKAGE.rglob('*.py')):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            text = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
            for block in code_blocks(text or ''):
                place = f'{path.relative_to(PACKAGE)}:{getattr(node, "name", "")}'
                found[place] = block
    return found


@pytest.mark.parametrize('place', sorted(examples()))
def test_examples_compile(place):
    compile(examples()[place], place, 'exec')


def test_the_example_of_the_rig_runs():
    from wla_ros.sim import rig

    block = examples()['sim/rig.py:SimulatedRig']
    names = dict(vars(rig))
    exec(compile(block, 'sim/rig.py', 'exec'), names)
    assert names['rig'].counts().arms['left'].commands_applied == 1
