# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Clients of the nodes, for command lines: tasks, graph probes, excitation."""
