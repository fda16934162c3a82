"""
The `wla_ros` command line.

Composes the other packages; imports rclpy only inside the commands that need it.
"""
