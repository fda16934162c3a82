"""
The life of a node process: start, spin in one thread, stop on a signal or with its starter, exit
code.

Owns signals. rclpy's own handlers invalidate the context at once, so a node could not say a last
word and close its files; here they only end the loop, the node is closed while ROS still works.
"""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from wla_ros.core.errors import WlaError
from wla_ros.ros.lifecycle_shell import LifecycleShell
from wla_ros.ros.local_transport import prefer_local_transport
from wla_ros.ros.starter_watch import termination_signals
from wla_ros.ros.starter_watch import watch_starter

EXIT_OK = 0
EXIT_FAULT = 1
EXIT_CONFIGURATION = 2
# The longest that a thread computes while another one waits for the interpreter. With Python's
# 5 ms, a whole period of the control loop, every decoded message could make a tick so late.
_SWITCH_INTERVAL_S = 0.0005
# The wait inside rcl is not interrupted by signals; it is left this often to see them.
_SIGNAL_CHECK_S = 0.1


def run_node(build: Callable[[], LifecycleShell]) -> int:
    """
    Build the node of this process, start it if it starts itself, spin until a signal, close it;
    return the exit code.

    0 after a signal, 2 if the parameters cannot be used (all problems on stderr), 1 if it cannot
    start or says at its end that it `failed`.
    """
    stop = threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    kinds = (signal.SIGINT, *termination_signals())
    previous = {kind: signal.signal(kind, ask_to_stop) for kind in kinds}
    watch_starter()
    prefer_local_transport()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        return _run(build, stop) if _ros_starts() else EXIT_CONFIGURATION
    finally:
        rclpy.try_shutdown()
        for kind, handler in previous.items():
            signal.signal(kind, handler)


def _ros_starts() -> bool:
    """Initialise ROS; say on stderr why that is impossible."""
    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # what rclpy raises is of a private module
        sys.stderr.write(f'the ROS arguments cannot be used: {error}\n')
        return False
    return True


def _run(build: Callable[[], LifecycleShell], stop: threading.Event) -> int:
    try:
        node = build()
    except WlaError as error:
        sys.stderr.write(f'{error}\n')
        return EXIT_CONFIGURATION
    # SingleThreadedExecutor: the EventsExecutor of Kilted's wheels spins at full load and delivers
    # nothing.
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    code = EXIT_FAULT
    try:
        _await_clock(node, executor, stop)
        if not stop.is_set() and not node.start_itself():
            return code
        while not stop.is_set():
            executor.spin_once(timeout_sec=_SIGNAL_CHECK_S)
        code = EXIT_OK
    finally:
        node.close()
        executor.remove_node(node)
        executor.shutdown()
        node.destroy_node()
    return EXIT_FAULT if node.failed else code


def _await_clock(
    node: LifecycleShell, executor: SingleThreadedExecutor, stop: threading.Event
) -> None:
    """Let simulated time begin before the node does: nothing is stamped with time zero."""
    while not stop.is_set() and not node.has_time:
        node.warn_at_times(
            'clock',
            'use_sim_time is set and nothing was heard on /clock yet: '
            'start what publishes it, or leave use_sim_time out',
        )
        executor.spin_once(timeout_sec=_SIGNAL_CHECK_S)
