# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The life of a node: start, transitions, spin in one thread, stop on a signal, exit code."""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any
from typing import Generic
from typing import TypeVar

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.executors import Executor
from rclpy.lifecycle import Node as LifecycleNode
from rclpy.lifecycle import State
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from rclpy.timer import Timer

from wla_ros.base.config import Problem
from wla_ros.base.config import WlaError
from wla_ros.base.missing_package import missing_package
from wla_ros.base.parameter_files import find_configuration_file
from wla_ros.base.time_credit import Allowance
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.warning_pace import WarningPace
from wla_ros.nodes.parameters import read_configuration
from wla_ros.nodes.spinning import MessagesFirst
from wla_ros.nodes.starter_watch import termination_signals
from wla_ros.nodes.starter_watch import watch_starter

# Base of the lifecycle nodes: four methods to fill in, one way down whatever went wrong.
#
# Owns transitions, the destruction of ROS entities and the log of what failed (rclpy swallows
# exceptions of transition callbacks). Must not know what a node does.

T = TypeVar('T')


class LifecycleNodeBase(LifecycleNode, Generic[T]):
    """
    A lifecycle node with a frozen configuration.

    Subclasses fill in `_setup` (create entities), `_start`, `_stop` and `_teardown`. `_stop` and
    `_teardown` must accept a half-finished `_setup` or `_start`. Entities created in `_setup` are
    destroyed by the base. The configuration is read at construction: a bad file ends the process
    before anything can move.
    """

    configuration: T
    # Of the time of the interpreter, for the messages of each subscription; None: all they take.
    allowance: Allowance | None = None

    def __init__(
        self, name: str, kind: type[T], check: Callable[[T], tuple[Problem, ...]] = lambda _: ()
    ) -> None:
        """Read the configuration. Raises ConfigurationError with all problems."""
        super().__init__(name)
        self._created: list[tuple[Callable[[Any], Any], Any]] = []
        self._warnings = WarningPace()
        self._configured = False
        self._active = False
        self.failed = False  # something asked for was not done: the process ends with exit code 1
        try:
            self.configuration = read_configuration(self, kind, check, default_name=name)
        except WlaError:
            self.destroy_node()
            raise
        # In front of the callback with which rclpy takes it over.
        self.add_on_set_parameters_callback(self._keep_clock)
        self._steady_clock = Clock(clock_type=ClockType.STEADY_TIME)

    def _keep_clock(self, changes: list[Parameter]) -> SetParametersResult:
        """Refuse another clock in a node that lives: every stamp it knows would be of another."""
        fixed = any(change.name == 'use_sim_time' for change in changes)
        reason = (
            'use_sim_time is read when the node starts: stop it, start it with the other value'
        )
        return SetParametersResult(successful=not fixed, reason=reason if fixed else '')

    @property
    def active(self) -> bool:
        """Whether the node is activated."""
        return self._active

    def now_ns(self) -> int:
        """Return the ROS time, simulated where use_sim_time says so."""
        return int(self.get_clock().now().nanoseconds)

    @property
    def simulated_time(self) -> bool:
        """Whether ROS time comes from /clock."""
        return bool(self.get_parameter('use_sim_time').value)

    @property
    def has_time(self) -> bool:
        """Whether ROS time has begun: simulated time does with the first message on /clock."""
        return not self.simulated_time or self.get_clock().now().nanoseconds > 0

    def start_itself(self) -> bool:
        """
        Configure and activate unless a lifecycle manager does it (`autostart: false`). False if
        that failed.
        """
        if not getattr(self.configuration, 'autostart', True):
            return True
        return (
            self.trigger_configure() == TransitionCallbackReturn.SUCCESS
            and self.trigger_activate() == TransitionCallbackReturn.SUCCESS
        )

    def close(self) -> None:
        """Stop and tear down, whatever state the node is in; idempotent."""
        self._down()

    # What subclasses fill in.

    def _setup(self) -> None:
        """Create entities. Runs in the inactive state at the end."""

    def _start(self) -> None:
        """Begin to act."""

    def _stop(self) -> None:
        """Stop acting."""

    def _teardown(self) -> None:
        """Release what is not a ROS entity of this node."""

    # Transitions, called by rclpy.

    def on_configure(self, state: State) -> TransitionCallbackReturn:
        """Run `_setup`; undone on failure."""
        del state
        self._configured = True
        return self._attempt('configure', self._setup)

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        """Run `_start`; undone on failure."""
        self._active = True
        result = self._attempt('activate', self._start, undo=self._stop_quietly)
        return super().on_activate(state) if result == TransitionCallbackReturn.SUCCESS else result

    def on_deactivate(self, state: State) -> TransitionCallbackReturn:
        """Run `_stop`."""
        self._stop_quietly()
        return super().on_deactivate(state)

    def on_cleanup(self, state: State) -> TransitionCallbackReturn:
        """Destroy what `_setup` created."""
        del state
        self._down()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Stop and destroy."""
        return self.on_cleanup(state)

    def on_error(self, state: State) -> TransitionCallbackReturn:
        """Return to the unconfigured state."""
        return self.on_cleanup(state)

    # Entities: what is created while configured is destroyed at cleanup.

    def create_publisher(self, *arguments: Any, **options: Any) -> Any:
        """As in Node; destroyed at cleanup."""
        return self._remember(
            self.destroy_publisher, super().create_publisher(*arguments, **options)
        )

    def create_subscription(self, *arguments: Any, **options: Any) -> Any:
        """As in Node; destroyed at cleanup."""
        return self._remember(
            self.destroy_subscription, super().create_subscription(*arguments, **options)
        )

    def create_service(self, *arguments: Any, **options: Any) -> Any:
        """As in Node; destroyed at cleanup."""
        return self._remember(self.destroy_service, super().create_service(*arguments, **options))

    def create_client(self, *arguments: Any, **options: Any) -> Any:
        """As in Node; destroyed at cleanup."""
        return self._remember(self.destroy_client, super().create_client(*arguments, **options))

    def every(self, period_s: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` every `period_s` of real time, also when simulated time stands still."""
        timer = super().create_timer(period_s, callback, clock=self._steady_clock)
        return self._remember(self.destroy_timer, timer)

    def warn_at_times(self, kind: str, text: str) -> None:
        """
        Log a warning of this `kind`, unless that was done lately: once a second, ever less often.

        The throttle of rclpy inspects the call stack at every call, a millisecond at 200 Hz.
        """
        line = self._warnings.line(kind, text, time.monotonic_ns())
        if line is not None:
            self.get_logger().warning(line)

    def tell_rest(self, topic: str, rest_ns: int) -> None:
        """Log that the messages on `topic` are so large that they are read seldom."""
        self.warn_at_times(
            topic,
            f'messages on {topic} are too large to read them all: none is read for '
            f'{ns_to_seconds(rest_ns):.1f} s. Who sends them?',
        )

    def _remember(self, destroy: Callable[[Any], Any], entity: Any) -> Any:
        if getattr(self, '_configured', False):
            self._created.append((destroy, entity))
        return entity

    def _attempt(
        self, name: str, action: Callable[[], None], undo: Callable[[], None] | None = None
    ) -> TransitionCallbackReturn:
        try:
            action()
        except WlaError as error:
            self.get_logger().error(f'cannot {name}: {error}')
        except Exception as error:  # rclpy would swallow it; the log is the only trace
            said = missing_package(error) if isinstance(error, ImportError) else None
            said = said or f'\n{traceback.format_exc()}'
            self.get_logger().error(f'cannot {name}: {said}')
        else:
            return TransitionCallbackReturn.SUCCESS
        (undo or self._down)()
        return TransitionCallbackReturn.FAILURE

    def _stop_quietly(self) -> None:
        if self._active:
            self._active = False
            self._run_quietly('stop', self._stop)

    def _down(self) -> None:
        self._stop_quietly()
        if self._configured:
            self._run_quietly('tear down', self._teardown)
            self._configured = False
        while self._created:
            destroy, entity = self._created.pop()
            destroy(entity)

    def _run_quietly(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:  # the way down continues
            self.get_logger().error(f'cannot {name}:\n{traceback.format_exc()}')


# Fast DDS settings for camera images between processes of one machine.
#
# Owns the choice of the profile file that ships with the package. An operator's own file always
# wins.

PROFILE_FILE = 'fastdds_local.xml'
# Fast DDS 3 (Kilted and newer) reads the first name, Fast DDS 2 (Humble, Jazzy) the second; Kilted
# warns about it.
_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
_OLD_VARIABLE = 'FASTRTPS_DEFAULT_PROFILES_FILE'
_OLD_DISTRIBUTIONS = ('humble', 'iron', 'jazzy')


def local_transport_environment(profile: Path) -> dict[str, str]:
    """
    Return the variables to set for `profile`; empty if the operator chose a file or another
    middleware.
    """
    middleware = os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp')
    if 'fastrtps' not in middleware or _VARIABLE in os.environ or _OLD_VARIABLE in os.environ:
        return {}
    variables = {_VARIABLE: str(profile)}
    if os.environ.get('ROS_DISTRO', '') in _OLD_DISTRIBUTIONS:
        variables[_OLD_VARIABLE] = str(profile)
    return variables


def prefer_local_transport() -> None:
    """Point Fast DDS to the shipped profile. Has an effect only before rclpy is initialised."""
    profile = find_configuration_file(PROFILE_FILE)
    if profile is not None:
        os.environ.update(local_transport_environment(profile))


EXIT_OK = 0
EXIT_FAULT = 1
EXIT_CONFIGURATION = 2
# The longest that a thread computes while another one waits for the interpreter. With Python's
# 5 ms, a whole period of the control loop, every decoded message could make a tick so late.
_SWITCH_INTERVAL_S = 0.0005
# The wait inside rcl is not interrupted by signals; it is left this often to see them.
_SIGNAL_CHECK_S = 0.1


def run_node(build: Callable[[], LifecycleNodeBase]) -> int:
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


def _run(build: Callable[[], LifecycleNodeBase], stop: threading.Event) -> int:
    try:
        node = build()
    except WlaError as error:
        sys.stderr.write(f'{error}\n')
        return EXIT_CONFIGURATION
    executor = MessagesFirst(allowance=node.allowance, on_rest=node.tell_rest)
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


def _await_clock(node: LifecycleNodeBase, executor: Executor, stop: threading.Event) -> None:
    """Let simulated time begin before the node does: nothing is stamped with time zero."""
    while not stop.is_set() and not node.has_time:
        node.warn_at_times(
            'clock',
            'use_sim_time is set and nothing was heard on /clock yet: '
            'start what publishes it, or leave use_sim_time out',
        )
        executor.spin_once(timeout_sec=_SIGNAL_CHECK_S)
