# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Measure the graph under the load of a full rig: 3 cameras at 640x480 and 30 Hz, two arms at 200 Hz.

A source process publishes images and feedback at their real rates (no physics), the policy node
runs `hold`, the executor node commands at 200 Hz. Each transport is measured in the same way:
`shipped` is the Fast DDS profile of this package, `default` Fast DDS as installed, `busy` is
shipped with a process beside the nodes that burns a core as a policy does. What a tick and a
splice of the executor cost is measured in this process, without ROS. The last line is one JSON
document; times are in ms, those of the executor in microseconds.

`overhead` is the time from exposure to the arrival of the chunk in another process, less the
policy's own inference.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import rclpy
from rclpy.context import Context

from wla_ros.action import RunTask
from wla_ros.base.arguments import number
from wla_ros.base.parameter_files import find_configuration_file
from wla_ros.base.progress import progress_bar
from wla_ros.base.whole_file import write_whole
from wla_ros.benchmarks.graph.executor_cost import executor_cost
from wla_ros.cli.main import check_file
from wla_ros.cli.up import NodeCommand
from wla_ros.cli.up import NodeProcesses
from wla_ros.cli.up import node_commands
from wla_ros.inference.strategy import STRATEGIES
from wla_ros.msg import ActionChunk
from wla_ros.nodes import qos
from wla_ros.nodes.clients.task_client import TaskClient
from wla_ros.nodes.clients.task_client import TaskError
from wla_ros.nodes.lifecycle import PROFILE_FILE
from wla_ros.nodes.lifecycle import local_transport_environment
from wla_ros.nodes.messages import duration_ns
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.parameter_file import resolve_parameter_file
from wla_ros.nodes.parameter_file import robot_of
from wla_ros.robots.profile import DriverProfile

BUSY = 'busy'
TRANSPORTS = ('shipped', 'default', BUSY)
# Set but empty: Fast DDS then reads no file, and the nodes do not choose one themselves.
_NO_PROFILE = {'FASTDDS_DEFAULT_PROFILES_FILE': '', 'FASTRTPS_DEFAULT_PROFILES_FILE': ''}
_INSTRUCTION = 'hold still'
_CAMERAS = ('head', 'left_wrist', 'right_wrist')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wla_ros bench`."""
    parser.add_argument(
        '--seconds', type=number(1.0, 3600.0), default=20.0, help='measured time per transport'
    )
    parser.add_argument(
        '--warm-up', type=number(0.0, 3600.0), default=4.0, help='seconds before measuring'
    )
    parser.add_argument('--transports', nargs='+', choices=TRANSPORTS, default=list(TRANSPORTS))
    parser.add_argument(
        '--no-executor', action='store_true', help='leave out the cost of ticks and splices'
    )
    parser.add_argument('--output', type=Path, help='also write the JSON document to this file')


def run(arguments: argparse.Namespace) -> int:
    """Measure every transport and print the results."""
    check_file(arguments.output, '--output')
    results = {name: _measure(name, arguments) for name in arguments.transports}
    document = {
        'benchmark': 'graph',
        'machine': f'{platform.machine()}, {os.cpu_count()} cores',
        'load': '3 x 640x480 rgb8 at 30 Hz, 2 arms at 200 Hz, policy hold, executor 200 Hz',
        'seconds': arguments.seconds,
        'transports': results,
    }
    if not arguments.no_executor:
        document['executor_us'] = {name: executor_cost(name) for name in STRATEGIES}
        _print_cost(document['executor_us'])
    if {'shipped', 'default'} <= results.keys():
        document['default_over_shipped'] = {
            key: round(results['default'][key] / results['shipped'][key], 2)
            for key in ('overhead_p50_ms', 'overhead_p99_ms', 'cpu_policy_percent')
            if results['shipped'][key]
        }
    _print_table(results)
    text = json.dumps(document)
    print(text)
    if arguments.output is not None:
        write_whole(arguments.output, text + '\n')
    return 0


def _measure(transport: str, arguments: argparse.Namespace) -> dict[str, Any]:
    environment = _environment(transport)
    path = resolve_parameter_file('bimanual')
    profile = robot_of(path).profile
    with (
        tempfile.TemporaryDirectory() as logs,
        # What outlives a node (the subtask memory) stays out of the user's ROS_HOME.
        NodeProcesses(
            log_folder=Path(logs), environment={**environment, 'ROS_HOME': logs}
        ) as nodes,
    ):
        nodes.start(_source_command(profile))
        if transport == BUSY:
            nodes.start(NodeCommand(name=BUSY, module='wla_ros.benchmarks.graph.busy_inference'))
        for command in node_commands(
            path,
            without=('sim_node', 'recorder_node'),
            overrides=('policy_node:policy.name=hold',),
            namespace='',
        ):
            nodes.start(command)
        before = dict(os.environ)
        os.environ.update(environment)
        context = Context()
        rclpy.init(context=context)
        probe = _Probe(context, nodes, transport, arguments.warm_up + arguments.seconds)
        try:
            return probe.measure(arguments.warm_up, arguments.seconds)
        finally:
            probe.close()
            context.try_shutdown()
            os.environ.clear()
            os.environ.update(before)


class _Probe:
    """Runs a task on the started nodes and watches chunks, statuses and CPU."""

    def __init__(self, context: Context, nodes: NodeProcesses, title: str, total_s: float) -> None:
        self._nodes = nodes
        self._bar = progress_bar(
            f'transport {title}',
            total=total_s,
            unit='s',
            bar_format='{l_bar}{bar}| {n:.0f}/{total:.0f} s',
        )
        self._on_idle: Callable[[], None] = lambda: None
        self.client = TaskClient(context=context, on_idle=self._idle)
        self._chunks: list[tuple[int, int, int]] = []  # arrival, exposure, inference [ns]
        self._client_node = self.client.node
        self._client_node.create_subscription(
            ActionChunk, 'action_chunk', self._take_chunk, qos.CHUNK
        )
        self._measuring = False
        self._start_s = 0.0
        self._cpu: dict[str, float] = {}
        self._first: dict[str, Any] = {}

    def close(self) -> None:
        """Close display and node."""
        self._bar.close()
        self.client.close()

    def measure(self, warm_up_s: float, seconds: float) -> dict[str, Any]:
        """Run `hold` for warm-up and measurement and return the figures."""
        self.client.wait_ready(timeout_s=60.0)
        began = time.monotonic()
        marks: dict[str, Any] = {}

        def watch() -> None:
            elapsed = time.monotonic() - began
            self._bar.update(min(elapsed, warm_up_s + seconds) - self._bar.n)
            if not marks and elapsed >= warm_up_s:
                marks['cpu'] = self._cpu_times()
                marks['time'] = time.monotonic()
                self._chunks.clear()

        self._on_idle = watch
        result = self.client.run_task(_INSTRUCTION, time_limit_s=warm_up_s + seconds)
        if result.reason != RunTask.Result.TIME_LIMIT:
            raise TaskError(f'the task ended early: {result.reason}: {result.message}')
        if not self._chunks:
            raise TaskError('no chunk arrived while it was measured: measure for longer')
        span_s = time.monotonic() - marks['time']
        used = self._cpu_times()
        policy, executor = self.client.policy_status, self.client.executor_status
        overhead = (
            np.array(
                [arrival - exposure - inference for arrival, exposure, inference in self._chunks]
            )
            / 1e6
        )
        figures: dict[str, Any] = {
            'chunks': len(self._chunks),
            'chunk_rate_hz': round(len(self._chunks) / span_s, 2),
            **{
                f'overhead_p{q}_ms': round(float(np.percentile(overhead, q)), 2)
                for q in (50, 95, 99)
            },
            'overhead_max_ms': round(float(overhead.max()), 2),
            'inference_p50_ms': round(
                float(np.median([item[2] for item in self._chunks])) / 1e6, 2
            ),
            'tick_lateness_p50_ms': round(executor.tick_lateness_p50_s * 1e3, 3),
            'tick_lateness_p99_ms': round(executor.tick_lateness_p99_s * 1e3, 3),
            'ticks': executor.ticks,
            'ticks_late': executor.ticks_late,
            'starvations': result.starvations,
            'images_received': {
                s.stream: s.received for s in policy.streams if s.stream in _CAMERAS
            },
        }
        for name, seconds_used in used.items():
            share = 100.0 * (seconds_used - marks['cpu'][name]) / span_s
            figures[f'cpu_{name.removesuffix("_node")}_percent'] = round(share, 1)
        return figures

    def _idle(self) -> None:
        self._nodes.check()
        self._on_idle()

    def _take_chunk(self, message: ActionChunk) -> None:
        arrival = self._client_node.get_clock().now().nanoseconds
        inference = sum(
            duration_ns(item.duration) for item in message.timings if item.stage == 'inference'
        )
        self._chunks.append((arrival, stamp_ns(message.header.stamp), inference))

    def _cpu_times(self) -> dict[str, float]:
        """Return the processor seconds that every node has used."""
        times = {
            name: psutil.Process(pid).cpu_times() for name, pid in self._nodes.process_ids.items()
        }
        return {name: used.user + used.system for name, used in times.items()}


def _environment(transport: str) -> Mapping[str, str]:
    profile = find_configuration_file(PROFILE_FILE)
    if transport == 'default' or profile is None:
        return _NO_PROFILE
    return local_transport_environment(profile)


def _source_command(profile: DriverProfile) -> NodeCommand:
    channels = profile.arms.values()
    return NodeCommand(
        name='source',
        module='wla_ros.benchmarks.graph.benchmark_source',
        arguments=(
            '--images',
            *(f'camera/{camera}/image_raw' for camera in _CAMERAS),
            '--states',
            *(arm.feedback_topic for arm in channels),
            '--commands',
            *(arm.command_topic for arm in channels),
        ),
    )


def _print_cost(costs: Mapping[str, Mapping[str, float]]) -> None:
    keys = ('tick_p50_us', 'tick_p99_us', 'splice_p50_us', 'splice_p99_us')
    print(f'{"executor":<24}' + ''.join(f'{key:>16}' for key in keys))
    for name, cost in costs.items():
        print(f'{name:<24}' + ''.join(f'{cost.get(key, 0.0):>16}' for key in keys))


def _print_table(results: Mapping[str, Mapping[str, Any]]) -> None:
    # The last one has every process.
    keys = [key for key in list(results.values())[-1] if key != 'images_received']
    print(f'{"":<24}' + ''.join(f'{name:>12}' for name in results))
    for key in keys:
        print(
            f'{key:<24}' + ''.join(f'{figures.get(key, "-"):>12}' for figures in results.values())
        )
