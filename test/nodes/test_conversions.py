# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Messages and values: there and back is the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

pytest.importorskip('rclpy')

from rclpy.serialization import serialize_message  # noqa: E402

from wla_ros.base.counters import counter_names  # noqa: E402
from wla_ros.base.types import ActionChunk  # noqa: E402 - not without rclpy
from wla_ros.base.types import Mode  # noqa: E402
from wla_ros.base.types import ObjectPoses  # noqa: E402
from wla_ros.base.types import Provenance  # noqa: E402
from wla_ros.base.types import Refusal  # noqa: E402
from wla_ros.base.types import Representation  # noqa: E402
from wla_ros.base.types import StageTiming  # noqa: E402
from wla_ros.base.types import StreamSample  # noqa: E402
from wla_ros.execution.report import EXECUTOR_COUNTERS  # noqa: E402
from wla_ros.inference.plan import PlanHealth  # noqa: E402
from wla_ros.inference.snapshot import SessionSnapshot  # noqa: E402
from wla_ros.inference.snapshot import StreamHealth  # noqa: E402
from wla_ros.msg import ExecutorStatus  # noqa: E402
from wla_ros.msg import PolicyStatus  # noqa: E402
from wla_ros.msg import StreamStatus  # noqa: E402
from wla_ros.nodes.messages import chunk_message  # noqa: E402
from wla_ros.nodes.messages import chunk_value  # noqa: E402
from wla_ros.nodes.messages import duration_message  # noqa: E402
from wla_ros.nodes.messages import duration_ns  # noqa: E402
from wla_ros.nodes.messages import fill  # noqa: E402
from wla_ros.nodes.messages import mode_message  # noqa: E402
from wla_ros.nodes.messages import object_poses  # noqa: E402
from wla_ros.nodes.messages import stamp_ns  # noqa: E402
from wla_ros.nodes.messages import time_message  # noqa: E402
from wla_ros.nodes.sim.node import object_markers  # noqa: E402

CHUNK = ActionChunk(
    stamp_ns=1_700_000_000_123_456_789,
    dt_ns=33_333_333,
    epoch=7,
    sequence=2**40,
    representation=Representation.JOINT_POSITION,
    columns=tuple('abc'),
    rows=np.arange(12.0).reshape(4, 3),
    row_offset=5,
    committed_prefix=2,
    finished=True,
    provenance=Provenance(
        policy='p',
        policy_version='v',
        instruction='i',
        subtask='s',
        subtask_id=3,
        memory_revision=4,
    ),
    samples=(StreamSample(stream='head', stamp_ns=5, age_ns=6, skew_ns=-7),),
    timings=(StageTiming(stage='inference', duration_ns=1_500_000_000),),
)


@settings(deadline=None)
@given(st.integers(0, 2**31 * 10**9 - 1))
def test_a_stamp_survives(value: int) -> None:
    assert stamp_ns(time_message(value)) == value


@settings(deadline=None)
@given(st.integers(-(2**31) * 10**9, 2**31 * 10**9 - 1))
def test_a_duration_survives_negative_ones_too(value: int) -> None:
    assert duration_ns(duration_message(value)) == value


def test_a_chunk_survives() -> None:
    back = chunk_value(chunk_message(CHUNK))
    assert isinstance(back, ActionChunk)
    assert np.array_equal(back.rows, CHUNK.rows)
    for name in CHUNK.__slots__:
        if name != 'rows':
            assert getattr(back, name) == getattr(CHUNK, name), name


@pytest.mark.parametrize(
    ('field', 'value', 'reason'),
    [('horizon', 5, 'shape'), ('horizon', 0, 'shape'), ('representation', 9, 'representation')],
)
def test_a_chunk_that_contradicts_itself_is_refused(field: str, value: int, reason: str) -> None:
    message = chunk_message(CHUNK)
    setattr(message, field, value)
    refusal = chunk_value(message)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


def test_object_poses_survive_as_markers() -> None:
    poses = ObjectPoses(
        stamp_ns=11,
        receive_ns=12,
        names=('cup', 'ball'),
        poses=np.array([[0.1, 0.2, 0.3, 0.0, 0.0, 0.6, 0.8], [1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 1.0]]),
    )
    back = object_poses(object_markers(poses, stamp=11), receive_ns=12)
    assert isinstance(back, ObjectPoses)
    assert (back.names, back.stamp_ns, back.receive_ns) == (poses.names, 11, 12)
    assert np.allclose(back.poses, poses.poses)


def test_object_poses_that_are_not_finite_or_none_are_refused() -> None:
    poses = ObjectPoses(stamp_ns=1, receive_ns=1, names=('cup',), poses=np.full((1, 7), np.nan))
    assert isinstance(object_poses(object_markers(poses, stamp=1), receive_ns=1), Refusal)
    empty = ObjectPoses(stamp_ns=1, receive_ns=1, names=(), poses=np.zeros((0, 7)))
    assert isinstance(object_poses(object_markers(empty, stamp=1), receive_ns=1), Refusal)


def test_text_longer_than_its_bound_is_cut_and_numbers_of_numpy_are_taken() -> None:
    entry = mode_message(Mode.HOLD, revision=1, cause='c' * 65, reason='r' * 4_000_000, stamp=0)
    assert (len(entry.cause), len(entry.reason)) == (64, 512)
    assert entry.reason.endswith('r…')
    values = {'count': np.int64(3), 'rate_hz': np.float64(0.5), 'age_s': 1.5, 'unknown': 1}
    status = fill(StreamStatus(), {**values, 'received': np.int64(3), 'stream': 'head'})
    assert (status.received, status.rate_hz, status.stream) == (3, 0.5, 'head')
    assert duration_ns(status.age) == 1_500_000_000
    serialize_message(status)


def test_every_counter_and_every_number_of_a_status_is_filled() -> None:
    numbers = {name: 2**20 + i for i, name in enumerate(EXECUTOR_COUNTERS)}
    filled = fill(ExecutorStatus(), numbers)
    shown = {
        name
        for name, kind in ExecutorStatus.get_fields_and_field_types().items()
        if kind in ('uint32', 'uint64') and name not in ('session', 'epoch', 'sequence')
    }
    assert shown <= set(numbers)
    assert all(getattr(filled, name) == numbers[name] for name in shown)
    names = {*counter_names(SessionSnapshot), *counter_names(PlanHealth)}
    shown = {
        name
        for name, kind in PolicyStatus.get_fields_and_field_types().items()
        if kind == 'uint64' and name != 'session'
    }
    assert shown == names
    streams = set(StreamStatus.get_fields_and_field_types())
    assert set(counter_names(StreamHealth)) <= streams
