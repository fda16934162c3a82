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

from wla_ros.core.configuration import load_configuration
from wla_ros.core.configuration import parameter
from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.joint_layout import JointLayout
from wla_ros.robots.driver_encodings import CommandEncoding
from wla_ros.robots.driver_encodings import EndPoseEncoding
from wla_ros.robots.driver_encodings import FeedbackEncoding
from wla_ros.robots.driver_encodings import GripperEncoding
from wla_ros.robots.driver_encodings import StatusEncoding
from wla_ros.robots.piper.zero_convention import ZeroConvention


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
