# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A stamp changes with every input, and a damaged one counts as none."""

from dataclasses import replace

import pytest
import stamp

STAMP = stamp.Stamp(
    place='/here',
    interpreter='3.11.7 /usr/bin/python3',
    ros='wheels',
    packages='aa',
    interfaces='bb',
    interface_files=('msg/A.msg',),
)


def test_what_is_written_is_read(tmp_path):
    stamp.write(tmp_path, STAMP)
    assert stamp.read(tmp_path) == STAMP
    assert [path.name for path in tmp_path.iterdir()] == [stamp.FILE_NAME]


def test_no_file_is_no_stamp(tmp_path):
    assert stamp.read(tmp_path) is None
    assert stamp.read(tmp_path / 'nowhere') is None


@pytest.mark.parametrize('text', ['', '{', '[]', '{"interface_files": []', '{"unknown": 1}'])
def test_a_damaged_file_is_no_stamp(tmp_path, text):
    (tmp_path / stamp.FILE_NAME).write_text(text)
    assert stamp.read(tmp_path) is None


def test_digest_ignores_the_order(tmp_path):
    files = [tmp_path / name for name in 'ab']
    for path in files:
        path.write_text(path.name)
    assert stamp.digest(tmp_path, files) == stamp.digest(tmp_path, reversed(files))


def test_digest_sees_content_names_additions_and_facts(tmp_path):
    first, second = tmp_path / 'a.msg', tmp_path / 'b.msg'
    first.write_text('int32 x\n')
    seen = [stamp.digest(tmp_path, [first])]
    seen.append(stamp.digest(tmp_path, [first], 'jazzy'))
    second.write_text('int32 x\n')
    seen.append(stamp.digest(tmp_path, [second]))
    seen.append(stamp.digest(tmp_path, [first, second]))
    first.write_text('int64 x\n')
    seen.append(stamp.digest(tmp_path, [first]))
    assert len(set(seen)) == len(seen)


def test_two_names_of_one_thing_are_equal_once_canonical(tmp_path):
    python, prefix = tmp_path / 'python3.12', tmp_path / 'jazzy'
    python.touch()
    prefix.mkdir()
    (tmp_path / 'python3').symlink_to(python)
    (tmp_path / 'ros').symlink_to(prefix)
    old = replace(
        STAMP, interpreter=f'3.12.3 {tmp_path}/python3', distribution_prefix=f'{tmp_path}/ros'
    )
    new = replace(STAMP, interpreter=f'3.12.4 {python}', distribution_prefix=str(prefix))
    assert stamp.canonical(old) == stamp.canonical(new)
    assert stamp.canonical(stamp.canonical(old)) == stamp.canonical(old)
    other = replace(new, interpreter=f'3.13.0 {python}')
    assert stamp.canonical(other) != stamp.canonical(new)


def test_identity_is_what_makes_an_environment_another_one():
    assert stamp.identity(replace(STAMP, packages='x', interfaces='y')) == stamp.identity(STAMP)
    assert stamp.identity(replace(STAMP, ros='jazzy')) != stamp.identity(STAMP)
    assert stamp.identity(replace(STAMP, place='/there')) != stamp.identity(STAMP)
