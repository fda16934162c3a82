# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""When the policy is asked, what it is told of the plan, and what becomes of its result."""
