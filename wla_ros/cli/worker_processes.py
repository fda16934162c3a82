"""
Calls of one function in several processes, results as they come.

Owns the processes: whatever ends the loop, also Ctrl-C, ends them without the work that waits, and
they end with this process however it ends.
"""

import os
import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED
from concurrent.futures import Future
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import wait
from multiprocessing import get_context
from multiprocessing import parent_process
from typing import Any
from typing import TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')
# Items handed to the processes ahead of time, per process: enough that none waits.
_AHEAD = 4
_END: Any = object()


def results_of(
    work: Callable[[Item], Result], items: Iterable[Item], *, jobs: int
) -> Iterator[Result]:
    """
    Yield `work(item)` for every item in `jobs` processes, in this one if it is a single job.

    Everything must be picklable. What `work` raises is raised here.
    """
    if jobs <= 1:
        yield from map(work, items)
        return
    source = iter(items)
    # Forked children would share OpenGL and MuJoCo state with this process.
    pool = ProcessPoolExecutor(
        max_workers=jobs, mp_context=get_context('spawn'), initializer=_end_with_parent
    )
    try:
        waiting: set[Future[Result]] = set()
        while True:
            while len(waiting) < jobs * _AHEAD and (found := next(source, _END)) is not _END:
                waiting.add(pool.submit(work, found))
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """End this worker when its parent has ended; by itself it would wait for work for ever."""
    parent = parent_process()
    if parent is None:
        return

    def wait_for_its_end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait_for_its_end, name='parent', daemon=True).start()
