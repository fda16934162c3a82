# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The policies by name: entry points of the group `wla_ros.policies`, ours and those of others alike.

An entry point leads to a PolicyEntry, in whose file stand the policy and its parameters.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wla_ros.base import registry
from wla_ros.base.config import Alternatives
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import alternatives
from wla_ros.base.config import parameter
from wla_ros.base.joints import JointLayout
from wla_ros.base.missing_package import missing_package
from wla_ros.base.types import Policy
from wla_ros.policies.adapters import PolicyWithZero
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.robot import Robot

AS_ARMS = 'as_arms'


def policy_names() -> tuple[str, ...]:
    """Return the registered policies, sorted."""
    return registry.names(registry.POLICIES)


def settings_of(name: str) -> type[Any]:
    """Return the dataclass of the parameters of a policy. Raises ConfigurationError."""
    return policy_entry(name).settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySection:
    """Which policy runs, and the section of each by its name."""

    name: str = parameter(
        'a registered policy: hold, expert, replay, wla, or one of another package', default='hold'
    )
    seed: int = parameter('seed handed to the policy at every reset', minimum=0, default=0)
    zero_convention: str = parameter(
        'joint zeros of the data the policy was trained with: as those of the arms '
        '(firmware_zero in the driver profile), or those of one firmware; joints 2 and 3 differ '
        'by 2 deg and are converted both ways',
        choices=(AS_ARMS, *(zero.value for zero in ZeroConvention)),
        default=AS_ARMS,
    )
    settings: Mapping[str, Any] = alternatives(
        Alternatives(chosen_by='name', names=policy_names, kind=settings_of)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyContext:
    """What a policy may build on."""

    robot: Robot
    cameras: tuple[str, ...]  # all that are configured
    zero_convention: str = AS_ARMS
    # told of (done, total) while something large is loaded
    progress: Callable[[int, int], None] = lambda _done, _total: None

    @property
    def layout(self) -> JointLayout:
        """The joints of all arms in use."""
        return self.robot.layout

    def seen_zero(self, arm: str) -> ZeroConvention:
        """Return the joint zeros in which the policy sees an arm."""
        own = self.robot.profile.arm(arm).zero
        return own if self.zero_convention == AS_ARMS else ZeroConvention(self.zero_convention)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEntry:
    """
    What an entry point of a policy leads to.

    Its module is imported wherever parameters are read: what the policy needs (torch) is imported
    by `make`, which raises ConfigurationError for settings that cannot be used.
    """

    settings: type[Any]  # frozen dataclass of parameters: the section policy.<name>
    make: Callable[[Any, PolicyContext], Policy]  # of settings and context
    looks: bool = True  # pixels matter; without, episodes in virtual time need no rendering


def policy_entry(name: str) -> PolicyEntry:
    """Return the policy registered as `name`. Raises ConfigurationError if that cannot be."""
    try:
        entry = registry.load(registry.POLICIES, name, where='policy.name')
    except ImportError as error:
        raise _problem(f'{name!r}: {missing_package(error) or error}') from error
    if not isinstance(entry, PolicyEntry) or not dataclasses.is_dataclass(entry.settings):
        what = f'{name!r} is registered as {entry!r}'
        raise _problem(what, 'register a PolicyEntry with a dataclass as settings')
    return entry


def make_policy(
    section: PolicySection,
    robot: Robot,
    cameras: tuple[str, ...],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Policy:
    """
    Return the policy that the section names, speaking of joints in the zeros of the arms.

    Raises ConfigurationError if it cannot be made.
    """
    policy = make_as_trained(section, robot, cameras, progress=progress)
    arm_zeros = {arm.name: arm.zero for arm in robot.arms}
    trained = section.zero_convention
    if trained == AS_ARMS or set(arm_zeros.values()) == {ZeroConvention(trained)}:
        return policy
    zero = ZeroConvention(trained)
    return PolicyWithZero(policy, robot.layout, zero=zero, arm_zeros=arm_zeros)


def make_as_trained(
    section: PolicySection,
    robot: Robot,
    cameras: tuple[str, ...],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Policy:
    """Return the same in the joint zeros that it was trained with."""
    name = section.name
    entry = policy_entry(name)
    context = PolicyContext(
        robot=robot, cameras=cameras, zero_convention=section.zero_convention, progress=progress
    )
    try:
        return entry.make(section.settings.get(name) or entry.settings(), context)
    except ImportError as error:
        said = missing_package(error)
        if said is None:
            raise
        raise _problem(f'{name!r}: {said}') from error


def _problem(what: str, remedy: str = '') -> ConfigurationError:
    problem = Problem(where='policy.name', what=what, remedy=remedy)
    return ConfigurationError('policy', (problem,))
