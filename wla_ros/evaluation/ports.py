"""
The seams of a virtual-time episode: the rig and the executor that a composition root plugs in.

`Rig` speaks core types: the encoding of the driver lies between it and the simulated robot. The
views are what a record needs to know of a part, however the part names it.
"""

from dataclasses import dataclass
from typing import Any
from typing import Protocol

from wla_ros.core.execution_plan import ExecutionPlan
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import ImageArray
from wla_ros.core.types import ImageFrame
from wla_ros.core.types import JointCommand
from wla_ros.core.types import JointSample
from wla_ros.core.types import Mode
from wla_ros.core.types import ObjectPoses
from wla_ros.core.types import Refusal
from wla_ros.evaluation.episode_record import Counter
from wla_ros.evaluation.episode_record import SpliceRecord

STATES = ('tracking', 'decelerating', 'holding', 'not ready')  # as in ExecutorStatus.msg


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the judge of a task says about the physical state of its objects."""

    success: bool
    text: str  # 'success' or what is missing
    final: bool = False  # nothing that still happens can change it


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorView:
    """State of the executor at one instant."""

    mode: Mode
    state: str  # one of STATES
    reason: str  # why it holds or decelerates
    starvations: int
    seam_position_step_rad: float  # of the last splice
    seam_velocity_step_rad_s: float


class Rig(Protocol):
    """A simulated robot with its drivers and cameras. Times never run backwards."""

    @property
    def arms(self) -> tuple[str, ...]:
        """Names in the order of the joint layout."""
        ...

    def reset(self, *, seed: int, now_ns: int) -> None:
        """Put arms and objects into the start state of an episode."""
        ...

    def step_to(self, now_ns: int) -> None:
        """Advance the physics."""
        ...

    def command(self, arm: str, command: JointCommand, now_ns: int) -> None:
        """Give the columns of `arm` to its driver."""
        ...

    def take_feedback(self) -> tuple[JointSample, ...]:
        """Return what the drivers published since the last call, each sample once."""
        ...

    def take_conditions(self, now_ns: int) -> tuple[Any, ...]:
        """Return the newest condition of every arm that reports one, for the executor."""
        ...

    def take_frames(self) -> tuple[ImageFrame, ...]:
        """Return the images the cameras delivered since the last call, each once."""
        ...

    def picture(self) -> ImageArray | None:
        """Return a picture for people, None if nothing can be rendered."""
        ...

    def object_poses(self, now_ns: int) -> ObjectPoses:
        """Return the true poses of the objects."""
        ...

    def judge(self) -> Verdict:
        """Judge the present state."""
        ...

    def counters(self) -> tuple[Counter, ...]:
        """
        Return counts since the reset; owners are 'driver <arm>', 'feedback <arm>', 'camera
        <name>'.
        """
        ...


class Executor(Protocol):
    """The pure part of the executor node."""

    def accept_feedback(self, sample: JointSample) -> Refusal | None:
        """Take feedback of one arm."""
        ...

    def accept_condition(self, condition: Any) -> Refusal | None:
        """Take the state of one arm."""
        ...

    def accept_chunk(self, chunk: ActionChunk, now_ns: int) -> Refusal | None:
        """Take a chunk, or say why not."""
        ...

    def set_mode(self, mode: Mode, now_ns: int, reason: str) -> Refusal | None:
        """Change who commands, or say why not."""
        ...

    def tick(self, now_ns: int) -> JointCommand | None:
        """Return the command of this tick, None while nothing trustworthy can be commanded."""
        ...

    @property
    def plan_revision(self) -> int:
        """Changes whenever `execution_plan` changes other than by time passing."""
        ...

    def execution_plan(self, now_ns: int) -> ExecutionPlan:
        """Return what is going to be executed, for the policy."""
        ...

    def take_splice(self) -> SpliceRecord | None:
        """Return how the newest accepted chunk joined the plan, once."""
        ...

    def view(self, now_ns: int) -> ExecutorView:
        """Return the state."""
        ...

    def counters(self, now_ns: int) -> tuple[Counter, ...]:
        """Return the counters of ExecutorStatus.msg; the owner is 'executor'."""
        ...
