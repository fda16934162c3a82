"""The AgileX Piper: kinematics, limits, status codes."""
