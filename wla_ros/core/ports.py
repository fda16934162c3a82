"""The seams: Protocols that composition roots plug together."""

from typing import Protocol
from typing import runtime_checkable

from wla_ros.core.types import FloatArray
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import PolicySpec
from wla_ros.core.types import Refusal


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
