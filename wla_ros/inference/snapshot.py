# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The state of a session at one moment: health of its streams, counters, latencies."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from wla_ros.base.counters import Count
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import StageTiming
from wla_ros.base.types import StreamSample
from wla_ros.inference.plan import PlanHealth
from wla_ros.observation.sync import InputStream

# The state of an inference session at one moment, as PolicyStatus.msg and its parts carry it.


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHealth:
    """One input stream, as StreamStatus.msg: received = used + superseded + refused + waiting."""

    stream: str
    rate_hz: float
    age_s: float  # now less the newest stamp; -1 if there is no usable sample
    received: Count
    used: Count
    superseded: Count
    refused: Count
    waiting: Count
    problem: str  # name of the present problem, empty if healthy
    problem_detail: str
    last_refusal: str  # name of the last refusal at admission, empty if none


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSnapshot:
    """
    Counters and health, as PolicyStatus.msg.

    observations = inferences + inference_errors + (1 while one is running: `running`);
    inferences = chunks_published + results_discarded.
    """

    policy: str
    # Every required stream is healthy and nothing else blocks; whether the policy is warm is not
    # known here.
    ready: bool
    refusal: str  # why the last call gave no observation; empty if it did or every anchor is used
    refusal_detail: str
    epoch: int
    epoch_reason: str  # why the running epoch began
    instruction: str
    observations: Count
    inferences: Count
    inference_errors: Count
    last_inference_error: str
    chunks_published: Count
    results_discarded: Count
    running: bool
    inference_rate_hz: float
    streams: tuple[StreamHealth, ...]
    samples: tuple[StreamSample, ...]  # of the last observation: ages and skews
    latency_p50: tuple[StageTiming, ...]
    latency_p95: tuple[StageTiming, ...]
    latency_p99: tuple[StageTiming, ...]
    plan: PlanHealth  # what is known of the executor, and what follows for inferences
    refusal_counts: Mapping[str, int] = field(
        default_factory=dict
    )  # calls without observation, by reason
    epoch_counts: Mapping[str, int] = field(default_factory=dict)  # epochs begun, by reason


def stream_health(stream: InputStream, now_ns: int) -> StreamHealth:
    """Return the health of `stream` at `now_ns`."""
    buffer = stream.buffer
    counters = buffer.counters
    problem = stream.problem(now_ns)
    newest_ns = buffer.newest_stamp_ns
    last = buffer.last_refusal
    return StreamHealth(
        stream=stream.name,
        rate_hz=buffer.rate_hz(now_ns),
        age_s=-1.0 if newest_ns is None else max(0.0, ns_to_seconds(now_ns - newest_ns)),
        received=counters.received,
        used=counters.used,
        superseded=counters.superseded,
        refused=counters.refused,
        waiting=counters.waiting,
        problem='' if problem is None else problem.reason,
        problem_detail='' if problem is None else problem.detail,
        last_refusal='' if last is None else last.reason,
    )
