"""The joins by name; the only place that knows them all."""

from wla_ros.control.blended_rows import CrossfadedRows
from wla_ros.control.blended_rows import EnsembleRows
from wla_ros.control.merge_strategy import ArrivalRows
from wla_ros.control.merge_strategy import CommittedRows
from wla_ros.control.merge_strategy import LatestRows
from wla_ros.control.merge_strategy import MergeStrategy
from wla_ros.control.splice_bridge import BridgeFitter
from wla_ros.core.execution_strategy import Join
from wla_ros.core.strategy_config import StrategyConfig


def merge_strategy(join: Join, config: StrategyConfig, bridges: BridgeFitter) -> MergeStrategy:
    """Return `join` with the numbers of `config`, and with nothing remembered."""
    match join:
        case Join.LATEST:
            return LatestRows()
        case Join.CROSSFADE:
            return CrossfadedRows(config.crossfade_s)
        case Join.ENSEMBLE:
            return EnsembleRows(config.ensemble_decay)
        case Join.COMMITTED:
            return CommittedRows()
        case Join.ARRIVAL:
            return ArrivalRows(bridges.run_up_s)
