# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Policies behind `wla_ros.base.types.Policy`. Importing one that is not run costs nothing."""
