# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""How good the experts are that demonstrate."""
