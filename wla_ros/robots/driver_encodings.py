"""
How a driver writes numbers: the sections of a driver profile that hold for all of its arms.

Plain configuration with checks between fields. Knows no topic and encodes nothing itself.
"""

from dataclasses import dataclass

from wla_ros.core.configuration import parameter
from wla_ros.core.joint_layout import ARM_JOINTS
from wla_ros.robots.piper.limits import GRIPPER_MAX_M

_UNITS_PER_METRE = {'m': 1.0, 'mm': 1e3, 'um': 1e6}
_PART_OF_WIDTH = {'width': 1.0, 'half_width': 0.5}
JOINT_STATE = 'sensor_msgs/msg/JointState'
JOINT_TRAJECTORY = 'trajectory_msgs/msg/JointTrajectory'


@dataclass(frozen=True, slots=True, kw_only=True)
class QosEncoding:
    """Quality of service of our end of a topic; volatile, keep last."""

    reliability: str = parameter(
        'whether lost messages are sent again',
        choices=('reliable', 'best_effort'),
        default='reliable',
    )
    depth: int = parameter('messages kept', minimum=1, maximum=1000, default=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GripperEncoding:
    """How the opening width appears in a joint message; one entry per name."""

    present: bool = parameter('whether the arm has a gripper', default=True)
    names: tuple[str, ...] = parameter('names of its entries', default=('gripper',))
    signs: tuple[int, ...] = parameter('sign of each entry, 1 or -1', default=(1,))
    quantity: str = parameter(
        'what an entry is: the opening between the fingers or the travel of one finger',
        choices=('width', 'half_width'),
        default='width',
    )
    unit: str = parameter(
        'unit of an entry; fraction is 0 closed, 1 open at maximum_m',
        choices=('m', 'mm', 'um', 'fraction'),
        default='m',
    )
    maximum_m: float = parameter(
        'widest opening; commands are clamped to [0, maximum_m]',
        unit='m',
        minimum=0.001,
        maximum=0.15,
        default=GRIPPER_MAX_M,
    )

    def __post_init__(self) -> None:
        """Refuse entries without a sign each. Raises ValueError."""
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(f'names must be distinct and at least one, got {self.names!r}')
        if len(self.signs) != len(self.names) or any(sign not in (1, -1) for sign in self.signs):
            raise ValueError(
                f'signs must be 1 or -1, one for each of {self.names!r}, got {self.signs!r}'
            )

    @property
    def factors(self) -> tuple[float, ...]:
        """Entry per metre of opening width, for each name."""
        if self.unit == 'fraction':
            scale = 1.0 / self.maximum_m
        else:
            scale = _PART_OF_WIDTH[self.quantity] * _UNITS_PER_METRE[self.unit]
        return tuple(sign * scale for sign in self.signs)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEncoding:
    """Joint commands as the driver reads them."""

    message_types: tuple[str, ...] = parameter(
        'message type, the first one installed is used', default=(JOINT_STATE,)
    )
    mapping: str = parameter(
        'how the driver finds the joints', choices=('name', 'index'), default='name'
    )
    joint_names: tuple[str, ...] = parameter(
        'names of the six joints, base to wrist, without the prefix of the arm',
        default=ARM_JOINTS,
    )
    gripper: GripperEncoding = parameter('the gripper', default_factory=GripperEncoding)
    angle_scale: float = parameter(
        'sent angle per true angle; 1 unless the bias of the driver is to be undone',
        minimum=0.99,
        maximum=1.01,
        default=1.0,
    )
    velocity: str = parameter(
        'meaning of the velocity field: speed_percent sends six zeros and the percentage',
        choices=('omitted', 'speed_percent', 'joint_velocity'),
        default='omitted',
    )
    speed_percent: int = parameter(
        'speed of the arm; below 100 it cannot follow the limits of the executor',
        unit='%',
        minimum=1,
        maximum=100,
        default=100,
    )
    effort: str = parameter(
        'meaning of the effort field: gripper_force sends six zeros and the force',
        choices=('omitted', 'gripper_force'),
        default='omitted',
    )
    gripper_force_n: float = parameter(
        'gripping force', unit='N', minimum=0.5, maximum=3.0, default=1.0
    )
    time_from_start_s: float = parameter(
        'when a JointTrajectory point is due after it is sent; unused for JointState',
        unit='s',
        minimum=0.001,
        maximum=1.0,
        default=0.01,
    )
    qos: QosEncoding = parameter('quality of service', default_factory=QosEncoding)

    def __post_init__(self) -> None:
        """Refuse names that would leave a joint without command. Raises ValueError."""
        _check_names(self.joint_names, self.gripper)
        known = {JOINT_STATE, JOINT_TRAJECTORY}
        if not self.message_types or not set(self.message_types) <= known:
            raise ValueError(
                f'message_types must be of {sorted(known)}, got {list(self.message_types)}'
            )
        wants_seven = self.velocity == 'speed_percent' or self.effort == 'gripper_force'
        if wants_seven and len(self.gripper.names) != 1:
            raise ValueError(
                'speed_percent and gripper_force need exactly one gripper entry, the seventh'
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEncoding:
    """Joint feedback as the driver writes it."""

    message_types: tuple[str, ...] = parameter(
        'message type, the first one installed is used', default=(JOINT_STATE,)
    )
    mapping: str = parameter(
        'how we find the joints; by index the name list must be empty or exact',
        choices=('name', 'index'),
        default='name',
    )
    joint_names: tuple[str, ...] = parameter(
        'names of the six joints, base to wrist, without the prefix of the arm',
        default=ARM_JOINTS,
    )
    gripper: GripperEncoding = parameter('the gripper', default_factory=GripperEncoding)
    ignored_names: tuple[str, ...] = parameter(
        'names that may be there besides joints, gripper and other arms, without the prefix of '
        'the arm; any other name is refused: joint0 would shift the joints by one',
        default=(),
    )
    angle_scale: float = parameter(
        'true angle per reported angle; 1 unless the bias of the driver is to be undone',
        minimum=0.99,
        maximum=1.01,
        default=1.0,
    )
    velocity: str = parameter(
        'whether the velocity field carries velocities; ignored reads as zero',
        choices=('rad_s', 'ignored'),
        default='rad_s',
    )
    effort: str = parameter(
        'whether the effort field carries torques; ignored reads as zero',
        choices=('newton_metre', 'ignored'),
        default='newton_metre',
    )
    zeros_mean_no_data: bool = parameter(
        'whether a message of nothing but zeros means that the driver has heard no CAN frame',
        default=True,
    )
    qos: QosEncoding = parameter('quality of service', default_factory=QosEncoding)

    def __post_init__(self) -> None:
        """Refuse names that would leave a joint without feedback. Raises ValueError."""
        _check_names(self.joint_names, self.gripper)
        if self.message_types != (JOINT_STATE,):
            raise ValueError(
                f'message_types must be [{JOINT_STATE}], got {list(self.message_types)}'
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPoseEncoding:
    """End-pose commands of the flange in base_link, planned by the arm's firmware."""

    message_types: tuple[str, ...] = parameter(
        'message types in order of preference, the first one installed is used'
    )
    form: str = parameter(
        'pos_cmd: x y z and extrinsic XYZ Euler angles; pose: position and quaternion',
        choices=('pos_cmd', 'pose'),
    )
    length_unit: str = parameter('unit of x, y, z', choices=('m', 'mm'), default='m')
    angle_unit: str = parameter('unit of roll, pitch, yaw', choices=('rad', 'deg'), default='rad')
    qos: QosEncoding = parameter('quality of service', default_factory=QosEncoding)

    def __post_init__(self) -> None:
        """Refuse units that a geometry_msgs pose cannot have. Raises ValueError."""
        _check_types(self.message_types)
        if self.form == 'pose' and (self.length_unit, self.angle_unit) != ('m', 'rad'):
            raise ValueError('a pose with quaternion is in m; remove length_unit and angle_unit')


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEncoding:
    """Arm status messages."""

    message_types: tuple[str, ...] = parameter(
        'message types in order of preference, the first one installed is used'
    )
    qos: QosEncoding = parameter('quality of service', default_factory=QosEncoding)

    def __post_init__(self) -> None:
        """Refuse anything that is no type name. Raises ValueError."""
        _check_types(self.message_types)


def _check_names(joint_names: tuple[str, ...], gripper: GripperEncoding) -> None:
    if len(joint_names) != len(ARM_JOINTS):
        raise ValueError(f'joint_names must be six names, got {list(joint_names)}')
    names = (*joint_names, *gripper.names)
    if len(set(names)) != len(names) or not all(names):
        raise ValueError(f'joint and gripper names must be distinct texts, got {list(names)}')


def _check_types(message_types: tuple[str, ...]) -> None:
    wrong = [name for name in message_types if len(name.split('/')) != 3]
    if not message_types or wrong:
        raise ValueError(
            f"message_types must be like 'package/msg/Type', got {wrong or message_types!r}"
        )
