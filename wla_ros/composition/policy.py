# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The parameters of the policy node, the parts they become, and what of them does not fit."""

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import parameter
from wla_ros.base.joints import JointLayout
from wla_ros.base.memory import DEFAULT_CAPACITY
from wla_ros.base.memory import DEFAULT_SETTLE_NS
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import Policy
from wla_ros.base.types import PolicySpec
from wla_ros.inference.pacing import check_strategy
from wla_ros.inference.pacing import choose_strategy
from wla_ros.inference.session import InferenceSession
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import SynchronisationConfig
from wla_ros.observation.config import check_session
from wla_ros.policies.registry import PolicySection
from wla_ros.policies.registry import make_policy
from wla_ros.robots.images import ANY_ENCODING
from wla_ros.robots.images import BYTES_PER_PIXEL
from wla_ros.robots.robot import Robot
from wla_ros.robots.robot import RobotSection
from wla_ros.robots.robot import load_robot

# The parameters of the policy node. Declares only; what they do is the business of the modules
# named below.


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraInput:
    """Where the images of one camera come from; its bounds stand in synchronisation.cameras."""

    topic: str = parameter('topic of the images')
    transport: str = parameter(
        'raw is sensor_msgs/Image, compressed is sensor_msgs/CompressedImage',
        choices=('raw', 'compressed'),
        default='raw',
    )
    encoding: str = parameter(
        'the only encoding to accept from a raw topic; any takes all that can be converted',
        choices=(ANY_ENCODING, *BYTES_PER_PIXEL),
        default=ANY_ENCODING,
    )
    reliability: str = parameter(
        'best_effort connects to every publisher; reliable only to reliable ones',
        choices=('best_effort', 'reliable'),
        default='best_effort',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySection:
    """The subtask memory."""

    capacity: int = parameter(
        'completed subtasks to remember', minimum=1, maximum=1000, default=DEFAULT_CAPACITY
    )
    settle_s: float = parameter(
        'a policy that goes back to the subtask before within this time only wavered',
        unit='s',
        minimum=0.0,
        maximum=60.0,
        default=ns_to_seconds(DEFAULT_SETTLE_NS),
    )
    file: str = parameter(
        'file that the memory survives in when the node crashes, in ROS_HOME (~/.ros) unless '
        'absolute; {node} stands for namespace and name of the node; empty: none',
        default='',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSection:
    """The action run_task."""

    ready_timeout_s: float = parameter(
        'a goal is refused if inputs and executor are not ready within this time',
        unit='s',
        minimum=0.0,
        maximum=60.0,
        default=2.0,
    )
    fault_timeout_s: float = parameter(
        'the task ends as a fault after this long without a new chunk',
        unit='s',
        minimum=0.1,
        maximum=600.0,
        default=5.0,
    )
    max_time_limit_s: float = parameter(
        'longest time limit a goal may ask for', unit='s', minimum=1.0, default=3600.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyNodeConfiguration:
    """The policy node."""

    autostart: bool = parameter('configure and activate without a lifecycle manager', default=True)
    robot: RobotSection = parameter('the robot')
    cameras: Mapping[str, CameraInput] = parameter('the cameras by name', default_factory=dict)
    synchronisation: SynchronisationConfig = parameter(
        'bounds of the inputs', default_factory=SynchronisationConfig
    )
    policy: PolicySection = parameter('the policy', default_factory=PolicySection)
    strategy: StrategyConfig = parameter(
        'asynchronous execution; the same in executor_node', default_factory=StrategyConfig
    )
    executor_name: str = parameter(
        'name of the executor node, for its services', default='executor_node'
    )
    instruction: str = parameter(
        'instruction until a task or set_instruction gives another', default=''
    )
    run_without_task: bool = parameter(
        'infer also while no task runs and whatever the mode; the executor decides what moves',
        default=False,
    )
    objects_topic: str = parameter('object poses of the simulated rig', default='sim/objects')
    status_rate_hz: float = parameter(
        'rate of policy_status', unit='Hz', minimum=0.1, maximum=50.0, default=5.0
    )
    memory: MemorySection = parameter('the subtask memory', default_factory=MemorySection)
    task: TaskSection = parameter('the action run_task', default_factory=TaskSection)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyParts:
    """Robot, policy and strategy that fit together."""

    configuration: PolicyNodeConfiguration
    robot: Robot
    policy: Policy
    strategy: StrategyConfig  # the chosen one where the configuration says auto
    reason: str  # why that one

    def make_session(self, *, first_epoch: int = 0) -> InferenceSession:
        """Return a new session without an instruction."""
        return InferenceSession(
            self.policy.spec,
            complete_cameras(self.configuration),
            self.robot.layout,
            strategy=self.strategy,
            first_epoch=first_epoch,
        )


def load_policy(
    configuration: PolicyNodeConfiguration,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> PolicyParts | tuple[Problem, ...]:
    """Return the parts, or all problems; `progress` is told of (done, total) while loading."""
    robot = load_robot(configuration.robot)
    if not isinstance(robot, Robot):
        return robot
    cameras = tuple(configuration.cameras)
    try:
        policy = make_policy(configuration.policy, robot, cameras, progress=progress)
    except ConfigurationError as error:
        return error.problems
    problems = session_problems(configuration, policy.spec, robot.layout)
    if problems:
        policy.close()
        return problems
    strategy, reason = choose_strategy(policy.spec, configuration.strategy)
    return PolicyParts(
        configuration=configuration,
        robot=robot,
        policy=policy,
        strategy=strategy,
        reason=reason,
    )


def require_policy(
    configuration: PolicyNodeConfiguration,
    *,
    source: str,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> PolicyParts:
    """Return the same; raises ConfigurationError naming `source` with everything that is wrong."""
    parts = load_policy(configuration, progress=progress)
    if not isinstance(parts, PolicyParts):
        raise ConfigurationError(source, parts)
    return parts


def complete_cameras(configuration: PolicyNodeConfiguration) -> SynchronisationConfig:
    """Return the synchronisation with a section, default or given, for every configured camera."""
    given = configuration.synchronisation.cameras
    cameras = {name: given.get(name, CameraSync()) for name in configuration.cameras}
    return replace(configuration.synchronisation, cameras={**cameras, **given})


def session_problems(
    configuration: PolicyNodeConfiguration, spec: PolicySpec, layout: JointLayout
) -> tuple[Problem, ...]:
    """Return bounds without camera, every mismatch of policy, cameras and arms, and strategy."""
    problems = tuple(
        Problem(
            where=f'synchronisation.cameras.{name}',
            what='there is no such camera',
            remedy=f'cameras: {", ".join(configuration.cameras) or "none"}',
        )
        for name in configuration.synchronisation.cameras
        if name not in configuration.cameras
    )
    try:
        check_session(spec, complete_cameras(configuration), layout)
    except ConfigurationError as error:
        problems += error.problems
    return (*problems, *check_strategy(spec, configuration.strategy))
