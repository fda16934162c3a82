# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Processes that end with the one that started them, however that ends.

A starter that is killed outright (SIGKILL, out of memory) tells nobody. So its children look: a
process whose parent has ended gets another one at once. Not PR_SET_PDEATHSIG: that is bound to the
thread that started the child, and says nothing about a parent that has ended before. Knows no ROS.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping

# A node that was asked to stop closes files and joins threads; a healthy one needs well under a
# second.
STOP_GRACE_S = 15.0
_STARTER = 'WLA_ROS_STARTER'
_PERIOD_S = 0.1


def starter_environment() -> Mapping[str, str]:
    """Return what a child must find in its environment to end with this process."""
    return {_STARTER: str(os.getpid())}


def watch_starter() -> None:
    """
    Send this process SIGTERM when its starter has ended, and end it if it has not within the grace
    time.

    Does nothing where the environment names no starter, as in a terminal. Children of this process
    do not inherit the name.
    """
    given = os.environ.pop(_STARTER, '')
    if given.isdecimal():
        threading.Thread(
            target=_watch, args=(int(given), os.getppid()), name='starter', daemon=True
        ).start()


def termination_signals() -> tuple[signal.Signals, ...]:
    """
    Return the signals that ask a process to end, besides Ctrl-C.

    SIGHUP, sent when the terminal or the ssh session goes away, is one unless the process was
    started to outlive it, as nohup does.
    """
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        return (signal.SIGTERM,)
    return (signal.SIGTERM, signal.SIGHUP)


def _watch(starter: int, parent: int) -> None:
    # Between the two there may be a debugger or a shell.
    while os.getppid() == parent and _exists(starter):
        time.sleep(_PERIOD_S)
    with contextlib.suppress(OSError):  # the terminal may have gone as well
        sys.stderr.write(f'the process {starter} that started this one has ended\n')
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_GRACE_S)
    os._exit(1)


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
