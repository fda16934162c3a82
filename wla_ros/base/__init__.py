# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Values, time, configuration, curves and geometry that all rooms share. numpy and yaml only."""
