# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Tracking of a recorded run: every arm against its own commands, whichever was heard first."""

from pathlib import Path

import numpy as np
import pytest
from bags import messages

from wla_ros.bags.writing import BagWriter
from wla_ros.base.joints import JointLayout
from wla_ros.episodes.from_bag import EpisodeWindow
from wla_ros.episodes.from_bag import RunTopics
from wla_ros.episodes.from_bag import episodes_of_bag
from wla_ros.episodes.metrics import measure
from wla_ros.robots.profile import load_driver_profile

PROFILE = load_driver_profile(Path(__file__).parents[2] / 'config' / 'drivers' / 'piper_ros.yaml')
COLUMNS = list(JointLayout(('left', 'right')).columns)
NAMES = [f'joint{i}' for i in range(1, 7)] + ['gripper']
NOW, STEP_NS, STEPS = 10**10, 5_000_000, 200
AWAY = {'left': 0.5, 'right': 0.1}  # [rad] of joint 1
WINDOW = EpisodeWindow(
    start_ns=0, end_ns=2 * NOW, seed=0, task='test', instruction='',
    success=True, judgement='success', end_reason='finished',
)  # fmt: skip


@pytest.mark.parametrize('heard', [('left', 'right'), ('right', 'left'), ('right',)])
def test_an_arm_is_compared_with_its_own_commands(tmp_path: Path, heard: tuple[str, ...]) -> None:
    command = np.zeros(14)
    command[0], command[7] = AWAY['left'], AWAY['right']
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/limited_command', 'sensor_msgs/msg/JointState')
        for arm in heard:
            writer.add_topic(f'/joint_states_{arm}', 'sensor_msgs/msg/JointState')
        for step in range(STEPS):
            now = NOW + step * STEP_NS
            message = messages.joint_state(now, COLUMNS, command)
            writer.write('/limited_command', now, messages.serialize(message))
            for delay_ns, arm in enumerate(heard, start=1):
                message = messages.joint_state(now, NAMES, [AWAY[arm], 0, 0, 0, 0, 0, 0.0])
                writer.write(f'/joint_states_{arm}', now + delay_ns, messages.serialize(message))
    (record,) = episodes_of_bag(tmp_path / 'bag', (WINDOW,), PROFILE, RunTopics())
    tracking = {item.arm: item for item in measure(record).tracking}
    assert set(tracking) == set(heard)
    # The driver's unit error is 5e-4 of the angle.
    assert max(item.max_rad for item in tracking.values()) < 1e-3
