# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Measure how long an emergency stop takes while the executor is flooded.

For each flood an executor moves two simulated arms at a steady speed; again and again the stop is
asked for at a random time. The time is from the request, in another process, to the stamp of the
first command that decelerates. A period of the control loop (5 ms) is part of it. `mode` is from
the request to the stamp of the mode ESTOP. `bare` is from request to answer of a service that does
nothing, in a process that is not flooded, asked in turn: what machine and middleware take. Where a
flood is so large that its topic or service is read seldom, nothing can be made to move: `mode` is
all there is to measure. The last line is one JSON document; times are in ms.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from wla_ros.base.arguments import count
from wla_ros.base.config import WlaError
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import Mode
from wla_ros.base.types import Provenance
from wla_ros.base.types import Representation
from wla_ros.benchmarks.graph.bare_service import SERVICE
from wla_ros.benchmarks.graph.flooded_rig import FLOODS
from wla_ros.benchmarks.graph.flooded_rig import LAYOUT
from wla_ros.benchmarks.graph.flooded_rig import SESSION
from wla_ros.cli.main import check_file
from wla_ros.cli.up import NodeCommand
from wla_ros.cli.up import NodeProcesses
from wla_ros.cli.up import node_commands
from wla_ros.msg import ActionChunk as ActionChunkMessage
from wla_ros.msg import ControlMode
from wla_ros.msg import ExecutorStatus
from wla_ros.nodes import qos
from wla_ros.nodes.lifecycle import prefer_local_transport
from wla_ros.nodes.messages import chunk_message
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.parameter_file import resolve_parameter_file
from wla_ros.srv import SetControlMode

_SPEED_RAD_S = 0.2
_SLOWER_RAD_S = 0.0005  # the first tick of a stop at the jerk limit; a steady plan keeps to 1e-6
_DT_NS = 33_333_333
_HORIZON = 45
_TURN_RAD = 0.1  # joint 1 moves to and fro about that
_PATIENCE_S = 60.0
_WITHOUT_MOTION = ('oversize', 'names', 'reasons')
# The probe shares the machine with the flood: a pause of it is no fault of the robot.
_PATIENT = (
    'execution.feedback.max_age_s=2.0',
    'execution.feedback.max_condition_age_s=2.0',
    'execution.motion.stall_s=2.0',
    'loop.limited_command_rate_hz=200.0',
)


class StopError(WlaError):
    """Something that was waited for did not come."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wla_ros bench-stop`."""
    parser.add_argument('--stops', type=count, default=50, help='stops per flood')
    parser.add_argument('--floods', nargs='+', choices=FLOODS, default=list(FLOODS))
    parser.add_argument('--output', type=Path, help='also write the JSON document to this file')


def run(arguments: argparse.Namespace) -> int:
    """Measure every flood and print the results."""
    check_file(arguments.output, '--output')
    floods = {}
    for flood in arguments.floods:
        floods[flood] = _measure(flood, arguments.stops)
        print(f'{flood:<12}' + ''.join(f'{k} {v:8.2f}   ' for k, v in floods[flood].items()))
    text = json.dumps(
        {
            'benchmark': 'stop',
            'machine': f'{platform.machine()}, {os.cpu_count()} cores',
            'stops': arguments.stops,
            'floods': floods,
        }
    )
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text + '\n', encoding='utf-8')
    return 0


def _measure(flood: str, stops: int) -> dict[str, float]:
    prefer_local_transport()
    with (
        tempfile.TemporaryDirectory() as folder,
        # What outlives a node (a latched stop) stays out of the user's ROS_HOME.
        NodeProcesses(log_folder=Path(folder), environment={'ROS_HOME': folder}) as nodes,
    ):
        (command,) = node_commands(
            resolve_parameter_file('bimanual'),
            without=('sim_node', 'policy_node', 'recorder_node'),
            overrides=tuple(f'executor_node:{override}' for override in _PATIENT),
            namespace='',
        )
        nodes.start(command)
        nodes.start(
            NodeCommand(
                name='rig',
                module='wla_ros.benchmarks.graph.flooded_rig',
                arguments=('--flood', flood),
            )
        )
        nodes.start(NodeCommand(name='bare', module='wla_ros.benchmarks.graph.bare_service'))
        context = Context()
        rclpy.init(context=context)
        probe = _Probe(context, nodes)
        try:
            probe.warm_up()
            for _ in range(stops):
                probe.ask_bare()
                probe.stop(moving=flood not in _WITHOUT_MOTION)
            received = probe.status.chunks_received if probe.status is not None else 0
        finally:
            probe.close()
            context.try_shutdown()
    return {
        **_percentiles('', probe.stops_ms),
        **_percentiles('mode_', probe.modes_ms),
        **_percentiles('bare_', probe.bare_ms),
        'chunks': float(received),
    }


def _percentiles(what: str, taken_ms: list[float]) -> dict[str, float]:
    if not taken_ms:
        return {}
    p50, p99, most = np.percentile(taken_ms, (50, 99, 100))
    return {
        f'{what}p50_ms': round(float(p50), 2),
        f'{what}p99_ms': round(float(p99), 2),
        f'{what}max_ms': round(float(most), 2),
    }


class _Probe:
    """Keeps the arms moving and stops them."""

    def __init__(self, context: Context, nodes: NodeProcesses) -> None:
        self._nodes = nodes
        self._node = rclpy.create_node('stop_probe', context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._random = np.random.default_rng(0)
        self._limited: list[tuple[int, float]] = []  # stamp [ns], speed of joint 1 of the left arm
        self._position = np.zeros(LAYOUT.width)
        self._sequence = 0
        self._answer = ''
        self.status: ExecutorStatus | None = None
        self.stops_ms: list[float] = []
        self.modes_ms: list[float] = []
        self._mode: ControlMode | None = None
        self.bare_ms: list[float] = []
        node = self._node
        node.create_subscription(JointState, 'limited_command', self._take, 1000)
        node.create_subscription(ExecutorStatus, 'executor_status', self._take_status, qos.STATUS)
        node.create_subscription(ControlMode, 'control_mode', self._take_mode, qos.LATCHED)
        self._chunks = node.create_publisher(ActionChunkMessage, 'action_chunk', qos.CHUNK)
        self._set_mode = node.create_client(SetControlMode, 'executor_node/set_mode')
        self._estop = node.create_client(Trigger, 'executor_node/estop')
        self._reset = node.create_client(Trigger, 'executor_node/estop_reset')
        self._bare = node.create_client(Trigger, SERVICE)

    def warm_up(self) -> None:
        """Stop once: under a flood it may take seconds until a new client is known."""
        self._wait(lambda: self.status is not None, 'the executor')
        self._wait(lambda: self._call(self._bare), 'the service that does nothing')
        self._wait(lambda: self._call(self._estop), 'the stop')
        self._wait(lambda: self._call(self._reset), 'the reset')

    def _call(self, client: Any) -> bool:
        return self._asked(client.call_async(Trigger.Request()))

    def close(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()

    def ask_bare(self) -> None:
        """Note how long the service that does nothing takes."""
        asked_s = time.monotonic()
        answer = self._bare.call_async(Trigger.Request())
        answer.add_done_callback(lambda _: self.bare_ms.append((time.monotonic() - asked_s) * 1e3))
        self._wait(answer.done, 'the service that does nothing')

    def stop(self, *, moving: bool) -> None:
        """Move, stop at a random time and note how long that took."""
        if moving:
            self._wait(lambda: self._asked(self._autonomy()) and self._moving(), 'a steady speed')
        else:
            self._spin(float(self._random.uniform(0.0, 0.5)))
        speed = self._limited[-1][1] if moving else 0.0
        asked_ns = self._now_ns()
        answer = self._estop.call_async(Trigger.Request())
        if moving:
            self._wait(lambda: self._slower_ns(asked_ns, speed) is not None, 'the deceleration')
            slower_ns = self._slower_ns(asked_ns, speed)
            if slower_ns is not None:
                self.stops_ms.append((slower_ns - asked_ns) / 1e6)
        self._wait(lambda: self._stopped_ns() > asked_ns, 'the mode ESTOP')
        self.modes_ms.append((self._stopped_ns() - asked_ns) / 1e6)
        self._wait(answer.done, 'the answer')
        if moving:
            self._wait(lambda: abs(self._limited[-1][1]) < 1e-6, 'the rest')
        self._wait(lambda: self._call(self._reset), 'the reset')

    def _moving(self) -> bool:
        """
        Send a chunk, another one if the flood took its place; return whether it is followed at a
        random time.
        """
        self._move()
        end_s = time.monotonic() + 1.0
        while not self._steady and time.monotonic() < end_s:
            self._spin(0.01)
        self._spin(float(self._random.uniform(0.0, 0.05)))
        return self._steady

    @property
    def _steady(self) -> bool:
        newest = [speed for _, speed in self._limited[-10:]]
        return (
            len(newest) == 10
            and abs(newest[-1]) > 0.9 * _SPEED_RAD_S
            and float(np.ptp(newest)) < _SLOWER_RAD_S / 10
        )

    def _slower_ns(self, asked_ns: int, speed: float) -> int | None:
        """Return the stamp of the first command behind `asked_ns` that is slower."""
        return next(
            (
                stamp
                for stamp, present in self._limited
                if stamp > asked_ns and abs(present) < abs(speed) - _SLOWER_RAD_S
            ),
            None,
        )

    def _autonomy(self) -> Any:
        request = SetControlMode.Request(
            mode=int(Mode.AUTONOMY), session=SESSION, reason='bench-stop'
        )
        return self._set_mode.call_async(request)

    def _asked(self, future: Any) -> bool:
        """Wait for an answer; return whether it was a yes."""
        end_s = time.monotonic() + 5.0
        while not future.done() and time.monotonic() < end_s:
            self._spin(0.01)
        self._answer = future.result().message if future.done() else 'no answer within 5 s'
        return bool(future.done() and future.result().success)

    def _move(self) -> None:
        """Send a chunk that leads joint 1 of the left arm towards the farther end."""
        del self._limited[:-1]
        direction = -1.0 if self._position[0] > _TURN_RAD else 1.0
        rows = np.tile(self._position, (_HORIZON, 1))
        rows[:, 0] += direction * _SPEED_RAD_S * _DT_NS * 1e-9 * np.arange(_HORIZON)
        self._sequence += 1
        self._chunks.publish(
            chunk_message(
                ActionChunk(
                    stamp_ns=self._now_ns(),
                    dt_ns=_DT_NS,
                    epoch=1,
                    session=SESSION,
                    sequence=self._sequence,
                    representation=Representation.JOINT_POSITION,
                    columns=LAYOUT.columns,
                    rows=rows,
                    provenance=Provenance(policy='probe', policy_version='1', instruction=''),
                )
            )
        )

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _take(self, message: JointState) -> None:
        self._position = np.array(message.position)
        self._limited.append((stamp_ns(message.header.stamp), float(message.velocity[0])))

    def _take_mode(self, message: ControlMode) -> None:
        self._mode = message

    def _stopped_ns(self) -> int:
        """Return when the mode ESTOP was entered, 0 in another mode."""
        mode = self._mode
        stopped = mode is not None and mode.mode == ControlMode.ESTOP
        return stamp_ns(mode.header.stamp) if mode is not None and stopped else 0

    def _take_status(self, message: ExecutorStatus) -> None:
        self.status = message

    def _spin(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while True:
            self._executor.spin_once(timeout_sec=0.005)
            if time.monotonic() >= end_s:
                return

    def _wait(self, condition: Any, what: str) -> None:
        end_s = time.monotonic() + _PATIENCE_S
        while not condition():
            self._nodes.check()
            if time.monotonic() > end_s:
                raise StopError(
                    f'waited {_PATIENCE_S:g} s for {what} (last answer: {self._answer})\n'
                    f'{self._nodes.log_tail("executor_node")}'
                )
            self._spin(0.01)
