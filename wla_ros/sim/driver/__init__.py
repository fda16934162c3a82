# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A stand-in for the driver and firmware of a Piper, down to units and periods of its CAN bus."""
