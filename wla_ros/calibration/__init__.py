# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Latency calibration of cameras, arms and grippers."""
