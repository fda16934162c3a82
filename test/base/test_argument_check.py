# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Values of options: what is outside of their range is refused with the range."""

import argparse

import pytest

from wla_ros.base.arguments import count
from wla_ros.base.arguments import number
from wla_ros.base.arguments import outside
from wla_ros.base.arguments import share


@pytest.mark.parametrize(
    ('kind', 'text', 'what'),
    [
        (share, '1.5', '1.5 lies outside 0 .. 1'),
        (share, 'nan', 'nan lies outside'),
        (number(0.0), '-1', '-1 lies below 0'),
        (number(0.0, 5.0), 'much', "'much' is no number"),
        (count, '0', '0 lies below 1'),
        (count, '2.5', "'2.5' is no whole number"),
    ],
)
def test_a_value_outside_of_the_range_names_both(kind, text, what):
    with pytest.raises(argparse.ArgumentTypeError, match=what):
        kind(text)


def test_a_value_within_the_range_is_taken():
    assert share('0.5') == 0.5
    assert count('3') == 3
    assert number(0.0)('1e9') == 1e9
    assert not list(outside('here', 1.0, 0.0, 1.0))
    assert [str(problem) for problem in outside('here', 2.0, 0.0, 1.0)] == [
        'here: 2 lies outside 0 .. 1'
    ]
