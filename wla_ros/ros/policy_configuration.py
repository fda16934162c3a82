"""
The parameters of the policy node. Declares only; what they do is the business of the modules named
below.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from wla_ros.core.configuration import parameter
from wla_ros.core.image_encodings import ANY_ENCODING
from wla_ros.core.image_encodings import BYTES_PER_PIXEL
from wla_ros.core.strategy_config import StrategyConfig
from wla_ros.core.subtask_memory import DEFAULT_CAPACITY
from wla_ros.core.subtask_memory import DEFAULT_SETTLE_NS
from wla_ros.core.synchronisation import SynchronisationConfig
from wla_ros.core.timing import ns_to_seconds
from wla_ros.policy.wla.wla_settings import WlaSettings
from wla_ros.robots.piper.zero_convention import ZeroConvention
from wla_ros.ros.robot_configuration import RobotSection

AS_ARMS = 'as_arms'


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
        'think also while no task runs and whatever the mode; the executor decides what moves',
        default=False,
    )
    objects_topic: str = parameter('object poses of the simulated rig', default='sim/objects')
    status_rate_hz: float = parameter(
        'rate of policy_status', unit='Hz', minimum=0.1, maximum=50.0, default=5.0
    )
    memory: MemorySection = parameter('the subtask memory', default_factory=MemorySection)
    task: TaskSection = parameter('the action run_task', default_factory=TaskSection)
