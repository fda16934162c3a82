# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Action chunks in: bounded, newest only, read and solved by a thread of its own.

A message waits unread until the thread is free; the next one takes its place, so a flood costs the
other threads one exchange per message. Order, mode and time are judged before poses are solved.
Every message is counted in the executor, accepted or refused.
"""

import threading
from collections.abc import Callable

from rclpy.node import Node
from rclpy.serialization import deserialize_message

from wla_ros.base import reasons
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import Refusal
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.msg import ActionChunk as ActionChunkMessage
from wla_ros.nodes import qos
from wla_ros.nodes.messages import chunk_value
from wla_ros.nodes.worker import InferenceWorker

# The rows of ActionChunk.msg at their bound take half of it; the rest is text.
MOST_BYTES = 2 * 32768 * 8
_STOP_TIMEOUT_S = 5.0


class ChunkInbox:
    """Subscribes to action_chunk; `lock` guards `executor`."""

    def __init__(
        self,
        node: Node,
        executor: ChunkExecutor,
        lock: threading.RLock,
        *,
        now_ns: Callable[[], int],
        on_judged: Callable[[str, Refusal | None], None],
        on_error: Callable[[BaseException], None],
    ) -> None:
        """
        Subscribe and start the thread.

        `on_judged` is told what became of every message, in the inbox's thread or in the one that
        spins `node`.
        """
        self._executor = executor
        self._lock = lock
        self._now_ns = now_ns
        self._on_judged = on_judged
        self._exchange = threading.Lock()
        self._unread: bytes | None = None
        self._reader: InferenceWorker[bytes] = InferenceWorker(
            pull=self._pull, handle=self._read, on_error=on_error, name='chunks'
        )
        self._reader.start()
        node.create_subscription(ActionChunkMessage, 'action_chunk', self.put, qos.CHUNK, raw=True)

    def put(self, serialized: bytes) -> None:
        """Let the thread read `serialized` unless a newer one comes before it is free."""
        if len(serialized) > MOST_BYTES:
            detail = f'{len(serialized)} bytes are not read, bound {MOST_BYTES}'
            self._refuse('a chunk', Refusal(reason=reasons.OVERSIZE, detail=detail))
            return
        with self._exchange:
            replaced, self._unread = self._unread, serialized
        if replaced is not None:
            detail = 'a newer chunk came before this one was read'
            self._refuse('a chunk', Refusal(reason=reasons.REPLACED_UNREAD, detail=detail))
        self._reader.notify()

    def stop(self) -> bool:
        """End the thread; False if it did not end in time."""
        return self._reader.stop(_STOP_TIMEOUT_S)

    def _pull(self) -> bytes | None:
        with self._exchange:
            unread, self._unread = self._unread, None
        return unread

    # The inbox's thread

    def _read(self, serialized: bytes) -> None:
        try:
            message = deserialize_message(serialized, ActionChunkMessage)
        except Exception as error:  # whatever the middleware finds wrong with the bytes
            detail = f'no chunk can be read from it: {error}'
            self._refuse('a chunk', Refusal(reason=reasons.UNREADABLE, detail=detail))
            return
        name = f'chunk {message.epoch}/{message.sequence}'
        chunk = chunk_value(message)
        if isinstance(chunk, Refusal):
            self._refuse(name, chunk)
            return
        self._on_judged(name, self._offer(chunk))

    def _offer(self, chunk: ActionChunk) -> Refusal | None:
        with self._lock:
            hopeless = self._executor.judge_chunk(chunk, self._now_ns())
        # No tick waits for inverse kinematics; nor are they solved for what is refused anyway.
        solved = None if hopeless else self._executor.solve_poses(chunk)
        with self._lock:
            return self._executor.accept_chunk(chunk, self._now_ns(), solved=solved)

    def _refuse(self, name: str, refusal: Refusal) -> None:
        with self._lock:
            self._executor.refuse_chunk(refusal)
        self._on_judged(name, refusal)
