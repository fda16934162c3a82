# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A file that grows by whole commits: what is in it is on the disk and ends with a record."""

import contextlib
import os
import threading
from pathlib import Path
from typing import Protocol


class RawFile(Protocol):
    """What is needed of an unbuffered file."""

    def write(self, data: memoryview, /) -> int | None:
        """Write some of `data`, return how much."""
        ...

    def seek(self, offset: int, /) -> int:
        """Go to `offset`."""
        ...

    def truncate(self, size: int, /) -> int:
        """Cut everything behind `size`."""
        ...

    def fileno(self) -> int:
        """Return the descriptor."""
        ...

    def close(self) -> None:
        """Close."""
        ...


class CommittedFile:
    """
    Takes bytes at once and puts them on the disk when asked to.

    A commit that fails (a full disk) cuts off what it had written and keeps the bytes for the next
    one, so the file never holds half a record and nothing that was taken is lost. `write` and
    `tell` may be called while another thread commits; one thread commits.
    """

    def __init__(self, path: Path) -> None:
        """Make the file. Raises OSError if it exists or cannot be made."""
        # Unbuffered: a buffer of Python would write what failed once more at the next chance.
        self._raw: RawFile = path.open('xb', buffering=0)
        self._lock = threading.Lock()
        self._parts: list[bytes] = []  # taken, not committed
        self._waiting = 0  # bytes in them
        self._committed = 0
        self._taken = 0

    @property
    def waiting(self) -> int:
        """Bytes that were taken and are not on the disk."""
        return self._waiting

    def write(self, data: bytes) -> int:
        """Take `data`, which ends where a record ends or will be completed before a commit."""
        with self._lock:
            self._parts.append(bytes(data))
            self._waiting += len(data)
            self._taken += len(data)
        return len(data)

    def tell(self) -> int:
        """Return where the next byte goes."""
        return self._taken

    def flush(self) -> None:
        """Do nothing: `commit` decides when bytes go to the disk."""

    def commit(self) -> None:
        """Put everything taken on the disk. Raises OSError; the bytes then wait for the next."""
        with self._lock:
            data = b''.join(self._parts)
            self._parts = [data]
        try:
            # Where the cut of a commit that failed could not be made, it is written over.
            self._raw.seek(self._committed)
            left = memoryview(data)
            while left:
                left = left[self._raw.write(left) or 0 :]
            os.fsync(self._raw.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                self._raw.truncate(self._committed)
            raise
        with self._lock:
            del self._parts[0]
            self._waiting -= len(data)
            self._committed += len(data)

    def close(self) -> None:
        """Close the file; what was not committed is gone."""
        self._raw.close()
