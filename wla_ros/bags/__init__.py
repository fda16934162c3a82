"""Recordings: read, write, and the actions in them. Knows rosbags and MCAP, no ROS graph."""
