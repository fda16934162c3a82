# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a robot is: driver profiles, message encodings and decodings, limits, kinematics."""
