# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Makes the modules of config/build importable, as they are for the bootstrap."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'config/build'))


@pytest.fixture
def root() -> Path:
    """Return the repository."""
    return ROOT
