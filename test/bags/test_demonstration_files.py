# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Files of demonstrations: the same back, and one clear error for anything damaged."""

import contextlib
import dataclasses

import numpy as np
import pytest
from demonstrations import STEPS
from demonstrations import demonstration

from wla_ros.bags.demonstration_files import read_demonstration
from wla_ros.bags.demonstration_files import write_demonstration
from wla_ros.base.config import ConfigurationError


def assert_same(first, second):
    assert type(first) is type(second)
    if dataclasses.is_dataclass(first):
        for item in dataclasses.fields(first):
            assert_same(getattr(first, item.name), getattr(second, item.name))
    elif isinstance(first, dict):
        assert list(first) == list(second)
        for name, value in first.items():
            assert_same(value, second[name])
    elif isinstance(first, np.ndarray):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    else:
        assert first == second


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {
            'objects': None,
            'cameras': {},
            'subtasks': (),
            'succeeded': None,
            'instruction': 'Größe',
        },
        {'plans': np.ones((STEPS, 3, 2)), 'taught': np.arange(STEPS) % 2 == 0},
    ],
)
def test_what_is_written_comes_back(tmp_path, changes):
    path = tmp_path / 'episode.npz'
    write_demonstration(path, demonstration(**changes))
    assert_same(read_demonstration(path), demonstration(**changes))


def test_a_damaged_file_is_one_clear_error(tmp_path):
    path = tmp_path / 'episode.npz'
    write_demonstration(path, demonstration())
    content = path.read_bytes()
    places = range(0, len(content), 97)
    for position in places:
        flipped = bytearray(content)
        flipped[position] ^= 0xFF
        path.write_bytes(flipped)
        # A bit that no reader looks at (a date, a mode) may change nothing.
        with contextlib.suppress(ConfigurationError):
            assert_same(read_demonstration(path), demonstration())
    for size in range(0, len(content), 211):
        path.write_bytes(content[:size])
        with pytest.raises(ConfigurationError, match=r'episode\.npz'):
            read_demonstration(path)


def test_another_file_and_none_at_all_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match='No such file'):
        read_demonstration(tmp_path / 'nothing.npz')
    np.savez(tmp_path / 'other.npz', a=np.zeros(3))
    with pytest.raises(ConfigurationError, match='has no texts'):
        read_demonstration(tmp_path / 'other.npz')
    np.save(tmp_path / 'array.npy', np.zeros(3))
    with pytest.raises(ConfigurationError, match='damaged or no demonstration'):
        read_demonstration(tmp_path / 'array.npy')


def test_a_full_disk_leaves_nothing(tmp_path):
    folder = tmp_path / 'folder'
    folder.mkdir()
    (folder / 'episode.npz').mkdir()
    with pytest.raises(OSError, match=r'episode\.npz'):
        write_demonstration(folder / 'episode.npz', demonstration())
    assert [entry.name for entry in folder.iterdir()] == ['episode.npz']
