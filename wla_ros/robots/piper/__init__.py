"""
The AgileX Piper: kinematics, limits, status codes. Pure: may import `wla_ros.core` and numpy only.
"""
