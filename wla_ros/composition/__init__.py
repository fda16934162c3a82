# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the parameters of policy and executor become: one place for nodes, episodes, benchmarks."""
