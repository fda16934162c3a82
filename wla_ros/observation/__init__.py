# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""From streams of samples to one observation: buffers, histories, synchronisation by exposure."""
