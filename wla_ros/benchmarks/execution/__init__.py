# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Execution strategies compared over delays: grid, cells, statistics, page."""
