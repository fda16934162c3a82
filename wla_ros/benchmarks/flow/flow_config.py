# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a trained flow policy is: its arm, its inputs, its network. Stored beside the weights."""

from dataclasses import dataclass

from wla_ros.base.config import parameter
from wla_ros.base.joints import ARM_JOINTS

JOINTS = len(ARM_JOINTS)
BUCKETS = 1000  # resolution of flow time
# Rows that the network has before the state a chunk continues from. With that state they are the
# clean rows of a prefix: earlier ones say nothing about how the motion goes on.
PAST_ROWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowConfig:
    """One arm moves with its gripper closed, the other one stays."""

    arm: str = parameter('the arm that moves')
    objects: tuple[str, ...] = parameter('bodies whose positions it sees, in this order')
    base_m: tuple[float, ...] = parameter('base of the arm in the world', unit='m')
    tool_offset_m: float = parameter('flange to tool point', unit='m', minimum=0.0)
    gripper_m: float = parameter(
        'opening that the gripper of the arm goes to', unit='m', minimum=0.0, maximum=0.1
    )
    horizon: int = parameter('rows of a chunk', minimum=2, maximum=1000)
    dt_ns: int = parameter('period of the rows', unit='ns', minimum=1)
    clean_prefix_rows: int = parameter('most clean prefix rows it was trained with', minimum=0)
    rolled_rows: int = parameter(
        'largest distance between joints and older objects it was trained with',
        unit='rows',
        minimum=0,
    )
    width: int = parameter('of the network', minimum=8, maximum=4096, default=192)
    blocks: int = parameter('of the network', minimum=1, maximum=64, default=3)

    @property
    def slots(self) -> int:
        """Rows of the network: the past ones, the state and those after it."""
        return PAST_ROWS + self.horizon

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that contradict each other."""
        if len(self.base_m) != 3:
            raise ValueError(f'base_m must be x y z, got {self.base_m!r}')
        if not self.objects:
            raise ValueError('objects must name at least one body')
        most = max(self.clean_prefix_rows, self.rolled_rows)
        if most >= self.horizon:
            raise ValueError(f'{most} prefix or rolled rows leave none of {self.horizon}')
