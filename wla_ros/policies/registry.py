# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policies by name, and what a factory may build on."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import parameter
from wla_ros.base.joints import JointLayout
from wla_ros.base.missing_package import missing_package
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Policy
from wla_ros.policies.adapters import PolicyWithZero
from wla_ros.policies.wla.settings import WlaSettings
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.robot import Robot

# The parameters of the policy node. Declares only; what they do is the business of the modules
# named below.

AS_ARMS = 'as_arms'


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSection:
    """The policy hold."""

    horizon: int = parameter('rows of a chunk', minimum=2, maximum=1000, default=32)
    rate_hz: float = parameter(
        'rows per second', unit='Hz', minimum=1.0, maximum=200.0, default=30.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySection:
    """The policy replay."""

    bag: str = parameter('folder of the bag to play', default='')
    topic: str = parameter(
        'topic with chunks or joint states of all columns; empty: the only one there is',
        default='',
    )
    horizon: int = parameter('rows of a chunk', minimum=2, maximum=1000, default=32)
    rate_hz: float = parameter(
        'rows per second', unit='Hz', minimum=1.0, maximum=200.0, default=30.0
    )
    max_start_deviation_rad: float = parameter(
        'largest distance of a joint from the first row when it starts',
        unit='rad',
        minimum=0.001,
        maximum=1.0,
        default=0.05,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertSection:
    """The scripted expert; simulation only."""

    task: str = parameter('task of the simulated rig', default='stack_cup')
    by: str = parameter(
        'how it goes about it: plan (from rest to rest) or feedback (a law that says what to do '
        'in any state, as demonstrations need it)',
        choices=('plan', 'feedback'),
        default='plan',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySection:
    """Which policy thinks."""

    name: str = parameter('a policy of the registry: hold, expert, replay, wla', default='hold')
    seed: int = parameter('seed handed to the policy at every reset', minimum=0, default=0)
    zero_convention: str = parameter(
        'joint zeros of the data the policy was trained with: as those of the arms '
        '(firmware_zero in the driver profile), or those of one firmware; joints 2 and 3 differ '
        'by 2 deg and are converted both ways',
        choices=(AS_ARMS, *(zero.value for zero in ZeroConvention)),
        default=AS_ARMS,
    )
    hold: HoldSection = parameter('keeps the measured joints', default_factory=HoldSection)
    replay: ReplaySection = parameter('plays a bag', default_factory=ReplaySection)
    expert: ExpertSection = parameter('scripted, with object poses', default_factory=ExpertSection)
    wla: WlaSettings = parameter('WLA-0', default_factory=WlaSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyContext:
    """What a factory may build on."""

    section: PolicySection
    robot: Robot
    cameras: tuple[str, ...]  # all that are configured

    @property
    def layout(self) -> JointLayout:
        """The joints of all arms in use."""
        return self.robot.layout

    def seen_zero(self, arm: str) -> ZeroConvention:
        """Return the joint zeros in which the policy sees an arm."""
        trained = self.section.zero_convention
        own = self.robot.profile.arm(arm).zero
        return own if trained == AS_ARMS else ZeroConvention(trained)


def _hold(context: PolicyContext) -> Policy:
    from wla_ros.policies.simple import HoldPolicy

    section = context.section.hold
    return HoldPolicy(
        context.layout, cameras=context.cameras, horizon=section.horizon, rate_hz=section.rate_hz
    )


def _replay(context: PolicyContext) -> Policy:
    from wla_ros.bags.actions import read_actions
    from wla_ros.bags.reading import BagError
    from wla_ros.policies.simple import ReplayPolicy

    section = context.section.replay
    if not section.bag:
        raise _problem('policy.replay.bag', 'is empty', 'give the folder of a bag')
    try:
        recording = read_actions(
            Path(section.bag).expanduser(), context.layout, topic=section.topic
        )
    except BagError as error:
        raise _problem('policy.replay.bag', str(error), '') from error
    return ReplayPolicy(
        recording,
        context.layout,
        cameras=context.cameras,
        horizon=section.horizon,
        rate_hz=section.rate_hz,
        max_start_deviation_rad=section.max_start_deviation_rad,
    )


def _expert(context: PolicyContext) -> Policy:
    from wla_ros.policies.adapters import PolicyWithCameras
    from wla_ros.sim.expert.feedback_experts import make_demonstrator
    from wla_ros.sim.expert.plan import make_expert

    # The expert looks at nothing; with cameras it runs the pipeline of a policy that does.
    section = context.section.expert
    make = make_demonstrator if section.by == 'feedback' else make_expert
    expert = make(section.task, where='policy.expert.task')
    return PolicyWithCameras(expert, context.cameras)


def _wla(context: PolicyContext) -> Policy:
    from wla_ros.base.geometry import matrix_to_pose7
    from wla_ros.policies.wla.loading import load_wla_policy
    from wla_ros.robots.piper.forward_kinematics import flange_pose

    settings = context.section.wla
    offset_m = settings.actions.tool_offset_m

    def tool_pose(zero: ZeroConvention, joints: FloatArray) -> FloatArray:
        return matrix_to_pose7(flange_pose(joints, zero=zero, tool_offset_m=offset_m))

    kinematics = {arm: partial(tool_pose, context.seen_zero(arm)) for arm in context.layout.arms}
    return load_wla_policy(settings, context.layout, kinematics)


POLICIES: Mapping[str, Callable[[PolicyContext], Policy]] = MappingProxyType(
    {'hold': _hold, 'expert': _expert, 'replay': _replay, 'wla': _wla}
)


def make_policy(context: PolicyContext) -> Policy:
    """
    Return the policy that the section names, speaking of joints in the zeros of the arms.

    Raises ConfigurationError if it cannot be made.
    """
    name = context.section.name
    if name not in POLICIES:
        raise _problem(
            'policy.name', f'there is no policy {name!r}', f'one of {", ".join(POLICIES)}'
        )
    try:
        policy = POLICIES[name](context)
    except ImportError as error:
        said = missing_package(error)
        if said is None:
            raise
        raise _problem('policy.name', f'{name!r}: {said}', '') from error
    arm_zeros = {arm.name: arm.zero for arm in context.robot.arms}
    trained = context.section.zero_convention
    if trained == AS_ARMS or set(arm_zeros.values()) == {ZeroConvention(trained)}:
        return policy
    zero = ZeroConvention(trained)
    return PolicyWithZero(policy, context.layout, zero=zero, arm_zeros=arm_zeros)


def _problem(where: str, what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError('policy', (Problem(where=where, what=what, remedy=remedy),))
