# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What serves comparisons alone; no other room imports it."""
