"""
A policy that waits for cameras it does not look at.

A scripted expert needs no pixels; demanding the cameras all the same makes the synchroniser anchor
its observations to exposures and refuse missing, stale and frozen images, as for the policy that
comes after it.
"""

import dataclasses

from wla_ros.core.ports import Policy
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import PolicySpec


class PolicyWithCameras:
    """Another policy whose specification names more cameras."""

    def __init__(self, policy: Policy, cameras: tuple[str, ...]) -> None:
        """Add `cameras` to those that `policy` needs, the policy's own first."""
        self._policy = policy
        spec = policy.spec
        self._spec = dataclasses.replace(
            spec, cameras=tuple(dict.fromkeys((*spec.cameras, *cameras)))
        )

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and emits, with the additional cameras."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Forget everything about the running episode."""
        self._policy.reset(seed=seed)

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """Return the rows of the wrapped policy."""
        return self._policy.infer(observation, request)

    def close(self) -> None:
        """Release what the wrapped policy holds."""
        self._policy.close()
