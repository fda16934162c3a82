# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The task pass_post: a kinematic world with two equally good ways."""
