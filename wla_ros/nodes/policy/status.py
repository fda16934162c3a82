# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The state of the policy node, its inputs among it, as status message and diagnostics."""

from collections.abc import Iterator
from collections.abc import Mapping

from wla_ros.base.counters import counters
from wla_ros.base.publisher_gaps import PublisherGaps
from wla_ros.base.types import StageTiming
from wla_ros.inference.plan import PlanHealth
from wla_ros.inference.snapshot import SessionSnapshot
from wla_ros.inference.snapshot import StreamHealth
from wla_ros.msg import PolicyStatus
from wla_ros.msg import StreamStatus
from wla_ros.nodes.diagnostics import ERROR
from wla_ros.nodes.diagnostics import OK
from wla_ros.nodes.diagnostics import WARN
from wla_ros.nodes.diagnostics import ComponentState
from wla_ros.nodes.messages import field_values
from wla_ros.nodes.messages import fill
from wla_ros.nodes.messages import time_message
from wla_ros.nodes.messages import timing_messages


def policy_components(
    snapshot: SessionSnapshot, *, active: bool, warm: bool, problem: str = ''
) -> Iterator[ComponentState]:
    """Yield the components; times in ms."""
    values: dict[str, object] = {
        'epoch': snapshot.epoch,
        'epoch_reason': snapshot.epoch_reason,
        'instruction': snapshot.instruction,
        'inference_rate_hz': snapshot.inference_rate_hz,
        **counters(snapshot),
    }
    if snapshot.last_inference_error:
        values['last_inference_error'] = snapshot.last_inference_error
    for name, timings in (
        ('p50', snapshot.latency_p50),
        ('p95', snapshot.latency_p95),
        ('p99', snapshot.latency_p99),
    ):
        values.update(_milliseconds(name, timings))
    values.update(
        {f'refused_{reason}': count for reason, count in sorted(snapshot.refusal_counts.items())}
    )
    level, message = OK, 'ready'
    if problem:
        level, message = ERROR, problem
    elif not active:
        message = 'inactive'
    elif not warm:
        level, message = WARN, 'warming up'
    elif not snapshot.ready:
        level, message = ERROR, 'inputs are not healthy'
    elif snapshot.refusal:
        level, message = WARN, snapshot.refusal
    yield ComponentState(
        name='policy', level=level, message=f'{snapshot.policy}: {message}', values=values
    )
    yield _execution(snapshot.plan)
    for stream in snapshot.streams:
        yield _stream(stream)


def _execution(plan: PlanHealth) -> ComponentState:
    received = (
        f'plan received {plan.plan_age_s * 1e3:.0f} ms ago'
        if plan.plan_age_s >= 0.0
        else 'no plan'
    )
    return ComponentState(
        name='asynchronous execution',
        message=f'{plan.strategy}: {received}',
        values={
            'forecast_ms': plan.forecast_s * 1e3,
            'forecast_rows': plan.forecast_rows,
            **counters(plan),
        },
    )


def _stream(stream: StreamHealth) -> ComponentState:
    values: dict[str, object] = {
        'rate_hz': stream.rate_hz,
        'age_ms': stream.age_s * 1e3,
        **counters(stream),
    }
    if stream.last_refusal:
        values['last_refusal'] = stream.last_refusal
    return ComponentState(
        name=f'input {stream.stream}',
        level=ERROR if stream.problem else OK,
        message=stream.problem_detail if stream.problem else f'{stream.rate_hz:.1f} Hz',
        values=values,
    )


def _milliseconds(percentile: str, timings: tuple[StageTiming, ...]) -> dict[str, float]:
    return {f'{timing.stage}_{percentile}_ms': timing.duration_ns / 1e6 for timing in timings}


def policy_status_message(
    snapshot: SessionSnapshot,
    gaps: Mapping[str, PublisherGaps],
    *,
    warm: bool,
    session: int,
    stamp: int,
) -> PolicyStatus:
    """
    Return the state of the session; `gaps` are what was missed by stream.

    `warm` says that the policy is past its opening, `session` names the chunks of this node.
    """
    message = PolicyStatus(
        streams=[_stream_message(stream, gaps.get(stream.stream)) for stream in snapshot.streams],
        latency_p50=timing_messages(snapshot.latency_p50),
        latency_p95=timing_messages(snapshot.latency_p95),
        latency_p99=timing_messages(snapshot.latency_p99),
    )
    message.header.stamp = time_message(stamp)
    values = {
        **field_values(snapshot, snapshot.plan),
        'ready': snapshot.ready and warm,
        'inferences_running': int(snapshot.running),
        'session': session,
    }
    return fill(message, values)


def _stream_message(health: StreamHealth, gaps: PublisherGaps | None) -> StreamStatus:
    missed, unheard = (None, None) if gaps is None else (gaps.missed, gaps.unheard)
    values = field_values(health)
    return fill(
        StreamStatus(),
        {**values, 'missed': _or_unknown(missed), 'unheard': _or_unknown(unheard)},
    )


def _or_unknown(count: int | None) -> int:
    return -1 if count is None else count
