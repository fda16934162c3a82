"""
The ROS shells: the only place that imports rclpy and message packages.

Thin: parameters in, callbacks forward, results out.
"""
