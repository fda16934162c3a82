"""The health of one input stream at one moment, from its buffer."""

from wla_ros.core.observation_sync import InputStream
from wla_ros.core.session_snapshot import StreamHealth
from wla_ros.core.timing import ns_to_seconds


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
