# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Pictures of a recorded run: one that is damaged is left out and named, the others are there."""

from pathlib import Path

import cv2
import numpy as np
from bags import messages

from wla_ros.bags.writing import BagWriter
from wla_ros.episodes.from_bag import EpisodeWindow
from wla_ros.episodes.from_bag import RunTopics
from wla_ros.episodes.from_bag import episodes_of_bag
from wla_ros.robots.profile import load_driver_profile

PROFILE = load_driver_profile(Path(__file__).parents[2] / 'config' / 'drivers' / 'piper_ros.yaml')
SECOND = 10**9
WINDOW = EpisodeWindow(
    start_ns=0, end_ns=20 * SECOND, seed=0, task='test', instruction='',
    success=True, judgement='success', end_reason='finished',
)  # fmt: skip


def test_one_damaged_image_ends_no_reading(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    whole = cv2.imencode('.jpg', noise)[1].reshape(-1)
    damaged = whole.copy()
    damaged[1000:2000] = 0
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/head', 'sensor_msgs/msg/CompressedImage')
        for step, data in enumerate([whole, damaged, damaged, whole], start=1):
            message = messages.make(
                'sensor_msgs/msg/CompressedImage',
                header=messages.header(step * SECOND),
                format='jpeg',
                data=data,
            )
            writer.write('/head', step * SECOND, messages.serialize(message))
    topics = RunTopics(pictures={'head': '/head'})
    (record,) = episodes_of_bag(
        tmp_path / 'bag', (WINDOW,), PROFILE, topics, picture_period_ns=SECOND
    )
    assert [picture.stamp_ns for picture in record.pictures] == [SECOND, 4 * SECOND]
    (change,) = record.changes_of('pictures of head')
    assert change.stamp_ns == 2 * SECOND
    assert 'Corrupt JPEG data' in change.reason
