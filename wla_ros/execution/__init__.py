# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""From chunks to limited commands: gate, schedule, splice, path, limiter, supervision."""
