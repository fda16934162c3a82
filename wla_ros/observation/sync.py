# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Asynchronous streams to one observation of one instant, or the named reason why there is none.

Owns the rule that chooses the instant. Must not know policies beyond their specification, epochs
or ROS.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageFrame
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Refusal
from wla_ros.base.types import StreamSample
from wla_ros.observation.cameras import CameraStream
from wla_ros.observation.cameras import HistoryFrame
from wla_ros.observation.cameras import history_stream
from wla_ros.observation.config import SynchronisationConfig
from wla_ros.observation.joints import InterpolatedJoints
from wla_ros.observation.joints import JointStream
from wla_ros.observation.joints import ObjectStream

InputStream = CameraStream | JointStream | ObjectStream


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selection:
    """Everything found for one anchor time."""

    stamp_ns: int
    frames: dict[str, ImageFrame]
    history: dict[str, tuple[HistoryFrame, ...]]
    joints: tuple[InterpolatedJoints, ...]  # in the order of the arms
    objects: ObjectPoses | None


class ObservationSync:
    """
    Chooses the newest unused anchor for which everything is there.

    The anchor is the exposure of a frame of the anchor camera: t. Every other camera gives its
    frame nearest to t, at most max_skew away on either side; joints are interpolated at t; history
    frames lie near t - h::

        head (anchor)    |          |          |          |       |t3     newest: wrist missing
                         h          .          .          |t2            newest complete: chosen
        left_wrist          |          |          |          |                |skew| <= max_skew
        right_wrist       |          |          |          |
        left_joints    ||||||||||||||||||||||||||||||||||||||||||||||||||||   interpolated at t2
                       ---------------------------------------------------> exposure time

    Anchors are tried from the newest to the oldest that is neither used, nor before a used one,
    nor too old; the first complete one wins and it and all older ones are spent. A frame of
    another camera may serve two neighbouring anchors if it lies within the bound of both; the
    samples of the observation show it.

    Without cameras the anchor is the stamp of the object poses, without these the newest time at
    which all arms are known.
    """

    def __init__(
        self, spec: PolicySpec, config: SynchronisationConfig, layout: JointLayout
    ) -> None:
        """Build the streams that `spec` needs; `config` must have them all (session_check)."""
        self._max_skew_ns = seconds_to_ns(config.max_skew_s)
        self._joint_anchor_period_ns = seconds_to_ns(config.joint_anchor_period_s)
        self.cameras = {
            name: CameraStream(
                name, config.cameras[name], config, tuple(spec.history_ns.get(name, ()))
            )
            for name in spec.cameras
        }
        required = [camera for camera in self.cameras.values() if camera.required]
        self._anchor_camera = self.cameras.get(config.anchor_camera) or (
            required[0] if required else None
        )
        oldest_anchor_ns = max((camera.max_age_ns for camera in self.cameras.values()), default=0)
        self.objects = (
            ObjectStream(config, reach_ns=oldest_anchor_ns) if spec.needs_objects else None
        )
        reach_ns = max(oldest_anchor_ns, self.objects.max_age_ns if self.objects else 0)
        self.joints = {arm: JointStream(arm, config, reach_ns=reach_ns) for arm in layout.arms}
        self._last_anchor_ns: int | None = None

    @property
    def streams(self) -> tuple[InputStream, ...]:
        """All input streams: cameras, arms, objects."""
        objects = () if self.objects is None else (self.objects,)
        return (*self.cameras.values(), *self.joints.values(), *objects)

    def clear(self, *, floor_ns: int | None) -> None:
        """Forget all samples and anchors; samples from before `floor_ns` are refused."""
        for stream in self.streams:
            stream.buffer.clear(floor_ns=floor_ns)
        self._last_anchor_ns = None

    def synchronise(
        self, now_ns: int, epoch: int, *, oldest_anchor_ns: int | None = None
    ) -> Observation | Refusal:
        """
        Return the observation of the newest complete unused anchor, or why there is none.

        Anchors from before `oldest_anchor_ns` do not serve.
        """
        problems = [
            problem for stream in self._required_streams() if (problem := stream.problem(now_ns))
        ]
        if problems:
            detail = '; '.join(problem.detail for problem in problems)
            return Refusal(reason=problems[0].reason, detail=detail)
        first_refusal: Refusal | None = None
        for anchor_ns in self._anchors(now_ns):
            if oldest_anchor_ns is not None and anchor_ns < oldest_anchor_ns:
                break
            selection = self._select(anchor_ns, now_ns)
            if isinstance(selection, _Selection):
                self._last_anchor_ns = anchor_ns
                self._mark_used(selection)
                return self._observation(selection, now_ns, epoch)
            # The newest anchor is the one that should have served, so its reason is the one to
            # tell.
            first_refusal = first_refusal or selection
        return (
            first_refusal
            or self._behind()
            or Refusal(
                reason=reasons.NO_NEW_FRAME,
                detail='every anchor has been used; waiting for the next one',
            )
        )

    def _behind(self) -> Refusal | None:
        """
        Return that the anchors went back in time, or None.

        The time of observations never falls within an epoch, and the clock of one camera alone
        does not begin a new one.
        """
        source, last_ns = self._anchor_camera or self.objects, self._last_anchor_ns
        sources = tuple(self.joints.values()) if source is None else (source,)
        for stream in sources:
            newest_ns = stream.buffer.newest_stamp_ns
            if newest_ns is not None and last_ns is not None and newest_ns < last_ns:
                return Refusal(
                    reason=reasons.STAMP_JUMP,
                    detail=f'{stream.name}: its stamps went back; the newest is '
                    f'{ns_to_seconds(last_ns - newest_ns):.3f} s before the last observation',
                )
        return None

    def _required_streams(self) -> Iterator[InputStream]:
        return (
            stream
            for stream in self.streams
            if not isinstance(stream, CameraStream) or stream.required
        )

    def _anchors(self, now_ns: int) -> Iterator[int]:
        """Yield unused anchor times that are not too old, newest first."""
        source = self._anchor_camera or self.objects
        if source is None:
            newest = [joints.buffer.newest_stamp_ns for joints in self.joints.values()]
            common_ns = min(stamp for stamp in newest if stamp is not None)
            last_ns = self._last_anchor_ns
            if last_ns is None or common_ns >= last_ns + self._joint_anchor_period_ns:
                yield common_ns
            return
        oldest_ns = now_ns - source.max_age_ns
        for stamp_ns in reversed(source.buffer.stamps_ns):
            if stamp_ns < oldest_ns or (
                self._last_anchor_ns is not None and stamp_ns <= self._last_anchor_ns
            ):
                return
            yield stamp_ns

    def _select(self, anchor_ns: int, now_ns: int) -> _Selection | Refusal:
        frames: dict[str, ImageFrame] = {}
        history: dict[str, tuple[HistoryFrame, ...]] = {}
        for name, camera in self.cameras.items():
            found = self._camera_frames(camera, anchor_ns, now_ns)
            if isinstance(found, Refusal):
                if camera.required:
                    return found
                continue
            frames[name], past = found
            if past or camera.history.offsets_ns:
                history[name] = past
        joints = []
        for stream in self.joints.values():
            state = stream.at(anchor_ns)
            if isinstance(state, Refusal):
                return state
            joints.append(state)
        objects = self.objects.at(anchor_ns) if self.objects is not None else None
        if isinstance(objects, Refusal):
            return objects
        return _Selection(
            stamp_ns=anchor_ns,
            frames=frames,
            history=history,
            joints=tuple(joints),
            objects=objects,
        )

    def _camera_frames(
        self, camera: CameraStream, anchor_ns: int, now_ns: int
    ) -> tuple[ImageFrame, tuple[HistoryFrame, ...]] | Refusal:
        problem = camera.problem(now_ns)
        if problem is not None:
            return problem
        index = camera.buffer.nearest_index(anchor_ns, self._max_skew_ns)
        if index is None:
            return self._skew_refusal(camera, anchor_ns)
        frame = camera.buffer.value(index)
        age_ns = now_ns - frame.stamp_ns
        if age_ns > camera.max_age_ns:
            return Refusal(
                reason=reasons.STALE,
                detail=(
                    f'{camera.name}: the frame at the anchor is '
                    f'{ns_to_seconds(age_ns):.3f} s old, '
                    f'bound {ns_to_seconds(camera.max_age_ns):.3f} s'
                ),
            )
        past = camera.history.frames(camera.buffer, anchor_ns)
        return past if isinstance(past, Refusal) else (frame, past)

    def _skew_refusal(self, camera: CameraStream, anchor_ns: int) -> Refusal:
        stamps = camera.buffer.stamps_ns
        nearest_ns = min(stamps, key=lambda stamp_ns: abs(stamp_ns - anchor_ns))
        pending = stamps[-1] < anchor_ns
        return Refusal(
            reason=reasons.WAITING_FOR_CAMERA if pending else reasons.SKEW,
            detail=(
                f'{camera.name}: the nearest frame is '
                f'{ns_to_seconds(nearest_ns - anchor_ns):+.4f} s '
                f'from the anchor, bound {ns_to_seconds(self._max_skew_ns):.4f} s'
            ),
        )

    def _mark_used(self, selection: _Selection) -> None:
        for name, frame in selection.frames.items():
            buffer = self.cameras[name].buffer
            buffer.mark_used(frame.stamp_ns)
            for entry in selection.history.get(name, ()):
                buffer.mark_used(entry.frame.stamp_ns)
        for stream, state in zip(self.joints.values(), selection.joints, strict=True):
            for stamp_ns in state.used_stamps_ns:
                stream.buffer.mark_used(stamp_ns)
        if self.objects is not None and selection.objects is not None:
            self.objects.buffer.mark_used(selection.objects.stamp_ns)

    def _observation(self, selection: _Selection, now_ns: int, epoch: int) -> Observation:
        return Observation(
            stamp_ns=selection.stamp_ns,
            epoch=epoch,
            images=selection.frames,
            history={
                name: tuple(entry.frame for entry in entries)
                for name, entries in selection.history.items()
            },
            joint_position=_read_only(
                np.concatenate([state.position for state in selection.joints])
            ),  # [D]
            joint_velocity=_read_only(
                np.concatenate([state.velocity for state in selection.joints])
            ),  # [D]
            objects=selection.objects,
            samples=tuple(self._samples(selection, now_ns)),
            synchronised_ns=now_ns,
        )

    def _samples(self, selection: _Selection, now_ns: int) -> Iterator[StreamSample]:
        stamps: list[tuple[str, int]] = []
        for name, frame in selection.frames.items():
            stamps.append((name, frame.stamp_ns))
            stamps += [
                (history_stream(name, entry.offset_ns), entry.frame.stamp_ns)
                for entry in selection.history.get(name, ())
            ]
        for stream, state in zip(self.joints.values(), selection.joints, strict=True):
            stamps.append((stream.name, state.nearest_stamp_ns))
        if self.objects is not None and selection.objects is not None:
            stamps.append((self.objects.name, selection.objects.stamp_ns))
        for name, stamp_ns in stamps:
            yield StreamSample(
                stream=name,
                stamp_ns=stamp_ns,
                # A stamp within the future tolerance is new, not of negative age.
                age_ns=max(0, now_ns - stamp_ns),
                skew_ns=stamp_ns - selection.stamp_ns,
            )


def _read_only(vector: FloatArray) -> FloatArray:
    vector.flags.writeable = False
    return vector
