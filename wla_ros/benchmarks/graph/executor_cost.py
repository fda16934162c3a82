# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What the pure executor costs: microseconds per tick and per splice, for every strategy.

Runs in this process on the clock of the machine; feedback follows the command at once. Chunks are
smooth and as noisy as those of a policy, one per camera frame.
"""

import time
from collections.abc import Sequence

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Join
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.base.types import Provenance
from wla_ros.base.types import Representation
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.robots.piper.limits import piper_limits

_LAYOUT = JointLayout(('left', 'right'))
_HORIZON, _DT_NS, _LATE_NS = 32, 33_333_333, 100_000_000
_WARM_UP_TICKS = 100
_NOISE_RAD = 0.003
_COMMITTED_ROWS = 4


def executor_cost(strategy: str, *, seconds: float = 10.0) -> dict[str, float]:
    """Return percentiles in microseconds over `seconds` of executed time."""
    config = ExecutorConfig(strategy=StrategyConfig(name=strategy))
    executor = ChunkExecutor(config, _LAYOUT, piper_limits(_LAYOUT))
    random = np.random.default_rng(0)
    now_ns, sequence, next_chunk_ns = 1_000_000_000, 0, 0
    ticks: list[int] = []
    splices: list[int] = []
    waits = config.strategy.strategy.waits
    committed = _COMMITTED_ROWS if config.strategy.strategy.join is Join.COMMITTED else 0
    position = _way(now_ns / 1e9)
    while len(ticks) < seconds * config.rate_hz + _WARM_UP_TICKS:
        for arm in _LAYOUT.arms:
            executor.accept_feedback(_sample(arm, position, now_ns))
        if now_ns >= next_chunk_ns and executor.mode is Mode.AUTONOMY:
            chunk = _chunk(now_ns, sequence, random, late=not waits, committed=committed)
            if not waits or executor.execution_plan(now_ns).resting:
                began = time.perf_counter_ns()
                refusal = executor.accept_chunk(chunk, now_ns)
                if refusal is None:
                    splices.append(time.perf_counter_ns() - began)
                sequence += 1
            next_chunk_ns = now_ns + _DT_NS
        began = time.perf_counter_ns()
        command = executor.tick(now_ns)
        ticks.append(time.perf_counter_ns() - began)
        if command is not None:
            position = command.position
            if executor.mode is Mode.HOLD:
                executor.set_mode(Mode.AUTONOMY, now_ns, 'measure')
        executor.take_splices()
        now_ns += config.period_ns
    return {
        'splices': len(splices),
        **_percentiles('tick', ticks[_WARM_UP_TICKS:]),
        **_percentiles('splice', splices[1:]),
    }


def _way(time_s: float) -> FloatArray:
    """Return a slow motion of all joints [D] in the middle of their range."""
    limits = piper_limits(_LAYOUT)
    middle = (limits.lower + limits.upper) / 2.0
    sway = 0.2 * np.sin(2.0 * time_s + np.arange(_LAYOUT.width))
    sway[list(_LAYOUT.gripper_indices)] *= 0.05
    return middle + sway


def _chunk(
    now_ns: int, sequence: int, random: np.random.Generator, *, late: bool, committed: int
) -> ActionChunk:
    stamp_ns = now_ns - (_LATE_NS if late else 0)
    times_s = (stamp_ns + _DT_NS * np.arange(_HORIZON)) / 1e9
    rows = np.stack([_way(float(time_s)) for time_s in times_s])
    rows[:, list(_LAYOUT.joint_indices)] += random.normal(0.0, _NOISE_RAD, (1, 12))
    return ActionChunk(
        stamp_ns=stamp_ns,
        dt_ns=_DT_NS,
        epoch=0,
        sequence=sequence,
        representation=Representation.JOINT_POSITION,
        columns=_LAYOUT.columns,
        rows=rows,
        committed_prefix=committed,
        provenance=Provenance(policy='cost', policy_version='1', instruction=''),
    )


def _sample(arm: str, position: FloatArray, now_ns: int) -> JointSample:
    zeros = np.zeros(7)
    return JointSample(
        arm=arm,
        stamp_ns=now_ns,
        receive_ns=now_ns,
        position=position[_LAYOUT.arm_slice(arm)],
        velocity=zeros,
        effort=zeros,
    )


def _percentiles(name: str, durations_ns: Sequence[int]) -> dict[str, float]:
    values = np.array(durations_ns) / 1e3
    if not values.size:
        return {}
    return {
        f'{name}_p50_us': round(float(np.percentile(values, 50)), 1),
        f'{name}_p99_us': round(float(np.percentile(values, 99)), 1),
        f'{name}_mean_us': round(float(values.mean()), 1),
    }
