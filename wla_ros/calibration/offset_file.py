# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Latencies into a ROS parameter file: only the numbers change, every other byte stays.

The parser says where a value stands; the text is replaced there, so comments, order, quotes and
layout survive. Before anything is returned, the result is parsed again and compared with what was
asked for. Files are read and written by the caller.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem

_PARAMETERS = 'ros__parameters'


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetChange:
    """One parameter of one node and its new value [s]."""

    node: str
    path: tuple[str, ...]  # keys below ros__parameters
    value_s: float

    @property
    def key(self) -> str:
        """The dotted name of the parameter."""
        return '.'.join(self.path)


def apply_offsets(text: str, changes: Sequence[OffsetChange], *, source: str) -> str:
    """
    Return `text` with the changes.

    Raises ConfigurationError naming `source` if the file has no section for a node, more than one,
    or cannot be changed without touching anything else.
    """
    for change in changes:
        text = _apply(text, change, source)
    return text


def _apply(text: str, change: OffsetChange, source: str) -> str:
    root = _compose(text, source)
    section = _section_key(root, change.node, source)
    parameters = _value(_value(root, section), _PARAMETERS)
    if not isinstance(parameters, yaml.MappingNode):
        raise _error(source, section, f'has no {_PARAMETERS}', 'add them')
    node, path = _descend(parameters, change.path)
    try:
        changed = _replaced(text, node, path, _number(change.value_s))
        same = yaml.safe_load(changed) == _expected(text, section, change)
    except (ValueError, yaml.YAMLError):
        same = False
    if not same:
        where = f'{section}.{change.key}'
        raise _error(
            source, where, 'cannot be set without changing more', f'write {change.value_s:g}'
        )
    return changed


def _compose(text: str, source: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _error(source, 'file', ' '.join(str(error).split()), '') from error
    if not isinstance(root, yaml.MappingNode):
        raise _error(source, 'file', 'has no sections of nodes', 'give a ROS parameter file')
    return root


def _section_key(root: yaml.MappingNode, node: str, source: str) -> str:
    """Return the key of the only section of `node`."""
    keys = [str(key.value) for key, _ in root.value]
    ours = [key for key in keys if key.rsplit('/', 1)[-1] == node]
    if len(ours) == 1:
        return ours[0]
    what = f'has {len(ours)} sections for it' if ours else 'has no section for it'
    remedy = 'leave one' if ours else f'sections: {", ".join(keys) or "none"}'
    raise _error(source, node, what, remedy)


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                found: yaml.Node = value
                return found
    return None


def _descend(node: yaml.MappingNode, path: tuple[str, ...]) -> tuple[yaml.Node, tuple[str, ...]]:
    """Return the deepest node that exists on the way, and the path that is missing below it."""
    for name, value in node.value:
        keys = tuple(str(name.value).split('.'))  # ROS takes 'a.b: 1' for 'a: {b: 1}'
        if keys != path[: len(keys)]:
            continue
        rest = path[len(keys) :]
        if rest and isinstance(value, yaml.MappingNode):
            return _descend(value, rest)
        if not rest or not value.value:
            return value, rest
    return node, path


def _replaced(text: str, node: yaml.Node, missing: tuple[str, ...], number: str) -> str:
    """Return `text` with `number` in place of a value, or below `node` at the path `missing`."""
    begin, end = node.start_mark.index, node.end_mark.index
    if not missing:
        return text[:begin] + number + text[end:]
    key, *below = missing
    entry = f'{key}: ' + ''.join(f'{{{name}: ' for name in below) + number + '}' * len(below)
    if not isinstance(node, yaml.MappingNode):  # 'arms:' with nothing behind it
        return f'{text[:begin].rstrip(" ")} {{{entry}}}{text[end:]}'
    if node.flow_style:
        last = node.value[-1][1].end_mark.index if node.value else begin + 1
        return f'{text[:last]}{", " if node.value else ""}{entry}{text[last:]}'
    return _with_line(text, node, entry)


def _with_line(text: str, node: yaml.MappingNode, entry: str) -> str:
    """Return `text` with a line for `entry` below the last line of `node`."""
    indentation = ' ' * node.start_mark.column
    end = text.find('\n', _last_index(node))
    end = len(text) if end < 0 else end
    if text[end - 1 : end] == '\r':
        end -= 1
        return f'{text[:end]}\r\n{indentation}{entry}{text[end:]}'
    return f'{text[:end]}\n{indentation}{entry}{text[end:]}'


def _last_index(node: yaml.Node) -> int:
    """Return where the content of `node` ends; the parser counts comments behind blocks to it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_index(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _expected(text: str, section: str, change: OffsetChange) -> Any:
    """Return the content that the changed file must have."""
    content = _unshared(yaml.safe_load(text))
    at = content[section][_PARAMETERS]
    path = change.path
    while path:
        for length in range(len(path), 0, -1):
            key = '.'.join(path[:length])
            if key in at:
                break
        else:
            key, length = path[0], 1
        path = path[length:]
        if not path:
            at[key] = float(_number(change.value_s))
        elif at.get(key) is None:
            at[key] = {}
        at = at[key]
        if path and not isinstance(at, dict):
            raise ValueError(f'{key} is no section')
    return content


def _unshared(content: Any) -> Any:
    """Return a copy in which what anchors share is separate: a change would show in one place."""
    if isinstance(content, dict):
        return {key: _unshared(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_unshared(value) for value in content]
    return content


def _number(value_s: float) -> str:
    """Return a number to a tenth of a millisecond: nothing here is known better."""
    return repr(round(value_s, 4) + 0.0)


def _error(source: str, where: str, what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(source, (Problem(where=where, what=what, remedy=remedy),))
