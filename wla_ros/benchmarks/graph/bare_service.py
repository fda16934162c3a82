# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A service of rclpy that does nothing: what an answer takes on this machine at this moment.

A process of its own, started by `wla_ros bench-stop` as the measure of the others.
"""

import rclpy
from rclpy.executors import ExternalShutdownException
from std_srvs.srv import Trigger

from wla_ros.nodes.lifecycle import prefer_local_transport
from wla_ros.nodes.starter_watch import watch_starter

SERVICE = 'bare_service'


def _answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
    del request
    response.success = True
    return response


def main() -> int:
    """Run until interrupted."""
    prefer_local_transport()
    rclpy.init()
    watch_starter()
    node = rclpy.create_node('bare_service')
    node.create_service(Trigger, SERVICE, _answer)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
