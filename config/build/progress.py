# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Long steps, shown: one line each, with the time it took; the output goes to a file.

On a terminal the line counts the seconds while the step runs.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ros_source import SetupError

REFRESH_S = 0.5
# what a failed step shows of its output; the rest is in the file
TAIL_LINES = 25


class Step:
    """
    One named step of the setup, made of commands that run one after the other.

    Use as a context manager; `run` has the signature that `cmake_build.Run` asks for.
    """

    def __init__(self, title: str, log: Path, *, advice: str = '') -> None:
        self._title = title
        self._log = log
        self._advice = advice
        self._begun_s = time.monotonic()

    def __enter__(self) -> Step:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b'')
        if not sys.stdout.isatty():
            print(f'setup: {self._title} ...', flush=True)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        elapsed_s = time.monotonic() - self._begun_s
        start = '\r\033[K' if sys.stdout.isatty() else ''
        if kind is None:
            print(f'{start}setup: {self._title}: {elapsed_s:.1f} s', flush=True)
        elif start:
            print(start, end='', flush=True)

    def run(self, command: Sequence[str], environ: dict[str, str]) -> None:
        """
        Run `command` and wait.

        Raises:
            SetupError: it failed; holds the end of its output and what to do.
        """
        with self._log.open('ab') as log:
            log.write(f'$ {" ".join(command)}\n'.encode())
            log.flush()
            process = subprocess.Popen(
                command,
                env=environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
            try:
                status = self._wait(process)
            except BaseException:
                process.terminate()
                process.wait()
                raise
        if status != 0:
            raise SetupError(self._failure(command, status))

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        if not sys.stdout.isatty():
            return process.wait()
        while True:
            try:
                return process.wait(REFRESH_S)
            except subprocess.TimeoutExpired:
                elapsed_s = time.monotonic() - self._begun_s
                line = f'setup: {self._title} ... {elapsed_s:.0f} s{self._share_done()}'
                print(f'\r\033[K{line}', end='', flush=True)

    def _share_done(self) -> str:
        """Return how far a CMake build is, read from its last line."""
        shares = re.findall(r'\[ *(\d+%)\]', self._log.read_text(errors='replace')[-2000:])
        return f', {shares[-1]}' if shares else ''

    def _failure(self, command: Sequence[str], status: int) -> str:
        output = self._log.read_text(errors='replace').splitlines()
        tail = '\n'.join(f'  | {line}' for line in output[-TAIL_LINES:])
        lines = [
            f'{self._title}: `{Path(command[0]).name}` ended with status {status}.',
            tail,
            f'All of its output: {self._log}',
            self._advice,
        ]
        return '\n'.join(line for line in lines if line)
