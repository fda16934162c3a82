# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policy node: cameras and joints in, action chunks out."""
