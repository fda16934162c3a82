# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Latency, lateness and CPU of the nodes under the load of a full rig."""
