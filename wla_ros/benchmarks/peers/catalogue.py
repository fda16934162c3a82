# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The peers by name: which queue each has, and when it asks the policy for a chunk. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wla_ros.benchmarks.peers.lerobot_aggregation import AGGREGATIONS
from wla_ros.benchmarks.peers.lerobot_aggregation import CHUNK_SIZE_THRESHOLD
from wla_ros.benchmarks.peers.lerobot_aggregation import LeRobotAggregation
from wla_ros.benchmarks.peers.lerobot_rtc import LeRobotRtc
from wla_ros.benchmarks.peers.openpi_broker import OpenPiBroker
from wla_ros.benchmarks.peers.row_queue import RowQueue
from wla_ros.inference.strategy import StrategyConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One configuration of another program."""

    name: str
    program: str
    new_weight: float = 1.0  # of LeRobot's aggregation
    guided: bool = False  # its policy is guided by the rows in the queue
    blocks: bool = False  # asks for a chunk only when the last row of the one before went out

    def queue(self, horizon: int, dt_s: float) -> RowQueue:
        """Return an empty queue for chunks of `horizon` rows, `dt_s` apart."""
        if self.blocks:
            return OpenPiBroker(action_horizon=max(1, horizon // 2))
        if self.guided:
            return LeRobotRtc(dt_s)
        return LeRobotAggregation(self.new_weight)

    def asks(self, horizon: int) -> StrategyConfig:
        """Return when the policy is asked, in the words of this program."""
        if self.blocks:
            # Below one row: the last one went out. The newest image will do, as it is in openpi.
            return StrategyConfig(name='latest', infer='below', rows=1, warm_up=0)
        if self.guided:
            return StrategyConfig(name='latest', infer='fast', warm_up=0)
        rows = round(horizon * CHUNK_SIZE_THRESHOLD) + 1  # asks at this many or fewer
        return StrategyConfig(name='latest', infer='below', rows=rows, warm_up=0)


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        peer.name: peer
        for peer in (
            *(
                Peer(name=f'lerobot {name}', program='LeRobot', new_weight=weight)
                for name, weight in AGGREGATIONS.items()
            ),
            Peer(name='lerobot rtc', program='LeRobot', guided=True),
            Peer(name='openpi broker', program='openpi', blocks=True),
        )
    }
)
