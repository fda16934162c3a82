# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A graph of node processes and a probe that speaks to them.

Nodes run as users run them; nothing sleeps: every wait is for an event, with a generous bound.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rclpy
import yaml
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from lifecycle_msgs.srv import GetState
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy

from wla_ros.nodes.starter_watch import starter_environment

# Starting a process, discovery and a lifecycle transition on a loaded machine of two cores.
START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 30.0
ATTEMPTS = 4
PATIENT_DEPTH = 1000
CONFIG = Path(__file__).resolve().parents[2] / 'config'
BIMANUAL = CONFIG / 'bimanual.yaml'


def patient(qos: QoSProfile | int) -> QoSProfile:
    """Return `qos` for a subscription of a probe that may not be served for a while."""
    asked = QoSProfile(depth=qos) if isinstance(qos, int) else qos
    if asked.reliability != ReliabilityPolicy.RELIABLE:
        return asked  # sensor data: the newest count
    return QoSProfile(
        history=asked.history,
        depth=max(asked.depth, PATIENT_DEPTH),
        reliability=asked.reliability,
        durability=asked.durability,
    )


class NodeProcess:
    """One node of the package in a process of its own."""

    def __init__(self, name: str, module: str, arguments: list[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f'{name}-{len(list(folder.glob("*.log")))}.log'
        self._file = self.log.open('wb')
        # Not from the repository: its wla_ros folder has no messages.
        self.process = subprocess.Popen(
            [sys.executable, '-m', module, *arguments],
            stdout=self._file,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={
                **os.environ,
                **starter_environment(),
                'ROS_HOME': str(folder / 'ros_home'),  # also where a script has no such fixture
            },
        )

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def stop(self, kind: signal.Signals = signal.SIGINT) -> int:
        """Ask the process to end and return its exit code."""
        if not self.ended:
            self.process.send_signal(kind)
        return self.wait()

    def wait(self) -> int:
        """Return the exit code; a process that does not end is killed: then it is negative."""
        try:
            return self.process.wait(timeout=START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self._file.close()

    def output(self) -> str:
        return self.log.read_text(errors='replace')


class Graph:
    """The processes of one test and its probe."""

    def __init__(self, context: Context, folder: Path) -> None:
        self.folder = folder
        self.probe: Node = rclpy.create_node('probe', context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.probe)
        self.nodes: list[NodeProcess] = []

    def start(
        self,
        name: str,
        file: Path | None = None,
        parameters: dict[str, Any] | None = None,
        namespace: str = '',
        program: str = '',
    ) -> NodeProcess:
        """
        Start a node with `parameters` (flat names) on top of a parameter file.

        `program` is run in its place: the node with a fault in it.
        """
        files = [] if file is None else [file]
        if parameters:
            files.append(self.parameter_file(name, parameters))
        arguments = ['--ros-args']
        for path in files:
            arguments += ['--params-file', str(path)]
        if namespace:
            arguments += ['-r', f'__ns:={namespace}']
        module = f'wla_ros.nodes.{name.removesuffix("_node")}.node'
        if program:
            module = f'faulty_{name}'
            (self.folder / f'{module}.py').write_text(program)
        node = NodeProcess(name, module, arguments, self.folder)
        self.nodes.append(node)
        return node

    def parameter_file(self, name: str, parameters: dict[str, Any]) -> Path:
        """Write the parameters of one node."""
        path = self.folder / f'{name}-{len(self.nodes)}.yaml'
        path.write_text(yaml.safe_dump({f'/**/{name}': {'ros__parameters': parameters}}))
        return path

    def start_active(
        self,
        name: str,
        file: Path | None = None,
        parameters: dict[str, Any] | None = None,
        program: str = '',
    ) -> NodeProcess:
        """Start a node and wait until it is active."""
        node = self.start(name, file, parameters, program=program)
        self.wait_for_state(node, 'active')
        return node

    def wait_for_state(self, node: NodeProcess, label: str) -> None:
        """Ask for the lifecycle state until it is `label`."""
        client = self.probe.create_client(GetState, f'{node.name}/get_state')
        self.wait_until(
            lambda: node.ended or client.service_is_ready(), node.name, START_TIMEOUT_S
        )
        state = ''
        while state != label:
            if node.ended:
                pytest.fail(f'{node.name} ended with {node.wait()}\n{node.output()}')
            response = self._ask(client, GetState.Request(), node)
            state = '' if response is None else response.current_state.label
        self.probe.destroy_client(client)

    def wait_until(
        self, condition: Callable[[], bool], what: str, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> None:
        """Serve the probe until `condition()`; fails naming `what`, with the nodes' output."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                logs = ''.join(f'\n--- {node.name}\n{node.output()}' for node in self.nodes)
                pytest.fail(f'waited {timeout_s:g} s for {what}{logs}')
            self._executor.spin_once(timeout_sec=0.02)

    def call(self, kind: Any, name: str, **fields: Any) -> Any:
        """Call a service and return its response."""
        client = self.probe.create_client(kind, name)
        self.wait_until(client.service_is_ready, f'service {name}', START_TIMEOUT_S)
        response = self._ask(client, kind.Request(**fields))
        self.probe.destroy_client(client)
        return response

    def _ask(self, client: Any, request: Any, node: NodeProcess | None = None) -> Any:
        """
        Return the answer to `request`, None if `node` ends meanwhile.

        Asks again after a while: a server that has not discovered the client's reader within
        0.1 s drops its answer, and no client can know whether it has.
        """
        for _ in range(ATTEMPTS):
            future = client.call_async(request)
            deadline = time.monotonic() + ANSWER_TIMEOUT_S / ATTEMPTS
            while not future.done() and time.monotonic() < deadline:
                if node is not None and node.ended:
                    return None
                self._executor.spin_once(timeout_sec=0.02)
            if future.done():
                return future.result()
            client.remove_pending_request(future)
        logs = ''.join(f'\n--- {entry.name}\n{entry.output()}' for entry in self.nodes)
        return pytest.fail(f'{client.srv_name} did not answer {ATTEMPTS} times{logs}')

    def transition(self, node: str, identifier: int) -> bool:
        """Ask for a lifecycle transition; return whether it was done."""
        response = self.call(
            ChangeState, f'{node}/change_state', transition=Transition(id=identifier)
        )
        return bool(response.success)

    def collect(self, kind: Any, topic: str, qos: Any = 10) -> list[Any]:
        """
        Subscribe; messages are appended to the returned list while the probe is served.

        Reliable topics lose none of them to a pause of the probe.
        """
        messages: list[Any] = []
        self.probe.create_subscription(kind, topic, messages.append, patient(qos))
        return messages

    def close(self) -> dict[str, int]:
        """Stop every process, the last one first; return the exit codes."""
        codes = {node.name: node.stop() for node in reversed(self.nodes)}
        self._executor.shutdown()
        self.probe.destroy_node()
        return codes
