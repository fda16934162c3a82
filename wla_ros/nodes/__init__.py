# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The ROS nodes, one folder each, and what they share: thin shells around the pure rooms."""
