# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The value types that cross seams: frozen, never written to after they are built."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol
from typing import runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.memory import SubtaskMemory

# The strategies of asynchronous execution by name: what each asks of executor and policy.
#
# One definition for both processes: the executor reads how chunks join, the policy node reads when
# to infer and on what to condition. Combinations are written with a plus: 'prefix+rollforward'.


class Join(enum.Enum):
    """How a new chunk joins the rows in execution."""

    LATEST = 'latest'  # follow the new chunk from now on
    CROSSFADE = 'crossfade'  # blend from the old rows to the new ones over a while
    ENSEMBLE = 'ensemble'  # weighted mean of all chunks that cover a row (ACT, arXiv 2304.13705)
    COMMITTED = 'committed'  # execute the rows the policy was told of, then follow the new chunk
    ARRIVAL = 'arrival'  # the chunk begins when it arrives: the arms have waited for it


class PrefixUse(enum.Enum):
    """What the policy does with the rows that are executed whatever it says."""

    NONE = 'none'
    GUIDED = 'guided'  # pulled towards them while denoising (RTC, arXiv 2506.07339)
    CLEAN = 'clean'  # given as clean rows it was trained with (training-time RTC, 2512.05964)


FloatArray = NDArray[np.float64]
ImageArray = NDArray[np.uint8]


class Representation(enum.IntEnum):
    """What the columns of an action row mean; values as in ActionChunk.msg."""

    JOINT_POSITION = 0
    END_EFFECTOR_POSE = 1


class Mode(enum.IntEnum):
    """Who commands the arms; values as in ControlMode.msg. The arms stay enabled in every mode."""

    HOLD = 0
    AUTONOMY = 1
    HOMING = 2
    ESTOP = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageFrame:
    """One camera image; `stamp_ns` is its exposure (header stamp less the calibrated latency)."""

    stream: str
    stamp_ns: int
    receive_ns: int
    pixels: ImageArray  # [h, w, 3] RGB


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointSample:
    """Feedback of one arm; `stamp_ns` is the header stamp less the calibrated latency."""

    arm: str
    stamp_ns: int
    receive_ns: int
    position: FloatArray  # [7] six joints [rad], gripper width [m]
    velocity: FloatArray  # [7] [rad/s], [m/s]; zero where the driver gives none
    effort: FloatArray  # [7] [N m], gripper [N]; zero where the driver gives none


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObjectPoses:
    """Poses of the objects of a simulated scene, in the world frame. Simulation only."""

    stamp_ns: int
    receive_ns: int
    names: tuple[str, ...]  # n
    poses: FloatArray  # [n, 7] x y z [m], qx qy qz qw


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSample:
    """Which sample of a stream went into an observation."""

    stream: str
    stamp_ns: int
    age_ns: int  # time of synchronising less stamp
    skew_ns: int  # stamp less observation stamp, negative is older


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTiming:
    """Time one stage of the pipeline took for one result."""

    stage: str
    duration_ns: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observation:
    """Everything a policy sees, made for one instant `stamp_ns` (exposure of the anchor image)."""

    stamp_ns: int
    epoch: int
    images: Mapping[str, ImageFrame]  # newest usable frame per camera
    history: Mapping[str, tuple[ImageFrame, ...]]  # per camera with history, oldest first
    joint_position: FloatArray  # [D] interpolated to stamp_ns
    joint_velocity: FloatArray  # [D]
    objects: ObjectPoses | None
    samples: tuple[StreamSample, ...]
    synchronised_ns: int  # when it was put together


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommittedPrefix:
    """
    Rows that are executed whatever the policy says, on the policy's own grid from the observation
    stamp.
    """

    rows: FloatArray  # [k, D] joint positions, robot units; row i is due at stamp + i * dt
    weights: FloatArray  # [k] 1 is certain, 0 is free
    use: PrefixUse = PrefixUse.GUIDED

    @property
    def committed(self) -> int:
        """The number of leading rows that are certain."""
        certain = self.weights >= 1.0
        return len(certain) if certain.all() else int(np.argmin(certain))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRequest:
    """What a policy is asked for besides the observation."""

    instruction: str
    prefix: CommittedPrefix | None = None
    memory: SubtaskMemory = field(default_factory=SubtaskMemory)
    # Row 0 of the answer is due at observation stamp + row_offset * dt. With a strategy that
    # rolls the state, and where arms rest, the joints of the observation are those of that time;
    # with a clean prefix as well, row_offset is 0 and they are those of row `prefix.committed`.
    row_offset: int = 0
    # The policy's forward model is to imagine the observation at the time of row 0 (of row
    # `prefix.committed` when a clean prefix is given) before it answers. What it imagines stays
    # out of its memory.
    imagine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PolicyResult:
    """What a policy answers: H rows, row i meant for observation stamp + i * dt."""

    rows: FloatArray  # [H, D] or [H, 8 * arms], units as in ActionChunk.msg
    subtask: str = ''  # what the rows pursue; several sentences are a window, see SubtaskMemory
    subtask_id: int = 0  # 0: as the session's memory numbers it
    memory_revision: int = 0  # 0: that of the request
    subtask_late: bool = False  # no newer text was ready in time: `subtask` is the previous one
    committed_prefix: int = 0
    finished: bool = False
    timings: tuple[StageTiming, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySpec:
    """What a policy needs and emits; read once at configuration."""

    name: str
    version: str
    representation: Representation
    columns: tuple[str, ...]
    horizon: int  # H
    dt_ns: int
    cameras: tuple[str, ...] = ()
    history_ns: Mapping[str, tuple[int, ...]] = field(
        default_factory=dict
    )  # camera -> offsets before t, oldest first
    needs_objects: bool = False
    # What strategies of asynchronous execution may ask of it, see inference.strategy
    guided_prefix: bool = False  # denoises towards given rows
    clean_prefix_rows: int = 0  # most clean prefix rows it was trained with, 0: none
    rolled_rows: int = 0  # largest row_offset it was trained with, 0: none
    forward_model: bool = False  # can imagine the observation at a later time


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a chunk comes from."""

    policy: str
    policy_version: str
    instruction: str
    subtask: str = ''
    subtask_id: int = 0
    memory_revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ActionChunk:
    """A chunk anchored in time. Mirrors ActionChunk.msg."""

    stamp_ns: int
    dt_ns: int
    session: int = 0  # of the policy node that publishes it, 0: unnamed
    epoch: int
    sequence: int
    representation: Representation
    columns: tuple[str, ...]
    rows: FloatArray  # [H, len(columns)]
    row_offset: int = 0
    join: Join = Join.LATEST  # how its rows join those in execution
    committed_prefix: int = 0  # leading rows that the policy was told are executed anyway
    finished: bool = False
    provenance: Provenance
    samples: tuple[StreamSample, ...] = ()
    timings: tuple[StageTiming, ...] = ()

    def due_ns(self, row: int) -> int:
        """Return when row `row` is due: `row_offset` + `row` periods after the observation."""
        return self.stamp_ns + (self.row_offset + row) * self.dt_ns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointCommand:
    """One limited set-point for all arms, the output of the executor."""

    stamp_ns: int
    position: FloatArray  # [D]
    velocity: FloatArray  # [D]
    acceleration: FloatArray  # [D]
    # Arms that obeyed nothing or were sent nothing: their joints were set to the measured ones, at
    # rest
    reseeded_arms: tuple[str, ...] = ()
    silent_arms: tuple[str, ...] = ()  # are sent nothing: they are released, nobody knows where


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """
    Why there is no observation, chunk or motion right now: a name for machines, a sentence for
    people.
    """

    reason: str
    detail: str


# What the executor tells the policy: the rows it is going to execute, and how late chunks come.
#
# Sent at every splice, flush and change of state. Between two of them nothing changes but time.


@dataclass(frozen=True, slots=True, kw_only=True)
class SpliceDelay:
    """How late the newest accepted chunk took over: what the next forecast learns from."""

    epoch: int
    sequence: int
    delay_ns: int  # from the observation stamp of the chunk to its splice, executor's clock


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExecutionPlan:
    """
    The plan at `stamp_ns`.

    The rows include the last ones before `stamp_ns`, as far back as chunks in flight may be
    anchored. What is due is absolute: chunk row i of the policy belongs to
    observation stamp + i * dt.
    """

    stamp_ns: int  # when the executor wrote this
    strategy: str  # name in inference.strategy that the executor runs
    epoch: int  # of the newest accepted chunk
    sequence: int
    due_ns: NDArray[np.int64]  # [n] rising strictly, n may be 0
    rows: FloatArray  # [n, D] joint positions in robot units
    accepting: bool  # the mode wants chunks (AUTONOMY) and nothing blocks motion
    resting: bool  # nothing is planned and the command stands still
    tracking_error: FloatArray  # [D] measured less commanded joints, columns without feedback 0
    splice: SpliceDelay | None = None  # of the newest accepted chunk


# The seams: Protocols that composition roots plug together.


class Policy(Protocol):
    """
    Something that turns an observation into a chunk.

    One thread calls all methods. `infer` may take long: it never runs in a ROS callback or timer.
    """

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and emits; constant."""
        ...

    def reset(self, *, seed: int) -> None:
        """Forget everything about the running episode."""
        ...

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """Return the rows for `observation`. Must not write into its arguments."""
        ...

    def close(self) -> None:
        """Release files and devices; idempotent."""
        ...


@runtime_checkable
class StartCheck(Protocol):
    """A policy that knows at which joints it must not begin; any thread may ask."""

    def start_refusal(self, joints: FloatArray) -> Refusal | None:
        """Return why autonomy must not begin at `joints` [D] [rad, m], or None."""
        ...
