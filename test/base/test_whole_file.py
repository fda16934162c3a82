# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Old or new, never half: full disks, kills and errors in the middle."""

import contextlib
import errno
import os
import signal
import subprocess
import sys

import pytest

from wla_ros.base.whole_file import whole_file
from wla_ros.base.whole_file import write_whole


def test_content_is_replaced_and_permissions_stay(tmp_path):
    path = tmp_path / 'file'
    write_whole(path, 'old\n')
    path.chmod(0o640)
    write_whole(path, b'new')
    assert path.read_bytes() == b'new'
    assert path.stat().st_mode & 0o777 == 0o640
    assert [item.name for item in tmp_path.iterdir()] == ['file']


def test_a_link_is_followed(tmp_path):
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'real').write_text('old')
    (tmp_path / 'link').symlink_to('folder/real')
    write_whole(tmp_path / 'link', 'new')
    assert (tmp_path / 'link').is_symlink()
    assert (tmp_path / 'folder' / 'real').read_text() == 'new'


@pytest.mark.parametrize('call', ['write', 'fsync', 'replace'])
def test_a_full_disk_leaves_the_old_content_and_names_the_file(tmp_path, monkeypatch, call):
    path = tmp_path / 'file'
    path.write_text('old')

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == 'write':
        with pytest.raises(OSError, match='No space left') as caught, whole_file(path):
            full()
    else:
        monkeypatch.setattr(os, call, full)
        with pytest.raises(OSError, match='No space left') as caught:
            write_whole(path, 'new')
    assert caught.value.filename == str(path)
    assert path.read_text() == 'old'
    assert [item.name for item in tmp_path.iterdir()] == ['file']


def test_an_error_of_the_caller_leaves_the_old_content(tmp_path):
    path = tmp_path / 'file'
    path.write_text('old')
    with contextlib.suppress(ZeroDivisionError), whole_file(path) as stream:
        stream.write(b'half of the n')
        stream.write(bytes([1 // 0]))
    assert path.read_text() == 'old'
    assert [item.name for item in tmp_path.iterdir()] == ['file']


def test_a_kill_in_the_middle_leaves_the_old_content(tmp_path):
    path = tmp_path / 'file'
    path.write_text('old')
    script = (
        'import os, signal, sys; from pathlib import Path\n'
        'from wla_ros.base.whole_file import whole_file\n'
        'with whole_file(Path(sys.argv[1])) as stream:\n'
        '    stream.write(b"half"); stream.flush(); os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    done = subprocess.run([sys.executable, '-c', script, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == 'old'
