"""
Joint feedback of one arm: the door, the buffer and the state at an instant.

Composes buffer, plausibility and interpolation; knows nothing of the other streams.
"""

import dataclasses

from wla_ros.core.joint_agreement import Continuity
from wla_ros.core.joint_agreement import JointAgreement
from wla_ros.core.joint_interpolation import InterpolatedJoints
from wla_ros.core.joint_interpolation import interpolate_joints
from wla_ros.core.joint_plausibility import judge_joint_sample
from wla_ros.core.stream_buffer import BufferBounds
from wla_ros.core.stream_buffer import StampJump
from wla_ros.core.stream_buffer import StreamBuffer
from wla_ros.core.synchronisation import SynchronisationConfig
from wla_ros.core.timing import seconds_to_ns
from wla_ros.core.types import JointSample
from wla_ros.core.types import Refusal

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
