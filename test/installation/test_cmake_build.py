# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What an installation no longer brings disappears; nothing else does."""

from cmake_build import remove_stale


def fill(prefix, *names):
    paths = set()
    for name in names:
        path = prefix / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('')
        paths.add(path)
    return paths


def test_a_removed_module_vanishes_with_its_compiled_copy(tmp_path):
    before = fill(tmp_path, 'wla_ros/kept.py', 'wla_ros/gone.py')
    fill(tmp_path, 'wla_ros/__pycache__/gone.cpython-311.pyc', 'wla_ros/__pycache__/kept.x.pyc')
    stale = remove_stale(before, {tmp_path / 'wla_ros/kept.py'}, tmp_path)
    assert stale == [tmp_path / 'wla_ros/gone.py']
    left = sorted(path.name for path in tmp_path.rglob('*') if path.is_file())
    assert left == ['kept.py', 'kept.x.pyc']


def test_a_removed_package_leaves_no_folder(tmp_path):
    before = fill(tmp_path, 'wla_ros/kept.py', 'wla_ros/old/a.py', 'wla_ros/old/deep/b.py')
    fill(tmp_path, 'wla_ros/old/__pycache__/a.cpython-311.pyc')
    remove_stale(before, {tmp_path / 'wla_ros/kept.py'}, tmp_path)
    assert [path.name for path in (tmp_path / 'wla_ros').iterdir()] == ['kept.py']


def test_files_that_nobody_installed_stay(tmp_path):
    before = fill(tmp_path, 'wla_ros/old/a.py')
    notes = fill(tmp_path, 'wla_ros/old/notes.txt')
    remove_stale(before, set(), tmp_path)
    assert all(path.exists() for path in notes)


def test_nothing_outside_the_prefix_is_touched(tmp_path):
    outside = fill(tmp_path, 'elsewhere/a.py')
    assert remove_stale(outside, set(), tmp_path / 'prefix') == []
    assert all(path.exists() for path in outside)
