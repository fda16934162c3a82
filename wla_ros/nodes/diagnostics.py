# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
/diagnostics: one array per node at 1 Hz, for people and dashboards (REP-107).

Owns the message. Information only: nothing may stop or move because of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue

from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.qos import STATUS

OK = DiagnosticStatus.OK
WARN = DiagnosticStatus.WARN
ERROR = DiagnosticStatus.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentState:
    """State of one component: `name` is shown as 'node: name'."""

    name: str
    message: str
    level: bytes = OK
    values: Mapping[str, object] = field(default_factory=dict)


def diagnostic_array(
    node_name: str, components: tuple[ComponentState, ...], *, stamp_ns: int
) -> DiagnosticArray:
    """Return the states of a node's components as one message; floats have four digits."""
    array = DiagnosticArray()
    array.header.stamp = time_message(stamp_ns)
    array.status = [
        DiagnosticStatus(
            level=component.level,
            name=f'{node_name}: {component.name}',
            message=component.message,
            hardware_id='',
            values=[
                KeyValue(key=key, value=_shown(value)) for key, value in component.values.items()
            ],
        )
        for component in components
    ]
    return array


class DiagnosticsPublisher:
    """Publishes the components of a node on /diagnostics."""

    def __init__(self, node: LifecycleNodeBase[Any]) -> None:
        """Create the publisher on `node`."""
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', STATUS)

    def publish(self, *components: ComponentState) -> None:
        """Publish the present state."""
        stamp = self._node.now_ns()
        self._publisher.publish(
            diagnostic_array(self._node.get_name(), components, stamp_ns=stamp)
        )


def _shown(value: object) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)
