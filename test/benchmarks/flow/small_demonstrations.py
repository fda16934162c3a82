# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Demonstrations of two episodes whose numbers tell where they come from."""

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.benchmarks.execution.demonstrations import Demonstrations
from wla_ros.benchmarks.flow.flow_config import FlowConfig

HORIZON = 8
DT_NS = 33_333_333
LAYOUT = JointLayout(('left', 'right'))


def config(**changes):
    values = {
        'arm': 'left',
        'objects': ('post', 'goal'),
        'base_m': (0.0, 0.28, 0.0),
        'tool_offset_m': 0.132,
        'gripper_m': 0.004,
        'horizon': HORIZON,
        'dt_ns': DT_NS,
        'clean_prefix_rows': 3,
        'rolled_rows': 3,
        'width': 32,
        'blocks': 1,
    }
    return FlowConfig(**(values | changes))


def demonstrations(steps=20):
    """Commands are 0.001 x step in episode 0, plus 1 in episode 1; plans add 0.1 at once."""
    step = np.arange(steps)
    episode = np.arange(2)[:, None]
    commands = np.repeat((0.001 * step + episode)[..., None], 6, axis=2)
    rows = 0.001 * np.arange(HORIZON)[:, None]
    positions = np.zeros((2, steps, 2, 3))
    positions[..., 1, 0] = 0.005 * step
    return Demonstrations(
        dt_ns=DT_NS,
        columns=LAYOUT.columns[:6],
        objects=('post', 'goal'),
        lengths=np.array([steps, steps]),
        joints=commands - 0.0001,
        velocities=np.full_like(commands, 0.03),
        commands=commands,
        plans=commands[:, :, None] + rows + 0.1,
        positions=positions,
    )
