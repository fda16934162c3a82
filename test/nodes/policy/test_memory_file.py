# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The file that a memory survives in: the old or the new one, never half of one."""

from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from wla_ros.base.config import ConfigurationError  # noqa: E402
from wla_ros.base.memory import SubtaskMemory  # noqa: E402
from wla_ros.base.parameter_files import ros_home_path  # noqa: E402
from wla_ros.nodes.policy.memory import MemoryFile  # noqa: E402

MEMORY = SubtaskMemory().begun('tidy', 1).predicted('a. b.', 2).predicted('b.', 3)


def test_what_is_saved_is_loaded(tmp_path):
    file = MemoryFile(tmp_path / 'below' / 'memory.json')
    assert file.load() is None
    file.save(MEMORY)
    file.save(MEMORY.cleared(4))
    assert file.load() == MEMORY.cleared(4)
    assert [path.name for path in file.path.parent.iterdir()] == ['memory.json']


def test_a_save_that_fails_leaves_the_old_memory(tmp_path, monkeypatch):
    file = MemoryFile(tmp_path / 'memory.json')
    file.save(MEMORY)

    def full_disk(_):
        raise OSError('no space left')

    monkeypatch.setattr('os.fsync', full_disk)
    with pytest.raises(OSError, match='no space'):
        file.save(MEMORY.cleared(4))
    assert file.load() == MEMORY


def test_a_damaged_file_is_named_and_moved_aside(tmp_path):
    file = MemoryFile(tmp_path / 'memory.json')
    file.path.write_text('{"version": 1')
    with pytest.raises(ConfigurationError, match=r'moved to memory\.damaged'):
        file.load()
    assert file.load() is None
    assert (tmp_path / 'memory.damaged').read_text() == '{"version": 1'


@pytest.mark.parametrize('content', [b'\xff\xfe\x00', b'[' * 100_000, b''])
def test_whatever_the_bytes_are_they_are_kept_and_named(tmp_path, content):
    file = MemoryFile(tmp_path / 'memory.json')
    file.path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r'moved to memory\.damaged'):
        file.load()
    assert (tmp_path / 'memory.damaged').read_bytes() == content


def test_relative_files_lie_in_ros_home_one_for_each_node(tmp_path, monkeypatch):
    monkeypatch.setenv('ROS_HOME', str(tmp_path))
    file = 'wla_ros/{node}.json'
    assert ros_home_path(file, '/policy_node') == tmp_path / 'wla_ros' / 'policy_node.json'
    assert ros_home_path(file, '/a/b/policy').name == 'a.b.policy.json'
    assert ros_home_path('/var/memory.json', '/policy_node') == Path('/var/memory.json')
    monkeypatch.delenv('ROS_HOME')
    monkeypatch.setenv('HOME', '/home/operator')
    assert ros_home_path('m.json', '/n') == Path('/home/operator/.ros/m.json')
    assert ros_home_path('~/m.json', '/n') == Path('/home/operator/m.json')
