"""The grids of the execution benchmark: which scenes, strategies and conditions."""

from wla_ros.core.execution_strategy import STRATEGIES
from wla_ros.evaluation.execution.benchmark_cell import Conditions
from wla_ros.evaluation.execution.benchmark_grid import BenchmarkGrid
from wla_ros.evaluation.execution.benchmark_grid import Scene
from wla_ros.evaluation.peers.catalogue import PEERS

_EVERYTHING = (*STRATEGIES, *PEERS)
_JITTER_MS = 20
_SWEEP = tuple(
    Conditions(delay_ms=delay_ms, jitter_ms=_JITTER_MS) for delay_ms in (0, 100, 200, 300, 400)
)
# Much jitter, every tenth inference lost, both.
_TROUBLE = (
    Conditions(delay_ms=200, jitter_ms=150),
    Conditions(delay_ms=200, jitter_ms=_JITTER_MS, drop_percent=10),
    Conditions(delay_ms=200, jitter_ms=150, drop_percent=10),
)

FULL = BenchmarkGrid(
    scenes=(
        Scene(policy='flow', task='pass_post', strategies=_EVERYTHING),
        Scene(policy='expert', task='dispose_trash@1', strategies=_EVERYTHING),
    ),
    conditions=(*_SWEEP, *_TROUBLE),
    episodes=200,
)
# Every kind of strategy and of peer once.
QUICK = BenchmarkGrid(
    scenes=(
        Scene(
            policy='expert',
            task='pass_post',
            strategies=(
                'sync',
                'latest',
                'rollforward',
                'lerobot weighted_average',
                'lerobot rtc',
                'openpi broker',
            ),
        ),
    ),
    conditions=(_SWEEP[0], _SWEEP[2]),
    episodes=2,
)
