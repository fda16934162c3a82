# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A flood of chunks costs one exchange each: the newest is read, every one is counted."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy')

from rclpy.serialization import serialize_message  # noqa: E402 - not without rclpy

from wla_ros.base.types import ActionChunk  # noqa: E402
from wla_ros.base.types import Provenance  # noqa: E402
from wla_ros.base.types import Refusal  # noqa: E402
from wla_ros.base.types import Representation  # noqa: E402
from wla_ros.nodes.executor.chunk_inbox import MOST_BYTES  # noqa: E402
from wla_ros.nodes.executor.chunk_inbox import ChunkInbox  # noqa: E402
from wla_ros.nodes.messages import chunk_message  # noqa: E402

PATIENCE_S = 20.0
CHUNK = ActionChunk(
    stamp_ns=1,
    dt_ns=1,
    epoch=1,
    sequence=0,
    representation=Representation.JOINT_POSITION,
    columns=('a', 'b'),
    rows=np.zeros((3, 2)),
    provenance=Provenance(policy='test', policy_version='1', instruction=''),
)
HOPELESS = Refusal(reason='sequence_duplicate', detail='')


def serialized(**changes: Any) -> bytes:
    return serialize_message(chunk_message(replace(CHUNK, **changes)))


class Executor:
    """Solves for as long as it is told to and counts what it is offered."""

    def __init__(self) -> None:
        self.hopeless: set[int] = set()
        self.solving = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self.solved: list[int] = []
        self.accepted: list[int] = []
        self.refused: list[str] = []
        self.lock = threading.RLock()

    def judge_chunk(self, chunk: ActionChunk, now_ns: int) -> Refusal | None:
        del now_ns
        return HOPELESS if chunk.sequence in self.hopeless else None

    def solve_poses(self, chunk: ActionChunk) -> None:
        self.solved.append(chunk.sequence)
        self.solving.release()
        assert self.let_go.acquire(timeout=PATIENCE_S)

    def accept_chunk(self, chunk: ActionChunk, now_ns: int, *, solved: None) -> Refusal | None:
        del solved
        refusal = self.judge_chunk(chunk, now_ns)
        if refusal is None:
            self.accepted.append(chunk.sequence)
        else:
            self.refuse_chunk(refusal)
        return refusal

    def refuse_chunk(self, refusal: Refusal) -> None:
        self.refused.append(refusal.reason)


class Node:
    """Remembers what it is subscribed to."""

    def create_subscription(self, kind: Any, topic: str, callback: Any, qos: Any, *, raw: bool):
        del kind, callback, qos
        assert (topic, raw) == ('action_chunk', True)


class Case:
    """An inbox before an executor that can be held up."""

    def __init__(self) -> None:
        self.executor = Executor()
        self.judged: list[tuple[str, str]] = []
        self.done = threading.Semaphore(0)
        self.errors: list[BaseException] = []
        self.inbox = ChunkInbox(
            Node(),  # type: ignore[arg-type]
            self.executor,  # type: ignore[arg-type]
            self.executor.lock,
            now_ns=lambda: 0,
            on_judged=self.note,
            on_error=self.errors.append,
        )

    def note(self, name: str, refusal: Refusal | None) -> None:
        self.judged.append((name, '' if refusal is None else refusal.reason))
        self.done.release()

    def wait(self, judged: int) -> None:
        for _ in range(judged):
            assert self.done.acquire(timeout=PATIENCE_S)


@pytest.fixture
def case() -> Any:
    opened = Case()
    yield opened
    for _ in range(10):
        opened.executor.let_go.release()
    assert opened.inbox.stop()
    assert not opened.errors


def test_while_one_is_solved_the_newest_waits_and_nobody_else_does(case: Case) -> None:
    case.inbox.put(serialized(sequence=0))
    assert case.executor.solving.acquire(timeout=PATIENCE_S)
    # The thread is held up: these return all the same, and the lock is free for a stop.
    for sequence in range(1, 101):
        case.inbox.put(serialized(sequence=sequence))
    assert case.executor.lock.acquire(blocking=False)
    case.executor.lock.release()
    case.executor.let_go.release()
    case.executor.let_go.release()
    case.wait(101)

    assert case.executor.accepted == [0, 100]
    assert case.executor.refused == ['replaced_unread'] * 99
    assert len(case.judged) == 101


def test_what_is_refused_anyway_is_not_solved(case: Case) -> None:
    case.executor.hopeless.add(7)
    case.inbox.put(serialized(sequence=7))
    case.wait(1)
    assert case.executor.solved == []
    assert case.judged == [('chunk 1/7', 'sequence_duplicate')]


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (bytes(MOST_BYTES + 1), 'oversize'),
        (serialized()[:-40], 'unreadable'),
        (serialized()[:20], 'unreadable'),
        (b'', 'unreadable'),
    ],
    ids=['too large', 'cut', 'header only', 'nothing'],
)
def test_what_is_no_chunk_is_counted_and_refused(case: Case, content: bytes, reason: str) -> None:
    case.inbox.put(content)
    case.wait(1)
    assert case.executor.refused == [reason]
    case.executor.let_go.release()
    case.inbox.put(serialized(sequence=1))
    case.wait(1)
    assert case.executor.accepted == [1]


def test_the_longest_chunk_that_the_message_allows_is_read(case: Case) -> None:
    case.executor.let_go.release()
    case.inbox.put(serialized(rows=np.zeros((2048, 16)), columns=tuple('abcdefghijklmnop')))
    case.wait(1)
    assert case.executor.accepted == [0]
