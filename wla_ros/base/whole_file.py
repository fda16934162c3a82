# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Files that hold the old content or the new one, never half: whatever fails, whenever it ends."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """
    Yield a stream whose bytes replace the content of `path` when the block ends without an error.

    They are written beside it and are on the disk before they get its name. A link is followed,
    permissions of an old file stay. Raises OSError naming `path` if the disk is full or anything
    else fails: the old content is still there, and nothing beside it.
    """
    target = path.resolve()
    fresh = target.with_name(f'.{target.name}.{os.getpid()}.new')
    try:
        with fresh.open('wb') as stream:
            yield stream
            stream.flush()
            # Without this a power cut may leave the new name with nothing in it.
            os.fsync(stream.fileno())
        with contextlib.suppress(FileNotFoundError):
            fresh.chmod(target.stat().st_mode & 0o7777)
        os.replace(fresh, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Replace the content of `path`, as `whole_file` does."""
    with whole_file(path) as stream:
        stream.write(content.encode('utf-8') if isinstance(content, str) else content)
