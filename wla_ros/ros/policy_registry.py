"""
The policies by name. A new policy is one function and one entry in the table.

Factories import what they need when they are called: naming a policy costs nothing, and no node imports torch or
MuJoCo for a policy it does not run.
"""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.ports import Policy
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import PolicySpec
from wla_ros.ros.policy_configuration import PolicySection


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyContext:
    """What a factory may build on."""

    section: PolicySection
    layout: JointLayout
    cameras: tuple[str, ...]  # all that are configured


class CameraPolicy:
    """A policy that ignores images, made to demand cameras: it then runs the pipeline of one that looks."""

    def __init__(self, policy: Policy, cameras: tuple[str, ...]) -> None:
        """Wrap `policy`."""
        self._policy = policy
        self._spec = replace(policy.spec, cameras=cameras)

    @property
    def spec(self) -> PolicySpec:
        """The specification of the wrapped policy, with cameras."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Reset the wrapped policy."""
        self._policy.reset(seed=seed)

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """Ask the wrapped policy."""
        return self._policy.infer(observation, request)

    def close(self) -> None:
        """Close the wrapped policy."""
        self._policy.close()


def _hold(context: PolicyContext) -> Policy:
    from wla_ros.policy.hold_policy import HoldPolicy

    section = context.section.hold
    return HoldPolicy(
        context.layout, cameras=context.cameras, horizon=section.horizon, rate_hz=section.rate_hz
    )


def _replay(context: PolicyContext) -> Policy:
    from wla_ros.evaluation.bag_reading import read_recorded_actions
    from wla_ros.policy.replay_policy import ReplayPolicy

    section = context.section.replay
    if not section.bag:
        raise _problem('policy.replay.bag', 'is empty', 'give the folder of a bag')
    return ReplayPolicy(
        read_recorded_actions(Path(section.bag).expanduser(), topic=section.topic, columns=context.layout.columns),
        context.layout,
        cameras=context.cameras,
        horizon=section.horizon,
        rate_hz=section.rate_hz,
        max_start_deviation_rad=section.max_start_deviation_rad,
    )


def _expert(context: PolicyContext) -> Policy:
    try:
        from wla_ros.sim.expert import EXPERTS
    except ModuleNotFoundError as error:
        raise _problem('policy.name', f'expert needs the simulation: {error}', 'pip install mujoco') from error
    task = context.section.expert.task
    if task not in EXPERTS:
        raise _problem('policy.expert.task', f'there is no expert for {task!r}', f'one of {", ".join(EXPERTS)}')
    policy = EXPERTS[task]()
    return CameraPolicy(policy, context.cameras) if context.cameras else policy


POLICIES: Mapping[str, Callable[[PolicyContext], Policy]] = MappingProxyType(
    {'hold': _hold, 'expert': _expert, 'replay': _replay}
)


def make_policy(context: PolicyContext) -> Policy:
    """Return the policy that the section names. Raises ConfigurationError if it cannot be made."""
    name = context.section.name
    if name not in POLICIES:
        raise _problem('policy.name', f'there is no policy {name!r}', f'one of {", ".join(POLICIES)}')
    return POLICIES[name](context)


def _problem(where: str, what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError('policy', (Problem(where=where, what=what, remedy=remedy),))
