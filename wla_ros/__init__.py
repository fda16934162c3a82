# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
World-Language-Action policies on bimanual AgileX Piper robots with ROS 2.

A room (folder) is a stage of the data, and imports point one way between rooms: base, robots,
observation, inference, execution, bags, sim, policies, episodes know no ROS; nodes, calibration,
cli and benchmarks do. `docs/architecture.md` says where to find what, `test/test_imports.py`
enforces the arrows.
"""

from pkgutil import extend_path

# `msg`, `srv` and `action` are generated into the installed package. With a source checkout first
# on sys.path (any `python -m` run from the repository root) they are still found in the
# installation.
__path__ = extend_path(__path__, __name__)
