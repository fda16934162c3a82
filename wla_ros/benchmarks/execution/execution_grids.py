# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The grids of the execution benchmark: which scenes, strategies and conditions."""

from wla_ros.benchmarks.execution.benchmark_cell import Conditions
from wla_ros.benchmarks.execution.benchmark_grid import BenchmarkGrid
from wla_ros.benchmarks.execution.benchmark_grid import Scene

_JITTER_MS = 20
_SWEEP = tuple(
    Conditions(delay_ms=delay_ms, jitter_ms=_JITTER_MS) for delay_ms in (0, 100, 200, 300, 400)
)
_NONE, _MIDDLE, _MOST = _SWEEP[0], _SWEEP[2], _SWEEP[4]
# Much jitter, every tenth inference lost, both.
_TROUBLE = (
    Conditions(delay_ms=200, jitter_ms=150),
    Conditions(delay_ms=200, jitter_ms=_JITTER_MS, drop_percent=10),
    Conditions(delay_ms=200, jitter_ms=150, drop_percent=10),
)
_OURS = (
    'sync',
    'latest',
    'latest fast',
    'crossfade',
    'ensemble',
    'rtc',
    'prefix',
    'rollforward',
    'grounded',
    'prefix+rollforward',
)
_PEERS = ('lerobot weighted_average', 'lerobot rtc', 'openpi broker')
_MORE_PEERS = ('lerobot latest_only', 'lerobot average', 'lerobot conservative')
_FEW = ('sync', 'latest', 'prefix', 'rollforward')
# Five passes take seven seconds: long enough that the wait for the first chunk, which nothing can
# save, is not what decides.
_PASSES = 'pass_post@5'

FULL = BenchmarkGrid(
    scenes=(
        Scene(policy='flow', task=_PASSES, strategies=(*_FEW, 'rtc'), conditions=_SWEEP),
        Scene(
            policy='flow',
            task=_PASSES,
            strategies=(*_OURS, *_PEERS),
            conditions=(_NONE, _MIDDLE, _MOST),
        ),
        Scene(policy='flow', task=_PASSES, strategies=_MORE_PEERS, conditions=(_NONE, _MIDDLE)),
        Scene(
            policy='flow',
            task=_PASSES,
            strategies=(*_FEW, 'rtc', *_PEERS),
            conditions=_TROUBLE,
        ),
        Scene(
            policy='noisy_expert',
            task=_PASSES,
            strategies=(*_FEW, *_PEERS[::2]),
            conditions=(_NONE, _MIDDLE),
        ),
        *(
            Scene(
                policy='noisy_expert',
                task=f'dispose_trash@{speed}',
                strategies=(*_FEW, *_PEERS[::2]),
                conditions=(_NONE, _MIDDLE),
            )
            for speed in ('0.5', '1', '2')
        ),
    ),
    episodes=200,
)
# Every kind of strategy and of peer once.
QUICK = BenchmarkGrid(
    scenes=(
        Scene(
            policy='noisy_expert',
            task='pass_post',
            strategies=(
                'sync',
                'latest',
                'rollforward',
                'lerobot weighted_average',
                'lerobot rtc',
                'openpi broker',
            ),
            conditions=(_NONE, _MIDDLE),
        ),
    ),
    episodes=2,
)
