# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A driver as configuration: which topics carry what, in which encoding, for each arm.

Profiles are YAML files (config/drivers); an arm's part of one is an `ArmProfile`. Topics are
relative names: namespace and remapping stay with the launch file. Knows no ROS; message types are
texts.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import yaml

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.base.config import parameter
from wla_ros.base.joints import ARM_JOINTS
from wla_ros.base.joints import JointLayout
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.piper.limits import GRIPPER_MAX_M

# How a driver writes numbers: the sections of a driver profile that hold for all of its arms.
#
# Plain configuration with checks between fields. Knows no topic and encodes nothing itself.

_UNITS_PER_METRE = {'m': 1.0, 'mm': 1e3, 'um': 1e6}
_PART_OF_WIDTH = {'width': 1.0, 'half_width': 0.5}
JOINT_STATE = 'sensor_msgs/msg/JointState'
JOINT_TRAJECTORY = 'trajectory_msgs/msg/JointTrajectory'
FLOAT_ARRAY = 'std_msgs/msg/Float64MultiArray'
# What commands are made of.
JOINTS = 'joints'
END_POSE = 'end_pose'


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
        'when a JointTrajectory point is due after it is sent; unused for other types',
        unit='s',
        minimum=0.001,
        maximum=1.0,
        default=0.01,
    )
    qos: QosEncoding = parameter('quality of service', default_factory=QosEncoding)

    def __post_init__(self) -> None:
        """Refuse names that would leave a joint without command. Raises ValueError."""
        _check_names(self.joint_names, self.gripper)
        known = {JOINT_STATE, JOINT_TRAJECTORY, FLOAT_ARRAY}
        if not self.message_types or not set(self.message_types) <= known:
            raise ValueError(
                f'message_types must be of {sorted(known)}, got {list(self.message_types)}'
            )
        bare = (self.mapping, self.velocity, self.effort) == ('index', 'omitted', 'omitted')
        if FLOAT_ARRAY in self.message_types and not bare:
            raise ValueError(
                f'{FLOAT_ARRAY} carries positions without names: mapping must be index, velocity '
                f'and effort omitted, got {self.mapping}, {self.velocity}, {self.effort}'
            )
        plain = self.velocity != 'speed_percent' and self.effort == 'omitted'
        if JOINT_TRAJECTORY in self.message_types and not plain:
            raise ValueError(
                f'points of a {JOINT_TRAJECTORY} carry positions and velocities of joints: '
                'velocity must be omitted or joint_velocity, effort omitted, '
                f'got {self.velocity}, {self.effort}'
            )
        wants_seven = self.velocity == 'speed_percent' or self.effort == 'gripper_force'
        if wants_seven and not (self.gripper.present and len(self.gripper.names) == 1):
            raise ValueError(
                'speed_percent and gripper_force need exactly one gripper entry, the seventh, '
                'of a gripper that is present'
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmChannels:
    """One arm: topics and services relative to the namespace ('' where none), and its zeros."""

    command_topic: str = parameter('joint commands to the driver')
    feedback_topic: str = parameter('joint feedback of the driver; arms may share one')
    joint_prefix: str = parameter('put before every joint and gripper name', default='')
    end_pose_command_topic: str = parameter('flange pose commands', default='')
    status_topic: str = parameter('arm status', default='')
    firmware_zero: str = parameter(
        'joint zeros of the firmware: new from S-V1.6-3 on, old before',
        choices=('new', 'old'),
        default='new',
    )

    def __post_init__(self) -> None:
        """Refuse a message that would have no topic. Raises ValueError."""
        for name in ('command_topic', 'feedback_topic'):
            if not getattr(self, name):
                raise ValueError(f'{name} must not be empty')
        if self.command_topic == self.feedback_topic:
            raise ValueError(f'command and feedback are both on {self.command_topic!r}')


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverProfile:
    """Everything about a driver that is not code."""

    driver: str = parameter('name of the driver')
    description: str = parameter('which driver, version and launch file this fits', default='')
    command: CommandEncoding = parameter('joint commands', default_factory=CommandEncoding)
    feedback: FeedbackEncoding = parameter('joint feedback', default_factory=FeedbackEncoding)
    end_pose: EndPoseEncoding | None = parameter('flange pose commands', default=None)
    status: StatusEncoding | None = parameter('arm status', default=None)
    arms: Mapping[str, ArmChannels] = parameter('the arms, in the order of the layout')

    def __post_init__(self) -> None:
        """Refuse arms that share what they must not. Raises ValueError listing all problems."""
        if not self.arms:
            raise ValueError('arms must name at least one arm')
        problems = [
            f'arms.{arm}.{topic} is set but there is no section {section!r}'
            for arm, channels in self.arms.items()
            for topic, section in (
                ('end_pose_command_topic', 'end_pose'),
                ('status_topic', 'status'),
            )
            if getattr(channels, topic) and getattr(self, section) is None
        ]
        for topic in ('command_topic', 'end_pose_command_topic', 'status_topic'):
            used = [getattr(channels, topic) for channels in self.arms.values()]
            shared = sorted({name for name in used if name and used.count(name) > 1})
            if shared:
                problems.append(f'several arms have {topic} {", ".join(shared)}')
        sources = [
            (channels.feedback_topic, channels.joint_prefix) for channels in self.arms.values()
        ]
        if len(set(sources)) != len(sources):
            problems.append('arms that share a feedback_topic need different joint_prefix')
        if problems:
            raise ValueError('; '.join(problems))

    @property
    def layout(self) -> JointLayout:
        """The joint layout of all arms of this profile."""
        return JointLayout(arms=tuple(self.arms))

    def arm(self, name: str) -> 'ArmProfile':
        """Return the part of this profile that concerns one arm. Raises ValueError if unknown."""
        if name not in self.arms:
            raise ValueError(f'unknown arm {name!r}, the profile {self.driver} has {[*self.arms]}')
        topic = self.arms[name].feedback_topic
        return ArmProfile(
            name=name,
            prefixes_beside=tuple(
                channels.joint_prefix
                for arm, channels in self.arms.items()
                if arm != name and channels.feedback_topic == topic
            ),
            channels=self.arms[name],
            command=self.command,
            feedback=self.feedback,
            end_pose=self.end_pose,
            status=self.status,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmProfile:
    """Topics and encodings of one arm."""

    name: str
    channels: ArmChannels
    prefixes_beside: tuple[str, ...] = ()  # of the other arms on the same feedback topic
    command: CommandEncoding
    feedback: FeedbackEncoding
    end_pose: EndPoseEncoding | None = None
    status: StatusEncoding | None = None
    # Six joints, then the gripper entries if there is a gripper; what is sent and what is read.
    command_names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    feedback_joint_names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    feedback_gripper_names: tuple[str, ...] = field(init=False, repr=False, compare=False)
    feedback_other_names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Put the names together once; they are asked for with every message."""
        sent, read = self.command, self.feedback
        joints, entries = self._prefixed(sent.joint_names), self._entries(sent.gripper)
        object.__setattr__(self, 'command_names', joints + entries)
        object.__setattr__(self, 'feedback_joint_names', self._prefixed(read.joint_names))
        object.__setattr__(self, 'feedback_gripper_names', self._entries(read.gripper))
        entries = read.gripper.names if read.gripper.present else ()
        beside = {
            prefix + name
            for prefix in self.prefixes_beside
            for name in (*read.joint_names, *entries, *read.ignored_names)
        }
        others = beside.union(self._prefixed(read.ignored_names))
        object.__setattr__(self, 'feedback_other_names', frozenset(others))

    def _prefixed(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.channels.joint_prefix + name for name in names)

    def _entries(self, gripper: GripperEncoding) -> tuple[str, ...]:
        return self._prefixed(gripper.names) if gripper.present else ()

    @property
    def zero(self) -> ZeroConvention:
        """Joint zeros of this arm, for its kinematics."""
        return ZeroConvention(self.channels.firmware_zero)


def load_driver_profile(path: Path) -> DriverProfile:
    """
    Return the profile in the YAML file at `path`.

    `extends: other.yaml` starts from a file in the same folder: sections are merged, but `arms`
    replaced. Raises ConfigurationError listing every problem: no such file, no YAML, unknown keys,
    wrong values.
    """
    return load_configuration(DriverProfile, _read(path, ()), source=str(path))


def _read(path: Path, extending: tuple[Path, ...]) -> Mapping[str, Any]:
    """Return the values of a file merged over those that it extends."""
    if path in extending:
        raise _unusable(path, 'extends itself', 'remove one of the extends')
    try:
        values: Any = yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        near = ', '.join(sorted(file.stem for file in path.parent.glob('*.yaml')))
        remedy = f'profiles there: {near}' if near else 'give the path of a profile'
        raise _unusable(path, error.strerror or str(error), remedy) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _unusable(path, ' '.join(str(error).split()), 'is it YAML?') from error
    if not isinstance(values, Mapping):
        raise _unusable(path, f'expected sections, got {values!r}', 'see the profiles shipped')
    base = values.get('extends')
    if base is None:
        return values
    own = {key: value for key, value in values.items() if key != 'extends'}
    return _merged(_read(path.parent / str(base), (*extending, path)), own)


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        inherited = merged.get(key)
        if key != 'arms' and isinstance(inherited, Mapping) and isinstance(value, Mapping):
            value = _merged(inherited, value)
        merged[key] = value
    return merged


def _unusable(path: Path, what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(str(path), (Problem(where=path.name, what=what, remedy=remedy),))
