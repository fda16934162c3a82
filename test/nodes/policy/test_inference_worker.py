# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""One thread, the newest work only, nobody waits."""

import threading

from wla_ros.nodes.worker import InferenceWorker

PATIENCE_S = 20.0


def test_errors_are_a_problem_and_a_failed_opening_stays_one() -> None:
    told = threading.Semaphore(0)

    def opening() -> None:
        raise FileNotFoundError('weights')

    def give_up(error: BaseException) -> None:
        told.release()
        raise error

    worker: InferenceWorker[int] = InferenceWorker(
        pull=lambda: None, handle=lambda _: None, opening=opening, on_error=give_up
    )
    assert worker.problem == 'the thread has ended'
    worker.start()
    assert told.acquire(timeout=PATIENCE_S)
    while not worker.problem:
        pass
    assert worker.problem.endswith('FileNotFoundError: weights')
    assert worker.stop(PATIENCE_S)


class Work:
    """A pull source whose newest item wins, and a policy that thinks until it is let go."""

    def __init__(self) -> None:
        self.newest: int | None = None
        self.done: list[int] = []
        self.threads: set[int] = set()
        self.errors: list[BaseException] = []
        self.busy = threading.Event()
        self.let_go = threading.Semaphore(0)
        self.finished = threading.Semaphore(0)
        self.opened = threading.Event()
        self.closed = threading.Event()
        self.worker: InferenceWorker[int] = InferenceWorker(
            pull=self.pull,
            handle=self.handle,
            opening=self.opened.set,
            closing=self.closed.set,
            on_error=self.fail,
        )
        self.worker.start()
        assert self.opened.wait(PATIENCE_S)

    def pull(self) -> int | None:
        item, self.newest = self.newest, None
        return item

    def handle(self, item: int) -> None:
        self.threads.add(threading.get_ident())
        self.busy.set()
        assert self.let_go.acquire(timeout=PATIENCE_S)
        self.busy.clear()
        if item < 0:
            raise ValueError(item)
        self.done.append(item)
        self.finished.release()

    def fail(self, error: BaseException) -> None:
        self.errors.append(error)
        self.finished.release()

    def offer(self, item: int) -> None:
        self.newest = item
        self.worker.notify()

    def wait_finished(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.finished.acquire(timeout=PATIENCE_S)


def test_offering_never_waits_for_the_thinking_and_the_newest_wins() -> None:
    work = Work()
    work.offer(1)
    assert work.busy.wait(PATIENCE_S)
    for item in range(2, 6):
        work.offer(item)  # returns at once: the semaphore is not released yet
    work.let_go.release()
    work.let_go.release()
    work.wait_finished(2)
    assert work.done == [1, 5]
    assert work.worker.stop(PATIENCE_S)


def test_everything_runs_in_one_thread_that_is_not_the_callers() -> None:
    work = Work()
    for item in (1, 2, 3):
        work.offer(item)
        work.let_go.release()
        work.wait_finished()
    assert len(work.threads) == 1
    assert threading.get_ident() not in work.threads
    assert work.worker.stop(PATIENCE_S)
    assert work.closed.is_set()


def test_an_error_is_reported_and_the_next_item_is_worked_on() -> None:
    work = Work()
    work.offer(-1)
    work.let_go.release()
    work.wait_finished()
    work.offer(2)
    work.let_go.release()
    work.wait_finished()
    assert [type(error) for error in work.errors] == [ValueError]
    assert work.done == [2]
    assert work.worker.stop(PATIENCE_S)


def test_stopping_waits_for_the_item_at_hand_and_takes_no_other() -> None:
    work = Work()
    work.offer(1)
    assert work.busy.wait(PATIENCE_S)
    assert not work.worker.stop(0.01)
    work.offer(2)
    work.let_go.release()
    assert work.worker.stop(PATIENCE_S)
    assert work.done == [1]
    work.worker.notify()


def test_without_work_the_worker_is_idle() -> None:
    work = Work()
    work.worker.notify()
    work.worker.notify()
    assert work.worker.stop(PATIENCE_S)
    assert work.done == []
