# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The subtask memory as ROS state: latched topics, services that read and edit, a file."""

import dataclasses
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.base.memory import POLICY
from wla_ros.base.memory import RememberedSubtask
from wla_ros.base.memory import SubtaskMemory
from wla_ros.base.parameter_files import ros_home_path
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.whole_file import write_whole
from wla_ros.composition.policy import MemorySection
from wla_ros.inference.session import InferenceSession
from wla_ros.msg import Subtask as SubtaskMessage
from wla_ros.msg import SubtaskMemory as SubtaskMemoryMessage
from wla_ros.nodes import qos
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.nodes.messages import field_values
from wla_ros.nodes.messages import fill
from wla_ros.nodes.messages import instruction_problem
from wla_ros.nodes.messages import text_problem
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.worker import InferenceWorker
from wla_ros.srv import EditSubtaskMemory
from wla_ros.srv import GetSubtaskMemory
from wla_ros.srv import SetInstruction

# A subtask memory as JSON text, for a file that survives the process. Opens no file itself.

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


# The file that a subtask memory survives in. Written atomically: it holds the old or the new one.
#
# Knows no ROS.


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


# The memory as messages: pure functions.

# Bounds of SubtaskMemory.msg; the parameter memory.capacity keeps below the first.
_MOST_UPCOMING = 1024


def subtask_message(subtask: RememberedSubtask | None, *, stamp: int) -> SubtaskMessage:
    """Return a subtask of a memory that last changed at `stamp` [ns]; id 0 if there is none."""
    message = SubtaskMessage()
    message.header.stamp = time_message(stamp)
    if subtask is None:
        return fill(message, {'source': POLICY})
    message.started = time_message(subtask.started_ns)
    message.ended = time_message(subtask.ended_ns)
    return fill(message, {**field_values(subtask), 'id': subtask.number})


def memory_message(memory: SubtaskMemory) -> SubtaskMemoryMessage:
    """Return what has been done and what is being done."""
    stamp = memory.stamp_ns
    upcoming = memory.upcoming[:_MOST_UPCOMING]
    message = SubtaskMemoryMessage(
        completed=[subtask_message(subtask, stamp=stamp) for subtask in memory.completed],
        current=subtask_message(memory.current, stamp=stamp),
        upcoming=[fill(SubtaskMessage(), {'text': text}).text for text in upcoming],
    )
    message.header.stamp = time_message(stamp)
    return fill(message, {'instruction': memory.instruction, 'revision': memory.revision})


_STOP_TIMEOUT_S = 5.0


class MemoryServer:
    """Publishes the memory of `session` and lets people edit it."""

    def __init__(
        self, node: LifecycleNodeBase[Any], session: InferenceSession, section: MemorySection
    ) -> None:
        """Create topics and services on `node` and take over what the file holds."""
        self._node = node
        self._session = session
        self._lock = threading.Lock()
        self._published: SubtaskMemory | None = None
        self._saved: SubtaskMemory | None = None
        self._file = (
            MemoryFile(ros_home_path(section.file, node.get_fully_qualified_name()))
            if section.file
            else None
        )
        self._subtask = node.create_publisher(SubtaskMessage, 'subtask', qos.LATCHED)
        self._memory = node.create_publisher(SubtaskMemoryMessage, 'subtask_memory', qos.LATCHED)
        node.create_service(GetSubtaskMemory, '~/get_subtask_memory', self._on_get)
        node.create_service(EditSubtaskMemory, '~/edit_subtask_memory', self._on_edit)
        node.create_service(SetInstruction, '~/set_instruction', self._on_set_instruction)
        settle_ns = seconds_to_ns(section.settle_s)
        session.edit_memory(lambda memory: memory.bounded(section.capacity, settle_ns))
        self._restore(section.capacity, settle_ns)
        self._writer: InferenceWorker[SubtaskMemory] = InferenceWorker(
            pull=self._unsaved,
            handle=self._save,
            on_error=lambda error: node.get_logger().error(f'subtask memory not saved: {error}'),
            name='memory_file',
        )
        self._writer.start()
        self.update()

    @property
    def problem(self) -> str:
        """Why the memory is not kept in its file, empty if it is."""
        return self._writer.problem

    def update(self) -> None:
        """Publish and save the memory if it has changed. Any thread may call this."""
        with self._lock:
            memory = self._session.memory
            if memory is self._published:
                return
            self._published = memory
            self._memory.publish(memory_message(memory))
            self._subtask.publish(subtask_message(memory.current, stamp=memory.stamp_ns))
        self._writer.notify()

    def stop(self) -> None:
        """Stop the thread and save what it has not."""
        self._writer.stop(_STOP_TIMEOUT_S)
        memory = self._unsaved()
        if memory is not None:
            try:
                self._save(memory)
            except OSError as error:
                self._node.get_logger().error(f'subtask memory not saved: {error}')

    def _restore(self, capacity: int, settle_ns: int) -> None:
        """Take over the stored memory unless the node was given another instruction."""
        if self._file is None:
            return
        try:
            stored = self._file.load()
        except ConfigurationError as error:
            self._node.get_logger().error(f'begin with an empty subtask memory: {error}')
            return
        except OSError as error:
            # What cannot be read must not be replaced either.
            path, self._file = self._file.path, None
            self._node.get_logger().error(
                f'the subtask memory is not restored and not saved: {path}: {error.strerror}'
            )
            return
        given = self._session.instruction
        if stored is None or (given and given != stored.instruction):
            return
        restored = stored.bounded(capacity, settle_ns).restored(self._node.now_ns())
        self._session.edit_memory(lambda _: restored)
        self._session.set_instruction(stored.instruction, self._node.now_ns(), keep_memory=True)
        self._node.get_logger().info(
            f'restored the memory of {stored.instruction!r}: {restored.text()!r}'
        )

    def _unsaved(self) -> SubtaskMemory | None:
        memory = self._session.memory
        return None if self._file is None or memory is self._saved else memory

    def _save(self, memory: SubtaskMemory) -> None:
        # Remembered first: a disk that is full is reported at every change, not in a loop.
        self._saved = memory
        if self._file is not None:
            self._file.save(memory)

    def _on_get(self, _: Any, response: Any) -> Any:
        response.memory = memory_message(self._session.memory)
        return response

    def _on_set_instruction(self, request: Any, response: Any) -> Any:
        problem = instruction_problem(request.instruction)
        if problem:
            return fill(response, {'message': problem})
        self._session.set_instruction(
            request.instruction, self._node.now_ns(), keep_memory=request.keep_memory
        )
        self.update()
        self._node.get_logger().info(f'instruction: {request.instruction!r}')
        response.success = True
        return response

    def _on_edit(self, request: Any, response: Any) -> Any:
        try:
            edited = self._session.edit_memory(self._edit(request))
        except ValueError as error:
            response.memory = memory_message(self._session.memory)
            return fill(response, {'message': str(error)})
        self.update()
        self._node.get_logger().info(f'subtask memory edited: {edited.text()!r}')
        response.success = True
        response.memory = memory_message(edited)
        return response

    def _edit(self, request: Any) -> Callable[[SubtaskMemory], SubtaskMemory]:
        """Return the edit that `request` asks for; it raises ValueError where impossible."""
        now_ns = self._node.now_ns()
        problem = text_problem(EditSubtaskMemory.Request, 'text', request.text)

        def edit(memory: SubtaskMemory) -> SubtaskMemory:
            if problem:
                raise ValueError(problem)
            if request.revision not in (0, memory.revision):
                raise ValueError(
                    f'the memory has revision {memory.revision} by now, not {request.revision}'
                )
            if request.operation == EditSubtaskMemory.Request.SET:
                return memory.with_current(request.text, now_ns)
            if request.operation == EditSubtaskMemory.Request.APPEND:
                return memory.with_completed(request.text, now_ns)
            if request.operation == EditSubtaskMemory.Request.ROLL_BACK:
                return memory.rolled_back(request.steps, now_ns)
            if request.operation == EditSubtaskMemory.Request.CLEAR:
                return memory.cleared(now_ns)
            raise ValueError(f'unknown operation {request.operation}')

        return edit
