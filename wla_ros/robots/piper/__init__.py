"""The AgileX Piper: kinematics, limits, status codes. Imports `wla_ros.core` and numpy only."""
