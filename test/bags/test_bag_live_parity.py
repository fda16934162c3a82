# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The same messages, live or from a bag, give the same observations."""

import dataclasses

import numpy as np
from bags import messages
from episodes.fakes import LAYOUT
from episodes.fakes import FakePolicy

from wla_ros.bags.reading import BagReader
from wla_ros.bags.reading import image_pixels
from wla_ros.bags.reading import joint_state_fields
from wla_ros.bags.reading import time_ns
from wla_ros.bags.writing import BagWriter
from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.types import JointSample
from wla_ros.base.types import Observation
from wla_ros.inference.session import InferenceSession
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import SynchronisationConfig

MS = 1_000_000
CAMERAS = ('head', 'left_wrist')


def events():
    """
    Yield (receive_ns, stream, stamp_ns, value) as they arrive, jittered and partly out of order.
    """
    random = np.random.default_rng(4)
    items = []
    for i in range(200):
        stamp = 10**9 + i * 5 * MS
        for arm in LAYOUT.arms:
            receive = stamp + int(random.integers(0, 3 * MS))
            items.append((receive, arm, stamp, random.uniform(0.0, 0.06, 7)))
    for i in range(30):
        for camera in CAMERAS:
            stamp = 10**9 + i * 33 * MS + int(random.integers(0, 5 * MS))
            receive = stamp + int(random.integers(5 * MS, 40 * MS))
            if random.random() > 0.1:
                pixels = random.integers(0, 256, (4, 6, 3), dtype=np.uint8)
                items.append((receive, camera, stamp, pixels))
    return sorted(items, key=lambda item: (item[0], item[1]))


def observe(items):
    """Return the observations of a session that is asked after every message."""
    config = SynchronisationConfig(cameras={name: CameraSync() for name in CAMERAS})
    session = InferenceSession(FakePolicy(cameras=CAMERAS).spec, config, LAYOUT)
    observations = []
    for receive, stream, stamp, value in items:
        if stream in CAMERAS:
            session.offer_image(stream, stamp, receive, value)
        else:
            session.offer_joints(
                JointSample(
                    arm=stream,
                    stamp_ns=stamp,
                    receive_ns=receive,
                    position=value,
                    velocity=np.zeros(7),
                    effort=np.zeros(7),
                )
            )
        result = session.next_observation(receive)
        if isinstance(result, Observation):
            observations.append(result)
    return observations, session.snapshot(items[-1][0])


def test_bag_and_live_give_equal_observations(tmp_path):
    live_items = events()
    with BagWriter(tmp_path / 'bag') as writer:
        for stream in (*LAYOUT.arms, *CAMERAS):
            kind = 'Image' if stream in CAMERAS else 'JointState'
            writer.add_topic(f'/{stream}', f'sensor_msgs/msg/{kind}')
        for receive, stream, stamp, value in live_items:
            if stream in CAMERAS:
                message = messages.image(stamp, value)
            else:
                message = messages.joint_state(stamp, list(ARM_COLUMNS), value)
            writer.write(f'/{stream}', receive, messages.serialize(message))
    bag_items = []
    with BagReader(tmp_path / 'bag') as reader:
        for item in reader.messages():
            stream = item.topic[1:]
            image = stream in CAMERAS
            value = image_pixels(item.message) if image else joint_state_fields(item.message)[1]
            bag_items.append((item.log_ns, stream, time_ns(item.message.header.stamp), value))
    bag_items.sort(key=lambda item: (item[0], item[1]))

    live, live_state = observe(live_items)
    bag, bag_state = observe(bag_items)
    assert len(live) > 15
    assert [item.stamp_ns for item in live] == [item.stamp_ns for item in bag]
    for first, second in zip(live, bag, strict=True):
        assert np.array_equal(first.joint_position, second.joint_position)
        assert first.samples == second.samples
        for camera in CAMERAS:
            assert np.array_equal(first.images[camera].pixels, second.images[camera].pixels)
    assert dataclasses.asdict(live_state) == dataclasses.asdict(bag_state)
