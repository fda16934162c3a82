# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""When a command reached the simulated bus: its own stamp, if that is believable."""

import pytest

pytest.importorskip('rclpy')

from wla_ros.nodes.sim.node import SimNode

NOW_NS = 10**18
MS = 1_000_000


class Clock:
    def now_ns(self):
        return NOW_NS


@pytest.mark.parametrize(
    ('stamp', 'arrival'),
    [
        (NOW_NS - 12 * MS, NOW_NS - 12 * MS),
        (NOW_NS, NOW_NS),
        (0, NOW_NS),
        (NOW_NS - 80 * MS, NOW_NS),
        (NOW_NS + 5 * MS, NOW_NS),
    ],
    ids=['recent', 'now', 'none', 'old', 'future'],
)
def test_only_a_recent_stamp_counts_as_arrival(stamp, arrival):
    assert SimNode._arrival_ns(Clock(), stamp) == arrival
