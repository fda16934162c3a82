"""
Print every parameter of every node: key, type, unit, range, default and meaning.

The same declarations check the YAML files at start; this table cannot go out of date.
"""

import argparse
import sys

from wla_ros.cli.parameter_reference import reference_tables


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
