# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Specifications, configurations and samples for tests of the synchroniser; no clock."""

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import JointSample
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.inference.session import InferenceSession
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import HistorySync
from wla_ros.observation.config import JointSync
from wla_ros.observation.config import SynchronisationConfig

LAYOUT = JointLayout(('left', 'right'))
START_NS = 100 * NS_PER_S
CAMERAS = ('head', 'left_wrist', 'right_wrist')
FRAME_NS = 33_333_333
HORIZON = 4


def ms(milliseconds: float) -> int:
    """Milliseconds after the start of a test, as a stamp."""
    return START_NS + round(milliseconds * NS_PER_MS)


def policy_spec(
    *, cameras=CAMERAS, history_ns=None, needs_objects=False, columns=LAYOUT.columns, **fields
):
    return PolicySpec(
        name='fake',
        version='1',
        representation=fields.pop('representation', Representation.JOINT_POSITION),
        columns=columns,
        horizon=HORIZON,
        dt_ns=FRAME_NS,
        cameras=cameras,
        history_ns=history_ns or {},
        needs_objects=needs_objects,
        **fields,
    )


def sync_config(*, camera=None, cameras=None, joints=None, history=None, **fields):
    """Return a configuration with `camera` for every camera unless `cameras` names others."""
    everywhere = camera or CameraSync()
    return SynchronisationConfig(
        cameras={name: everywhere for name in CAMERAS} | (cameras or {}),
        joints=joints or JointSync(),
        history=history or HistorySync(),
        **fields,
    )


def session(spec=None, config=None, **fields):
    return InferenceSession(spec or policy_spec(), config or sync_config(), LAYOUT, **fields)


def picture(content: int):
    """Return a small picture that differs for every `content`."""
    return np.frombuffer(np.int64(content).tobytes() * 24, dtype=np.uint8).reshape(8, 8, 3)


def joint_sample(
    arm: str, stamp_ns: int, *, receive_ns=None, position=None, velocity=None, effort=None
):
    """Return a sample on a line: angles 0.1 + 0.2 rad/s * t, gripper 0.02 m + 0.001 m/s * t."""
    seconds = (stamp_ns - START_NS) * 1e-9
    rate = np.array([0.2] * 6 + [0.001])
    offset = np.array([0.1] * 6 + [0.02])
    return JointSample(
        arm=arm,
        stamp_ns=stamp_ns,
        receive_ns=stamp_ns if receive_ns is None else receive_ns,
        position=offset + rate * seconds
        if position is None
        else np.asarray(position, dtype=float),
        velocity=rate if velocity is None else np.asarray(velocity, dtype=float),
        effort=np.full(7, 0.5) if effort is None else np.asarray(effort, dtype=float),
    )


def line_position(stamp_ns: int):
    """Where `joint_sample` puts both arms at `stamp_ns` [14]."""
    return np.tile(joint_sample('left', stamp_ns).position, 2)


def object_poses(stamp_ns: int, *, receive_ns=None):
    return ObjectPoses(
        stamp_ns=stamp_ns,
        receive_ns=stamp_ns if receive_ns is None else receive_ns,
        names=('cup',),
        poses=np.array([[0.3, 0.0, 0.1, 0.0, 0.0, 0.0, 1.0]]),
    )


def feed_joints(target, first_ns: int, last_ns: int, *, period_ns=5 * NS_PER_MS):
    """Offer samples of both arms at every period in [first, last]."""
    for stamp_ns in range(first_ns, last_ns + 1, period_ns):
        for arm in LAYOUT.arms:
            assert target.offer_joints(joint_sample(arm, stamp_ns)) is None


def feed_frames(target, stamp_ns: int, *, cameras=CAMERAS, receive_ns=None):
    """Offer one frame per camera, all with the same stamp and all different."""
    for name in cameras:
        received_ns = stamp_ns if receive_ns is None else receive_ns
        assert target.offer_image(name, stamp_ns, received_ns, picture(stamp_ns)) is None


def run_for(target, first_ns: int, last_ns: int):
    """Feed frames at 30 Hz and joints at 200 Hz; return the stamp of the last frame."""
    stamps = range(first_ns, last_ns + 1, FRAME_NS)
    for joint_ns in range(first_ns, last_ns + 1, 5 * NS_PER_MS):
        feed_joints(target, joint_ns, joint_ns)
        for stamp_ns in stamps:
            if joint_ns <= stamp_ns < joint_ns + 5 * NS_PER_MS:
                feed_frames(target, stamp_ns)
    return stamps[-1]


def good_result(**fields):
    return PolicyResult(rows=np.zeros((HORIZON, LAYOUT.width)), **fields)


def reason(value) -> str:
    return value.reason if isinstance(value, Refusal) else f'no refusal: {type(value).__name__}'


def counters_add_up(target, now_ns: int) -> bool:
    """Both equations of the status messages."""
    snapshot = target.snapshot(now_ns)
    streams = all(
        health.received == health.used + health.superseded + health.refused + health.waiting
        for health in snapshot.streams
    )
    results = (
        snapshot.observations
        == snapshot.inferences + snapshot.inference_errors + int(snapshot.running)
        and snapshot.inferences == snapshot.chunks_published + snapshot.results_discarded
    )
    return streams and results
