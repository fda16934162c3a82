"""
Policies behind `wla_ros.core.ports.Policy`.

May import `core`, `robots` and torch; never rclpy.
"""
