# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The World-Language-Action policy WLA-0 in PyTorch (arXiv 2606.05979)."""
