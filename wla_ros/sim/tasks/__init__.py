# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The tasks of the simulated rig. A new task is one file and one entry point."""
