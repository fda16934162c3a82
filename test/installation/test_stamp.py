"""A stamp changes with every input, and a damaged one counts as none."""

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
