"""
The policies by name. A new policy is one function and one entry in the table.

Factories import what they need when they are called: naming a policy costs nothing, and no node
imports torch or MuJoCo for a policy it does not run.
"""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.ports import Policy
from wla_ros.core.types import FloatArray
from wla_ros.policy.policy_with_zero import PolicyWithZero
from wla_ros.robots.piper.zero_convention import ZeroConvention
from wla_ros.ros.missing_package import missing_package
from wla_ros.ros.policy_configuration import AS_ARMS
from wla_ros.ros.policy_configuration import PolicySection
from wla_ros.ros.robot_configuration import Robot


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
    from wla_ros.policy.hold_policy import HoldPolicy

    section = context.section.hold
    return HoldPolicy(
        context.layout, cameras=context.cameras, horizon=section.horizon, rate_hz=section.rate_hz
    )


def _replay(context: PolicyContext) -> Policy:
    from wla_ros.evaluation.bag_reading import BagError
    from wla_ros.evaluation.recorded_actions import read_actions
    from wla_ros.policy.replay_policy import ReplayPolicy

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
    from wla_ros.policy.policy_with_cameras import PolicyWithCameras
    from wla_ros.sim.expert.expert_spec import make_expert

    # The expert looks at nothing; with cameras it runs the pipeline of a policy that does.
    return PolicyWithCameras(make_expert(context.section.expert.task), context.cameras)


def _wla(context: PolicyContext) -> Policy:
    from wla_ros.core.rigid_transform import matrix_to_pose7
    from wla_ros.policy.wla.wla_loading import load_wla_policy
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
