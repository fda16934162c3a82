"""
Robot descriptions and driver conventions. Pure: may import `wla_ros.core`, numpy and yaml only.
"""
