# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A full disk costs what comes while it is full, and nothing that was recorded before or after."""

import errno
import os
import shutil
from collections import namedtuple

import numpy as np
import pytest
from bags import messages
from episodes.disks import small_disk

from wla_ros.bags.committed_file import CommittedFile
from wla_ros.bags.reading import BagReader
from wla_ros.bags.writing import BagWriter
from wla_ros.bags.writing import BagWritingError

STATE = 'sensor_msgs/msg/JointState'


def state(number, size=7):
    names = [f'joint{i}' for i in range(size)]
    return messages.serialize(messages.joint_state(number, names, np.full(size, float(number))))


class FullDisk:
    """A file whose disk has room for so many bytes more; it takes them before it says no."""

    def __init__(self, raw):
        self._raw = raw
        self.room = None

    def write(self, data):
        if self.room is not None and len(data) > self.room:
            taken, self.room = self.room, 0
            if taken:
                return self._raw.write(data[:taken])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._raw.write(data)

    def __getattr__(self, name):
        return getattr(self._raw, name)


def filled(file):
    file._raw = FullDisk(file._raw)
    return file._raw


def test_a_commit_that_fails_leaves_no_half_and_loses_nothing(tmp_path):
    file = CommittedFile(tmp_path / 'file')
    file.write(b'first.')
    file.commit()
    disk = filled(file)
    disk.room = 3
    file.write(b'second.')
    with pytest.raises(OSError, match='space'):
        file.commit()
    assert (tmp_path / 'file').read_bytes() == b'first.'
    file.write(b'third.')
    with pytest.raises(OSError, match='space'):
        file.commit()
    disk.room = None
    file.commit()
    assert (tmp_path / 'file').read_bytes() == b'first.second.third.'
    assert file.waiting == 0
    assert file.tell() == 19


def test_a_briefly_full_disk_destroys_nothing_that_comes_after(tmp_path):
    """5001 messages were accepted, 1991 could be read, and nobody was told."""
    writer = BagWriter(tmp_path / 'bag', min_free_bytes=0)
    writer.add_topic('/joints', STATE)
    disk = filled(writer._file)
    taken, refused = [], []
    for i in range(5001):
        if i == 2000:
            disk.room = 1000
        if i == 3000:
            disk.room = None
        try:
            writer.write('/joints', 1 + i, state(i))
            taken.append(i)
        except BagWritingError as error:
            refused.append(str(error))
        if i % 200 == 199:
            if 2000 <= i < 3000:
                with pytest.raises(BagWritingError, match='nothing is recorded until'):
                    writer.commit()
            else:
                writer.commit()
    writer.close()
    assert all('No space left' in text for text in refused)
    assert len(refused) == 1000  # from the first commit that failed to the first that did not
    assert writer.written == {'/joints': len(taken)}
    with BagReader(tmp_path / 'bag') as reader:
        assert not reader.damage
        assert [item.message.position[0] for item in reader.messages()] == taken


def test_a_disk_that_stays_full_keeps_what_was_written_and_says_what_is_lost(tmp_path):
    writer = BagWriter(tmp_path / 'bag', min_free_bytes=0)
    writer.add_topic('/joints', STATE)
    for i in range(100):
        writer.write('/joints', 1 + i, state(i))
    writer.commit()
    for i in range(100, 130):
        writer.write('/joints', 1 + i, state(i))
    filled(writer._file).room = 50
    with pytest.raises(BagWritingError, match='30 messages and the index are lost'):
        writer.close()
    with BagReader(tmp_path / 'bag') as reader:
        assert [item.message.position[0] for item in reader.messages()] == list(range(100))
        assert reader.damage


def test_what_waits_for_a_disk_that_hangs_is_bounded(tmp_path):
    writer = BagWriter(tmp_path / 'bag', min_free_bytes=0)
    writer.add_topic('/joints', STATE)
    large = state(0, size=20_000)
    refused = ''
    for i in range(1000):
        try:
            writer.write('/joints', 1 + i, large)
        except BagWritingError as error:
            refused = str(error)
            break
    assert 'MiB wait for the disk' in refused
    assert writer._file.waiting < 70 * 2**20
    writer.commit()
    writer.write('/joints', 5000, large)


def test_space_is_asked_for_before_and_while_recording(tmp_path, monkeypatch):
    usage = namedtuple('usage', 'total used free')
    free = [10 * 2**20]
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage(0, 0, free[0]))
    with pytest.raises(BagWritingError, match='10 MiB are free on its disk, 100 MiB have to be'):
        BagWriter(tmp_path / 'first', min_free_bytes=100 * 2**20)
    free[0] = 200 * 2**20
    writer = BagWriter(tmp_path / 'second', min_free_bytes=100 * 2**20)
    writer.add_topic('/joints', STATE)
    writer.write('/joints', 1, state(1))
    free[0] = 99 * 2**20
    with pytest.raises(BagWritingError, match='99 MiB are free'):
        writer.commit()
    assert writer.written == {'/joints': 1}  # there was room enough for that
    with pytest.raises(BagWritingError, match='/joints is not written'):
        writer.write('/joints', 2, state(2))
    free[0] = 101 * 2**20
    writer.commit()
    writer.write('/joints', 3, state(3))
    writer.close()
    with BagReader(tmp_path / 'second') as reader:
        assert [item.log_ns for item in reader.messages()] == [1, 3]


def test_a_real_disk_that_is_full_for_a_while(tmp_path):
    with small_disk(tmp_path / 'disk', '2m') as disk:
        writer = BagWriter(disk / 'bag', min_free_bytes=256 * 2**10)
        writer.add_topic('/joints', STATE)
        ballast, taken, refused = disk / 'ballast', [], 0
        for i in range(3000):
            if i == 1000:
                ballast.write_bytes(bytes(shutil.disk_usage(disk).free - 4096))
            if i == 2000:
                ballast.unlink()
            try:
                writer.write('/joints', 1 + i, state(i))
                taken.append(i)
            except BagWritingError:
                refused += 1
            if i % 100 == 99:
                try:
                    writer.commit()
                except BagWritingError:
                    assert 1000 <= i < 2000
        writer.close()
        assert 0 < refused <= 1000
        with BagReader(disk / 'bag') as reader:
            assert [item.message.position[0] for item in reader.messages()] == taken
