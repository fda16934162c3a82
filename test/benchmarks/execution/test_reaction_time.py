# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""An event is answered by the first observation that sees it."""

import numpy as np
import pytest

from wla_ros.benchmarks.execution.reaction_time import reaction_times_s

MS = 1_000_000


def ms(*values):
    return np.array(values, dtype=np.int64) * MS


def test_reaction_lasts_from_the_event_to_the_effect_of_what_saw_it():
    found = reaction_times_s(ms(0, 100), ms(50, 150), 0, 101 * MS)
    # At 0 ms it is seen at once; at 5 ms only the observation at 100 ms sees it.
    assert found[0] == pytest.approx(0.05)
    assert found[1] == pytest.approx(0.145)
    assert found.min() == pytest.approx(0.05)
    assert len(found) == 21


def test_what_nobody_saw_does_not_count():
    assert not reaction_times_s(ms(), ms(), 0, 100 * MS).size
    assert len(reaction_times_s(ms(50), ms(90), 0, 100 * MS)) == 11


def test_a_newer_chunk_that_is_first_answers_for_the_older_one():
    found = reaction_times_s(ms(0, 10), ms(300, 60), 0, 5 * MS)
    assert found[0] == pytest.approx(0.06)
