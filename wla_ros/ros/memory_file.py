"""
The file that a subtask memory survives in. Written atomically: it holds the old or the new one.

Knows no ROS.
"""

import os
from pathlib import Path

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.subtask_memory import SubtaskMemory
from wla_ros.core.subtask_memory_json import memory_from_json
from wla_ros.core.subtask_memory_json import memory_to_json
from wla_ros.core.whole_file import write_whole


def ros_home_path(file: str, node: str) -> Path:
    """
    Return the path of `file` for the fully qualified node name `node`, which replaces '{node}'.

    Relative ones lie where ROS keeps what outlives a process: ROS_HOME, or ~/.ros.
    """
    named = file.replace('{node}', node.strip('/').replace('/', '.'))
    home = os.environ.get('ROS_HOME') or '~/.ros'
    return Path(home).expanduser() / Path(named).expanduser()


class MemoryFile:
    """One file, written by one process."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is made by the first `save`."""
        self.path = path

    def load(self) -> SubtaskMemory | None:
        """
        Return the stored memory, None if there is no file.

        A file that cannot be understood is moved aside, so that the next save does not destroy it.
        Raises ConfigurationError naming both, OSError if the file cannot be read.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        damaged = self.path.with_suffix('.damaged')
        source = f'{self.path} (moved to {damaged.name})'
        try:
            return memory_from_json(content.decode('utf-8'), source=source)
        except ConfigurationError:
            self.path.replace(damaged)
            raise
        except Exception as error:  # whatever the bytes are, the node begins without them
            self.path.replace(damaged)
            problem = Problem(where='file', what=f'is no subtask memory: {error}')
            raise ConfigurationError(source, (problem,)) from error

    def save(self, memory: SubtaskMemory) -> None:
        """Replace the file. Raises OSError if that is not possible."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, memory_to_json(memory))
