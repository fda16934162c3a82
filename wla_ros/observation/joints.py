# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Joint feedback of one arm and object poses: admission, buffer, state at an instant."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointSample
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Refusal
from wla_ros.observation.buffer import BufferBounds
from wla_ros.observation.buffer import StampJump
from wla_ros.observation.buffer import StreamBuffer
from wla_ros.observation.config import SynchronisationConfig
from wla_ros.robots.decoding import judge_joint_sample
from wla_ros.robots.joint_agreement import Continuity
from wla_ros.robots.joint_agreement import JointAgreement

# The state of one arm at an instant between two samples, or why it is unknown.
#
# Works on a buffer of joint samples; never bridges a hole, never guesses further than its bound.


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
            return Refusal(reason=reasons.NO_DATA, detail=f'{buffer.stream}: no sample')
        early_ns = stamps[0] - time_ns
        return Refusal(
            reason=reasons.GAP,
            detail=f'{buffer.stream}: the oldest sample is {ns_to_seconds(early_ns):.4f} s '
            f'after the anchor',
        )
    older = buffer.value(index)
    if stamps[index] == time_ns:
        if _alone(stamps, index, max_gap_ns):
            return Refusal(
                reason=reasons.WAITING_FOR_JOINTS,
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
            reason=reasons.WAITING_FOR_JOINTS,
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
        reason=reasons.GAP,
        detail=(
            f'{stream}: the samples around the anchor are {ns_to_seconds(gap_ns):.4f} s apart, '
            f'bound {ns_to_seconds(max_gap_ns):.4f} s'
        ),
    )


# Five times the 200 Hz of a Piper; bounds memory if a driver runs wild.
_FASTEST_RATE_HZ = 1000.0
# A sudden change is believed at its second sample: an observation decides about one inference.
_AGREEING_SAMPLES = 2


class JointStream:
    """Samples of one arm by time of measurement: header stamp less the calibrated latency."""

    def __init__(self, arm: str, config: SynchronisationConfig, *, reach_ns: int) -> None:
        """Keep samples for `reach_ns`, the oldest anchor that may still be used."""
        self.arm = arm
        self.name = f'{arm}_joints'
        self._settings = config.joints
        self._agreement = JointAgreement(
            samples=_AGREEING_SAMPLES, max_speed_rad_s=config.joints.max_speed_rad_s
        )
        self._latency_ns = seconds_to_ns(config.joints.latency_s)
        self._max_age_ns = seconds_to_ns(config.joints.max_age_s)
        self._max_gap_ns = seconds_to_ns(config.joints.max_gap_s)
        self._extrapolation_ns = seconds_to_ns(config.joints.extrapolation_s)
        slack_ns = self._max_gap_ns + seconds_to_ns(config.future_tolerance_s)
        window_ns = max(reach_ns, self._max_age_ns) + slack_ns
        self.buffer: StreamBuffer[JointSample] = StreamBuffer(
            self.name,
            BufferBounds(
                window_ns=window_ns,
                capacity=int(window_ns * 1e-9 * _FASTEST_RATE_HZ) + 2,
                latency_ns=self._latency_ns,
                future_tolerance_ns=seconds_to_ns(config.future_tolerance_s),
                jump_tolerance_ns=seconds_to_ns(config.clock_jump_tolerance_s),
            ),
        )

    def offer(self, sample: JointSample) -> Refusal | StampJump | None:
        """Take one sample whose `stamp_ns` is the header stamp; vectors are kept, not copied."""
        refusal = judge_joint_sample(
            sample,
            max_angle_rad=self._settings.max_angle_rad,
            max_gripper_m=self._settings.max_gripper_m,
            refuse_all_zero=self._settings.refuse_all_zero,
        )
        if refusal is not None:
            return self.buffer.refuse(refusal)
        if self._latency_ns:
            sample = dataclasses.replace(sample, stamp_ns=sample.stamp_ns - self._latency_ns)
        verdict = self.buffer.judge(sample.stamp_ns, sample.receive_ns)
        if verdict is None:
            newest = self.buffer.value(-1) if self.buffer.stamps_ns else None
            continuity = self._agreement.judge(newest, sample)
            if isinstance(continuity, Refusal):
                verdict = continuity
            elif continuity is Continuity.CHANGED:
                self.buffer.drop_all()
        if isinstance(verdict, Refusal):
            return self.buffer.refuse(verdict)
        return self.buffer.push(sample.stamp_ns, sample.receive_ns, sample)

    def problem(self, now_ns: int) -> Refusal | None:
        """Return why this arm cannot serve an observation at `now_ns`, or None."""
        return self.buffer.staleness(now_ns, self._max_age_ns)

    def at(self, time_ns: int) -> InterpolatedJoints | Refusal:
        """Return the state at `time_ns`, or why it is not known (yet)."""
        return interpolate_joints(
            self.buffer,
            time_ns,
            max_gap_ns=self._max_gap_ns,
            extrapolation_ns=self._extrapolation_ns,
        )


# Object poses of a simulated scene: the admission, the buffer and the poses nearest to an instant.
#
# Simulation only; a real rig has no such stream.

OBJECTS_STREAM = 'objects'
# Poses are small; this bounds memory at any rate a simulator publishes.
_CAPACITY = 512


class ObjectStream:
    """Poses of all objects by stamp."""

    def __init__(self, config: SynchronisationConfig, *, reach_ns: int) -> None:
        """Keep samples for `reach_ns`, the oldest anchor that may still be used."""
        self.name = OBJECTS_STREAM
        self.max_age_ns = seconds_to_ns(config.objects.max_age_s)
        self._max_skew_ns = seconds_to_ns(config.objects.max_skew_s)
        self.buffer: StreamBuffer[ObjectPoses] = StreamBuffer(
            OBJECTS_STREAM,
            BufferBounds(
                window_ns=max(reach_ns, self.max_age_ns)
                + self._max_skew_ns
                + seconds_to_ns(config.future_tolerance_s),
                capacity=_CAPACITY,
                future_tolerance_ns=seconds_to_ns(config.future_tolerance_s),
                jump_tolerance_ns=seconds_to_ns(config.clock_jump_tolerance_s),
            ),
        )

    def offer(self, poses: ObjectPoses) -> Refusal | StampJump | None:
        """Take one set of poses."""
        expected = (len(poses.names), 7)
        if poses.poses.shape != expected or not np.isfinite(poses.poses).all():
            return self.buffer.refuse(
                Refusal(
                    reason=reasons.BAD_OBJECTS,
                    detail=f'{self.name}: expected finite {list(expected)}, '
                    f'got {list(poses.poses.shape)}',
                )
            )
        return self.buffer.push(poses.stamp_ns, poses.receive_ns, poses)

    def problem(self, now_ns: int) -> Refusal | None:
        """Return why the poses cannot serve an observation at `now_ns`, or None."""
        return self.buffer.staleness(now_ns, self.max_age_ns)

    def at(self, time_ns: int) -> ObjectPoses | Refusal:
        """Return the poses nearest to `time_ns` within the skew bound, or why there are none."""
        index = self.buffer.nearest_index(time_ns, self._max_skew_ns)
        if index is not None:
            return self.buffer.value(index)
        newest_ns = self.buffer.newest_stamp_ns
        pending = newest_ns is None or newest_ns < time_ns
        return Refusal(
            reason=reasons.WAITING_FOR_OBJECTS if pending else reasons.SKEW,
            detail=f'{self.name}: no poses within {ns_to_seconds(self._max_skew_ns):.4f} s '
            f'of the anchor',
        )
