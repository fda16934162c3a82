# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The network of WLA-0: backbone, text decoder, Action Expert."""
