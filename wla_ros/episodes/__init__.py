# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whole episodes: run in virtual time or recorded live, then judged and reported alike."""
