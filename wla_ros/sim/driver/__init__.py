"""A stand-in for one Piper, its firmware and its `piper_ros` driver. Pure: time is an argument, no ROS, no MuJoCo."""
