# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Progress for a person who waits: a bar on a terminal, one line per stage in a log.

Owns the only use of tqdm. It writes to stderr: the last line of stdout is for machines.
"""

import sys
from typing import Any

from tqdm import tqdm


def progress_bar(
    title: str, *, total: float | None, unit: str = '', quiet: bool = False, **options: Any
) -> Any:
    """
    Return a bar with the methods of tqdm, a silent one if `quiet`; `options` are tqdm's.

    Where stderr is no terminal the title is written once and nothing more.
    """
    shown = sys.stderr.isatty() and not quiet
    if not shown and not quiet:
        amount = '' if total is None or not unit else f': {total:.0f} {unit}'
        sys.stderr.write(f'{title}{amount}\n')
        sys.stderr.flush()
    return tqdm(total=total, desc=title, unit=unit, file=sys.stderr, disable=not shown, **options)


class StageLine:
    """
    One line that follows what happens, replaced on a terminal; else one line for each stage.

    Use as a context manager.
    """

    def __init__(self) -> None:
        """Show nothing yet."""
        self._shown = sys.stderr.isatty()
        self._line = tqdm(total=0, bar_format='{desc}', file=sys.stderr, disable=not self._shown)
        self._stage = ''

    def __enter__(self) -> 'StageLine':
        """Return the line."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last text."""
        self._line.close()

    def show(self, stage: str, details: str = '') -> None:
        """Show what happens; `details` change within a stage."""
        if self._shown:
            self._line.set_description_str(f'{stage}{details}')
        elif stage != self._stage:
            sys.stderr.write(f'{stage.rstrip()}\n')
            sys.stderr.flush()
        self._stage = stage
