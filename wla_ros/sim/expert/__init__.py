# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Scripted experts: policies that see object poses, for demonstrations and as an upper bound."""
