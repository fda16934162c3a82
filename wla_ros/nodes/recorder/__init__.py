# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The node that records topics to a bag."""
