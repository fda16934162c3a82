# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a tick and a splice cost can be measured for every strategy."""

import pytest

pytest.importorskip('rclpy')

from wla_ros.benchmarks.graph.executor_cost import executor_cost
from wla_ros.inference.strategy import STRATEGIES


@pytest.mark.parametrize('strategy', STRATEGIES)
def test_every_strategy_has_ticks_and_splices(strategy):
    cost = executor_cost(strategy, seconds=1.5)
    assert cost['splices'] >= 2
    assert 0.0 < cost['tick_p50_us'] <= cost['tick_p99_us']
    assert 0.0 < cost['splice_p50_us'] <= cost['splice_p99_us']
