# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The simulated rig: MuJoCo scene, cameras, driver of the arms, faults. Knows no ROS."""
