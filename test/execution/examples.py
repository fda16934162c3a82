# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How many examples the properties of the executor get: about 1000 with the tests, 100 times as many
at night (`make nightly`, or HYPOTHESIS_PROFILE=nightly with pytest).
"""

import os

from hypothesis import HealthCheck
from hypothesis import settings

NIGHTLY = os.environ.get('HYPOTHESIS_PROFILE', '') == 'nightly'
_NIGHTLY_FACTOR = 100


def examples(count: int) -> settings:
    """Return settings for `count` examples with the tests."""
    return settings(
        max_examples=count * (_NIGHTLY_FACTOR if NIGHTLY else 1),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
