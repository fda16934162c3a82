# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Workers end with the command that started them."""

import subprocess
import sys

import psutil

STARTER = """
import time

from wla_ros.episodes.run import results_of

if __name__ == '__main__':
    for _ in results_of(time.sleep, [0.0] * 2 + [120.0] * 2, jobs=2):
        print('worked', flush=True)
"""


def test_workers_end_with_a_starter_that_is_killed(tmp_path):
    program = tmp_path / 'starter.py'
    program.write_text(STARTER, encoding='utf-8')
    starter = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE)
    try:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b'worked\n'
        workers = psutil.Process(starter.pid).children(recursive=True)
        assert len(workers) >= 2
    finally:
        starter.kill()
        starter.wait()
        starter.stdout.close()
    _, alive = psutil.wait_procs(workers, timeout=30.0)
    for worker in alive:
        worker.kill()
    assert not alive
