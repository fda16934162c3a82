# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Serialized messages for bag tests, made without ROS."""

from typing import Any

import numpy as np

from wla_ros.bags.reading import message_types

TYPES = message_types()


def make(name: str, /, **fields: Any) -> Any:
    """Return a message object; `name` as 'sensor_msgs/msg/Image'."""
    return TYPES.types[name](**fields)


def stamp(ns: int) -> Any:
    """Return a Time."""
    return make('builtin_interfaces/msg/Time', sec=ns // 10**9, nanosec=ns % 10**9)


def duration(ns: int) -> Any:
    """Return a Duration."""
    return make('builtin_interfaces/msg/Duration', sec=ns // 10**9, nanosec=ns % 10**9)


def header(ns: int, frame: str = '') -> Any:
    """Return a Header."""
    return make('std_msgs/msg/Header', stamp=stamp(ns), frame_id=frame)


def serialize(message: Any) -> bytes:
    """Return CDR bytes."""
    return bytes(TYPES.serialize_cdr(message, message.__msgtype__))


def joint_state(ns: int, names: list[str], position: np.ndarray) -> Any:
    """Return a JointState with zero velocity and effort."""
    return make(
        'sensor_msgs/msg/JointState',
        header=header(ns),
        name=names,
        position=np.asarray(position, dtype=np.float64),
        velocity=np.zeros(len(names)),
        effort=np.zeros(len(names)),
    )


def image(ns: int, pixels: np.ndarray, encoding: str = 'rgb8', padding: int = 0) -> Any:
    """Return an Image; rows are padded by `padding` bytes."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    data = np.pad(rows, ((0, 0), (0, padding))).astype(np.uint8)
    return make(
        'sensor_msgs/msg/Image',
        header=header(ns),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=data.shape[1],
        data=data.reshape(-1),
    )


def chunk(
    ns: int,
    rows: np.ndarray,
    columns: list[str],
    *,
    epoch: int = 1,
    sequence: int = 0,
    dt_ns: int = 33_333_333,
    row_offset: int = 0,
    committed_prefix: int = 2,
) -> Any:
    """Return an ActionChunk with one input sample and one stage timing."""
    return make(
        'wla_ros/msg/ActionChunk',
        header=header(ns),
        representation=0,
        session=0,
        join=0,
        epoch=epoch,
        sequence=sequence,
        dt=duration(dt_ns),
        horizon=rows.shape[0],
        columns=columns,
        rows=np.asarray(rows, dtype=np.float64).reshape(-1),
        row_offset=row_offset,
        committed_prefix=committed_prefix,
        policy='test',
        policy_version='1',
        instruction='stack',
        subtask='grasp',
        subtask_id=3,
        memory_revision=4,
        finished=False,
        inputs=[
            make(
                'wla_ros/msg/StreamSample',
                stream='head',
                stamp=stamp(ns),
                age=duration(5),
                skew=duration(-7),
            )
        ],
        timings=[
            make('wla_ros/msg/StageTiming', stage='inference', duration=duration(40_000_000))
        ],
        JOINT_POSITION=0,
        END_EFFECTOR_POSE=1,
    )


def splice(ns: int, *, strategy: str = 'latest', sequence: int = 0, delay_s: float = 0.1) -> Any:
    """Return the Splice of a chunk of epoch 1."""
    return make(
        'wla_ros/msg/Splice',
        header=header(ns),
        strategy=strategy,
        followed=True,
        forecast_short=False,
        steep=False,
        epoch=1,
        sequence=sequence,
        delay=duration(round(delay_s * 1e9)),
        rows_late=3,
        rows_kept=0,
        position_step_rad=0.01,
        velocity_step_rad_s=0.02,
        acceleration_step_rad_s2=0.03,
        bridge=duration(40_000_000),
        bridged_position_step_rad=0.001,
        bridged_velocity_step_rad_s=0.002,
        bridged_acceleration_step_rad_s2=0.003,
    )
