# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Samples to train on: what a policy is asked, exactly as on the robot, and the right answer.

Made of a demonstration. Knows no torch: pixels, prompts and columns of a sample are made by the
code of the policy that is trained.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np

from wla_ros.base.demonstration import Demonstration
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageFrame
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import PrefixUse


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """One question and its answer."""

    observation: Observation
    request: PolicyRequest
    rows: FloatArray  # [k, c] robot units, the first k of the horizon: the rest is not known
    subtask: str = ''  # the window that the rows pursue
    later: Mapping[str, ImageFrame] = field(default_factory=dict)  # to be imagined, per camera


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Which sample of a demonstration: the step, and what the delay does to it."""

    step: int  # of the images
    row_offset: int = 0  # rows by which joints and answer are later than the images (rolled state)
    prefix: int = 0  # leading rows of the answer that are given (clean prefix)
    spoke: int | None = None  # step at which the policy spoke last, None: not yet
    later_ns: int = 0  # how much later the frames to be imagined are, 0: none
    omit_history: bool = False  # before there is any; else the first frame is its own history


def make_sample(demonstration: Demonstration, spec: PolicySpec, draw: Draw) -> Sample:
    """
    Return the sample `draw` for a policy that needs `spec`.

    The answer is what was executed in the rows of the prefix and what was wanted behind it. Raises
    ValueError if the demonstration does not fit the policy, a frame is missing in the middle of
    it, or the answer is not taught there.
    """
    _check(demonstration, spec, draw)
    first = draw.step + draw.row_offset
    free = first + draw.prefix
    given = demonstration.commands[first:free]
    rows = np.concatenate((given, demonstration.wanted(free, spec.horizon - draw.prefix)))
    request = PolicyRequest(
        instruction=demonstration.instruction,
        prefix=CommittedPrefix(rows=given, weights=np.ones(draw.prefix), use=PrefixUse.CLEAN)
        if draw.prefix
        else None,
        memory=demonstration.memory(draw.spoke, spec.horizon),
        row_offset=draw.row_offset,
    )
    return Sample(
        observation=_observation(demonstration, spec, draw, first),
        request=request,
        rows=rows,
        subtask=' '.join(demonstration.window(first, spec.horizon)),
        later=_later(demonstration, spec, draw),
    )


def _check(demonstration: Demonstration, spec: PolicySpec, draw: Draw) -> None:
    problems = []
    if demonstration.dt_ns != spec.dt_ns:
        problems.append(f'its steps are {demonstration.dt_ns} ns, the rows {spec.dt_ns} ns apart')
    missing = [name for name in spec.cameras if name not in demonstration.cameras]
    if missing:
        found = ', '.join(demonstration.cameras) or 'none'
        problems.append(f'it has no camera {", ".join(missing)} (it has {found})')
    last = draw.step + draw.row_offset + draw.prefix
    if not 0 <= draw.step <= last < demonstration.steps:
        problems.append(f'steps {draw.step} to {last} are not within {demonstration.steps} steps')
    elif not demonstration.is_taught(last):
        problems.append(f'nothing is taught at step {last}')
    if draw.prefix >= spec.horizon:
        problems.append(f'a prefix of {draw.prefix} rows fills the horizon {spec.horizon}')
    if draw.spoke is not None and not 0 <= draw.spoke <= draw.step:
        problems.append(f'the policy cannot have spoken last at step {draw.spoke}')
    if problems:
        raise ValueError(f'{demonstration.origin or "demonstration"}: ' + '; '.join(problems))


def _observation(
    demonstration: Demonstration, spec: PolicySpec, draw: Draw, joints: int
) -> Observation:
    """Return what was seen at the step, with the joints of step `joints`."""
    step = draw.step
    images = {name: demonstration.frame(name, step) for name in spec.cameras}
    history = {
        name: tuple(_past(demonstration, name, draw, offsets_ns))
        for name, offsets_ns in spec.history_ns.items()
    }
    stamp_ns = int(demonstration.stamps_ns[step])
    tracks = demonstration.objects
    return Observation(
        stamp_ns=stamp_ns,
        epoch=0,
        images=images,
        history=history,
        joint_position=demonstration.joints[joints],
        joint_velocity=demonstration.velocities[joints],
        objects=ObjectPoses(
            stamp_ns=stamp_ns, receive_ns=stamp_ns, names=tracks.names, poses=tracks.poses[step]
        )
        if spec.needs_objects and tracks is not None
        else None,
        samples=(),
        synchronised_ns=stamp_ns,
    )


def _past(
    demonstration: Demonstration, camera: str, draw: Draw, offsets_ns: tuple[int, ...]
) -> Iterator[ImageFrame]:
    """Yield the frames of the history, oldest first, as the synchroniser finds them."""
    frames = demonstration.cameras[camera]
    for offset_ns in offsets_ns:
        instant_ns = int(demonstration.stamps_ns[draw.step]) - offset_ns
        past = demonstration.frame_near(camera, instant_ns)
        if past is None and instant_ns < frames.stamps_ns[0]:
            if draw.omit_history:
                continue
            past = demonstration.frame_near(camera, int(frames.stamps_ns[0]))
        if past is None:
            raise ValueError(
                f'{demonstration.origin or "demonstration"}: {camera} has no frame near '
                f'{instant_ns} ns, which is the history of step {draw.step}'
            )
        yield past


def _later(demonstration: Demonstration, spec: PolicySpec, draw: Draw) -> dict[str, ImageFrame]:
    if not draw.later_ns:
        return {}
    instant_ns = int(demonstration.stamps_ns[draw.step]) + draw.later_ns
    found = {name: demonstration.frame_near(name, instant_ns) for name in spec.cameras}
    return {name: frame for name, frame in found.items() if frame is not None}
