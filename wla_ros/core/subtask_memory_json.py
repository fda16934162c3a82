"""A subtask memory as JSON text, for a file that survives the process. Opens no file itself."""

import dataclasses
import json

from wla_ros.core.configuration import load_configuration
from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.subtask_memory import SubtaskMemory

_VERSION = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _StoredMemory:
    """The content of the file."""

    version: int
    memory: SubtaskMemory


def memory_to_json(memory: SubtaskMemory) -> str:
    """Return everything about `memory` as text that memory_from_json reads."""
    stored = _StoredMemory(version=_VERSION, memory=memory)
    return json.dumps(dataclasses.asdict(stored), indent=1, ensure_ascii=False)


def memory_from_json(text: str, *, source: str) -> SubtaskMemory:
    """
    Return the memory that `text` holds.

    Raises ConfigurationError naming `source` with everything that is wrong.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(
            source, (Problem(where='file', what=f'is not JSON: {error}', remedy=_REMEDY),)
        ) from error
    stored = load_configuration(_StoredMemory, values, source=source)
    if stored.version != _VERSION:
        what = f'is {stored.version}, this program knows {_VERSION}'
        raise ConfigurationError(source, (Problem(where='version', what=what, remedy=_REMEDY),))
    return stored.memory


_REMEDY = 'delete the file to begin with an empty memory'
