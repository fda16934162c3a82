"""
Services that wait for nothing else a node does: a thread and a ROS node of their own serve them.

Owns both. In rclpy all callbacks of a node are of one executor, so a second node it is; its name is
hidden, the services keep those of their owner. A callback that raises is logged and the next one is
served.
"""

import threading
import traceback
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

_CHECK_S = 0.1


class ServiceThread:
    """Serves from `start` to `stop`."""

    def __init__(self, owner: Node) -> None:
        """Prepare a node beside `owner`."""
        self._owner = owner
        # Remappings of the owner's name would rename this node, too.
        self._node = rclpy.create_node(
            f'_{owner.get_name()}_services',
            context=owner.context,
            namespace=owner.get_namespace(),
            use_global_arguments=False,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._executor = SingleThreadedExecutor(context=owner.context)
        self._executor.add_node(self._node)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name='services', daemon=True)
        self.failure = ''  # of the last callback that raised

    def create_service(
        self, kind: Any, name: str, callback: Callable[[Any, Any], Any], **options: Any
    ) -> None:
        """Offer `name` of the owner, remapped as the owner's services are."""
        resolved = self._owner.resolve_service_name(name)
        self._node.create_service(kind, resolved, callback, **options)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present callback and destroy the services; idempotent."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._thread.is_alive():
            self._executor.wake()
            self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()

    def _serve(self) -> None:
        while not self._stopping.is_set() and self._owner.context.ok():
            try:
                self._executor.spin_once(timeout_sec=_CHECK_S)
            except Exception as error:  # the next request may be the one that stops the arms
                self.failure = f'{type(error).__name__}: {error}'
                self._owner.get_logger().error(f'a service failed:\n{traceback.format_exc()}')
