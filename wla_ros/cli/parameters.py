# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""`wla_ros parameters`: every parameter of every node as Markdown tables."""

import argparse
import sys
from typing import Any

from wla_ros.base.config import describe
from wla_ros.composition.executor import ExecutorNodeConfiguration
from wla_ros.composition.policy import PolicyNodeConfiguration
from wla_ros.nodes.recorder.node import RecorderNodeConfiguration
from wla_ros.nodes.sim.config import SimNodeConfiguration

# The parameters of every node as Markdown tables, from the declarations that check them.

NODE_CONFIGURATIONS: dict[str, type[Any]] = {
    'policy_node': PolicyNodeConfiguration,
    'executor_node': ExecutorNodeConfiguration,
    'sim_node': SimNodeConfiguration,
    'recorder_node': RecorderNodeConfiguration,
}
_HEADER = '| parameter | type | unit | range | default | meaning |\n|---|---|---|---|---|---|\n'


def reference_tables() -> dict[str, str]:
    """Return a table per node; `<name>` stands for the names a person gives (cameras, arms)."""
    return {node: reference_table(kind) for node, kind in NODE_CONFIGURATIONS.items()}


def reference_table(kind: type[Any]) -> str:
    """Return the table of one configuration dataclass."""
    rows = (
        f'| `{row.key}` | {_plain(row.type_name)} | {row.unit} | {_plain(row.bounds)} '
        f'| {_plain(row.default)} | {_plain(row.description)} |\n'
        for row in describe(kind)
    )
    return _HEADER + ''.join(rows)


def _plain(text: str) -> str:
    """Escape what Markdown would take for the end of a cell or for a tag."""
    return text.replace('|', r'\|').replace('<', '&lt;')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wla_ros parameters`."""
    parser.add_argument('node', nargs='?', help='only this node, for example policy_node')


def run(arguments: argparse.Namespace) -> int:
    """Print the tables as Markdown."""
    tables = reference_tables()
    if arguments.node is not None and arguments.node not in tables:
        sys.stderr.write(f'unknown node {arguments.node!r}, known: {", ".join(tables)}\n')
        return 2
    for node, table in tables.items():
        if arguments.node in (None, node):
            sys.stdout.write(f'### `{node}`\n\n{table}\n')
    return 0
