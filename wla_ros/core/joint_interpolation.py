"""
The state of one arm at an instant between two samples, or why it is unknown.

Works on a buffer of joint samples; never bridges a hole, never guesses further than its bound.
"""

from dataclasses import dataclass

from wla_ros.core import refusal_reasons
from wla_ros.core.stream_buffer import StreamBuffer
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.types import FloatArray
from wla_ros.core.types import JointSample
from wla_ros.core.types import Refusal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InterpolatedJoints:
    """State of one arm at the asked time, and the stamps it was made of."""

    position: FloatArray  # [7]
    velocity: FloatArray  # [7]
    used_stamps_ns: tuple[int, ...]  # one or two, rising
    nearest_stamp_ns: int


def interpolate_joints(
    buffer: StreamBuffer[JointSample], time_ns: int, *, max_gap_ns: int, extrapolation_ns: int
) -> InterpolatedJoints | Refusal:
    """
    Return the state at `time_ns`, linear in position and velocity between two samples.

    A sample at exactly `time_ns` is returned as it is. Refused: samples further apart than
    `max_gap_ns` (gap), a time before the oldest sample (gap), a time more than `extrapolation_ns`
    after the newest one, a sample without a neighbour within `max_gap_ns` (waiting_for_joints).
    Within that bound the straight line through the last two samples is continued.
    """
    stamps = buffer.stamps_ns
    index = buffer.index_at_or_before(time_ns)
    if index is None:
        if not stamps:
            return Refusal(reason=refusal_reasons.NO_DATA, detail=f'{buffer.stream}: no sample')
        early_ns = stamps[0] - time_ns
        return Refusal(
            reason=refusal_reasons.GAP,
            detail=f'{buffer.stream}: the oldest sample is {ns_to_seconds(early_ns):.4f} s '
            f'after the anchor',
        )
    older = buffer.value(index)
    if stamps[index] == time_ns:
        if _alone(stamps, index, max_gap_ns):
            return Refusal(
                reason=refusal_reasons.WAITING_FOR_JOINTS,
                detail=f'{buffer.stream}: one sample alone proves nothing; none within '
                f'{ns_to_seconds(max_gap_ns):.4f} s of it agrees',
            )
        return InterpolatedJoints(
            position=older.position,
            velocity=older.velocity,
            used_stamps_ns=(time_ns,),
            nearest_stamp_ns=time_ns,
        )
    if index == len(stamps) - 1:
        return _extrapolate(
            buffer, index, time_ns, max_gap_ns=max_gap_ns, extrapolation_ns=extrapolation_ns
        )
    newer = buffer.value(index + 1)
    gap_ns = newer.stamp_ns - older.stamp_ns
    if gap_ns > max_gap_ns:
        return _gap_refusal(buffer.stream, gap_ns, max_gap_ns)
    share = (time_ns - older.stamp_ns) / gap_ns
    return InterpolatedJoints(
        position=older.position + share * (newer.position - older.position),
        velocity=older.velocity + share * (newer.velocity - older.velocity),
        used_stamps_ns=(older.stamp_ns, newer.stamp_ns),
        nearest_stamp_ns=older.stamp_ns if share <= 0.5 else newer.stamp_ns,
    )


def _alone(stamps: list[int], index: int, max_gap_ns: int) -> bool:
    near = (i for i in (index - 1, index + 1) if 0 <= i < len(stamps))
    return all(abs(stamps[i] - stamps[index]) > max_gap_ns for i in near)


def _extrapolate(
    buffer: StreamBuffer[JointSample],
    index: int,
    time_ns: int,
    *,
    max_gap_ns: int,
    extrapolation_ns: int,
) -> InterpolatedJoints | Refusal:
    newest = buffer.value(index)
    ahead_ns = time_ns - newest.stamp_ns
    if index == 0 or ahead_ns > extrapolation_ns:
        return Refusal(
            reason=refusal_reasons.WAITING_FOR_JOINTS,
            detail=(
                f'{buffer.stream}: the anchor is {ns_to_seconds(ahead_ns):.4f} s newer than the '
                f'newest sample, '
                f'extrapolation bound {ns_to_seconds(extrapolation_ns):.4f} s'
            ),
        )
    previous = buffer.value(index - 1)
    gap_ns = newest.stamp_ns - previous.stamp_ns
    if gap_ns > max_gap_ns:
        return _gap_refusal(buffer.stream, gap_ns, max_gap_ns)
    # The slope of the positions, not the reported velocity: drivers differ in whether they report
    # one.
    return InterpolatedJoints(
        position=newest.position + (newest.position - previous.position) * (ahead_ns / gap_ns),
        velocity=newest.velocity,
        used_stamps_ns=(previous.stamp_ns, newest.stamp_ns),
        nearest_stamp_ns=newest.stamp_ns,
    )


def _gap_refusal(stream: str, gap_ns: int, max_gap_ns: int) -> Refusal:
    return Refusal(
        reason=refusal_reasons.GAP,
        detail=(
            f'{stream}: the samples around the anchor are {ns_to_seconds(gap_ns):.4f} s apart, '
            f'bound {ns_to_seconds(max_gap_ns):.4f} s'
        ),
    )
