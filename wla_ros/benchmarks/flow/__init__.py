# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A small flow-matching policy trained for the execution benchmark."""
