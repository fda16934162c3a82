# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A file to which a disk does anything but lie."""

import errno
from pathlib import Path

from wla_ros.bags.committed_file import CommittedFile
from wla_ros.bags.committed_file import RawFile


class WeakDisk:
    """Takes some bytes and no more, and cannot be cut while it is weak."""

    def __init__(self, raw: RawFile) -> None:
        self._raw = raw
        self.weak = True

    def write(self, data: memoryview, /) -> int | None:
        if not self.weak:
            return self._raw.write(data)
        if len(data) <= 4:
            raise OSError(errno.EIO, 'weak')
        return self._raw.write(data[:4])

    def seek(self, offset: int, /) -> int:
        return self._raw.seek(offset)

    def truncate(self, size: int, /) -> int:
        if self.weak:
            raise OSError(errno.EIO, 'weak')
        return self._raw.truncate(size)

    def fileno(self) -> int:
        return self._raw.fileno()

    def close(self) -> None:
        self._raw.close()


def test_what_a_failed_commit_left_is_written_over(tmp_path: Path) -> None:
    """It stayed where it was, and all that was recorded behind it could not be read."""
    path = tmp_path / 'bag.mcap'
    file = CommittedFile(path)
    file.write(b'first ')
    file.commit()
    disk = WeakDisk(file._raw)
    file._raw = disk
    file.write(b'second')
    try:
        file.commit()
    except OSError:
        assert path.read_bytes() == b'first seco'
    disk.weak = False
    file.write(b' third')
    file.commit()
    file.close()
    assert path.read_bytes() == b'first second third'
