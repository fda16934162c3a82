# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Recordings: read, write, and the actions in them. Knows rosbags and MCAP, no ROS graph."""
