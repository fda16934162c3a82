# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The same events give the same observations, however they are delivered between two polls."""

import numpy as np
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from inference.session_feed import CAMERAS
from inference.session_feed import FRAME_NS
from inference.session_feed import LAYOUT
from inference.session_feed import joint_sample
from inference.session_feed import ms
from inference.session_feed import picture
from inference.session_feed import policy_spec
from inference.session_feed import session

from wla_ros.base.timing import NS_PER_MS

POLL_NS = 12 * NS_PER_MS
SPEC = policy_spec(history_ns={'head': (8 * FRAME_NS, 2 * FRAME_NS)})


@st.composite
def recordings(draw):
    """Events (receive time, stream, stamp) of half a second, in order of receiving."""
    seed = draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    events = []
    for camera in CAMERAS:
        phase_ns = int(generator.integers(0, FRAME_NS))
        for i in range(15):
            if generator.random() > 0.05:
                stamp_ns = ms(0) + phase_ns + i * FRAME_NS + int(generator.normal(0, 1e6))
                events.append(
                    (stamp_ns + int(generator.integers(0, 20 * NS_PER_MS)), camera, stamp_ns)
                )
    for arm in LAYOUT.arms:
        events += [
            (stamp_ns + int(generator.integers(0, 4 * NS_PER_MS)), arm, stamp_ns)
            for stamp_ns in range(ms(-20), ms(520), 5 * NS_PER_MS)
        ]
    return sorted(events), generator


def offer(target, event):
    receive_ns, stream, stamp_ns = event
    if stream in CAMERAS:
        target.offer_image(stream, stamp_ns, receive_ns, picture(stamp_ns))
    else:
        target.offer_joints(joint_sample(stream, stamp_ns, receive_ns=receive_ns))


def play(events, arrange):
    """Deliver the events received up to each poll in the order that `arrange` gives them."""
    target, seen, cursor = session(SPEC), [], 0
    for poll_ns in range(ms(0), ms(520), POLL_NS):
        end = cursor
        while end < len(events) and events[end][0] <= poll_ns:
            end += 1
        for event in arrange(events[cursor:end]):
            offer(target, event)
        cursor = end
        seen.append(target.next_observation(poll_ns))
    return seen


def fingerprint(result):
    if not hasattr(result, 'images'):
        return (result.reason, result.detail)
    return (
        result.stamp_ns,
        result.epoch,
        result.samples,
        result.joint_position.tobytes(),
        result.joint_velocity.tobytes(),
        tuple(frame.pixels.tobytes() for frame in result.images.values()),
        tuple(frame.pixels.tobytes() for frame in result.history['head']),
    )


@settings(max_examples=40, deadline=None)
@given(recordings())
def test_live_and_bag_delivery_give_the_same_observations(recording):
    events, generator = recording

    def as_received(chunk):
        return chunk

    def stream_by_stream(chunk):
        return sorted(chunk, key=lambda event: event[1])

    def shuffled_between_streams(chunk):
        queues = {}
        for event in chunk:
            queues.setdefault(event[1], []).append(event)
        mixed = []
        while queues:
            stream = list(queues)[int(generator.integers(len(queues)))]
            mixed.append(queues[stream].pop(0))
            if not queues[stream]:
                del queues[stream]
        return mixed

    live = [fingerprint(result) for result in play(events, as_received)]
    assert sum(len(entry) > 2 for entry in live) > 3
    assert [fingerprint(r) for r in play(events, stream_by_stream)] == live
    assert [fingerprint(r) for r in play(events, shuffled_between_streams)] == live
