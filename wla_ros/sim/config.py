# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The configuration of the simulated rig: driver, cameras, faults."""

from collections.abc import Mapping
from dataclasses import dataclass

from wla_ros.base.config import parameter
from wla_ros.sim.cameras import ROBOT_CAMERAS
from wla_ros.sim.tasks.task_options import TaskOptions

# Parameters of the driver stand-in: those of the real driver, and how the firmware moves.


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverConfig:
    """One driver; the same for all arms of a rig."""

    auto_enable: bool = parameter(
        'motors on after a reset; false: the arm falls until enabled', default=True
    )
    strict_commands: bool = parameter(
        'refuse commands that the real driver would turn into an accident: missing joint names '
        '(it sends those joints to zero), fewer than 7 positions (it closes the gripper), '
        'negative gripper widths (it opens)',
        default=True,
    )
    motion_mode: str = parameter(
        "how the firmware follows targets: 'stream' keeps up with dense set-points as MOVE JS "
        "does, 'trapezoid' plans to rest at every target as MOVE J does, lagging by "
        'speed / (2 x 5 rad/s^2)',
        choices=('stream', 'trapezoid'),
        default='stream',
    )
    gripper_value_multiple: int = parameter(
        "the driver's gripper_val_mutiple: factor on commanded gripper widths",
        minimum=0,
        maximum=10,
        default=1,
    )
    drop_implausible: bool = parameter(
        'drop feedback with any |position| > 3.5, as newer drivers do', default=True
    )


# Parameters of injected faults: what goes wrong, when and how often. All off by default.
#
# Times count from the last reset of the rig. The same seed gives the same faults.
# `fault_injection` acts on them.


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultWindow:
    """A stretch of time, once or again and again: start <= t < start + duration."""

    start_s: float = parameter(
        'begin of the fault, counted from the reset', unit='s', minimum=0.0, default=0.0
    )
    duration_s: float = parameter(
        'length of the fault; 0 is never', unit='s', minimum=0.0, default=0.0
    )
    period_s: float = parameter(
        'time from one begin of the fault to the next; 0 is once',
        unit='s',
        minimum=0.0,
        default=0.0,
    )

    def __post_init__(self) -> None:
        """Refuse windows that overlap themselves."""
        if 0.0 < self.period_s < self.duration_s:
            raise ValueError(
                f'period_s {self.period_s!r} s is shorter than duration_s {self.duration_s!r} s'
            )


NEVER = FaultWindow()


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFaults:
    """Faults of one camera."""

    drop_probability: float = parameter(
        'share of images that never arrive', minimum=0.0, maximum=1.0, default=0.0
    )
    drop: FaultWindow = parameter('no image arrives', default=NEVER)
    freeze: FaultWindow = parameter(
        'the last picture arrives again and again, with new stamps', default=NEVER
    )
    stamp_offset_s: float = parameter(
        'stamp less exposure; positive is late', unit='s', minimum=-10.0, maximum=10.0, default=0.0
    )
    stamp_jitter_s: float = parameter(
        'largest random addition to the stamp, either sign',
        unit='s',
        minimum=0.0,
        maximum=1.0,
        default=0.0,
    )
    delivery_delay_s: float = parameter(
        'time from exposure to delivery', unit='s', minimum=0.0, maximum=10.0, default=0.0
    )
    delivery_jitter_s: float = parameter(
        'largest random addition to the delivery delay; images may overtake each other',
        unit='s',
        minimum=0.0,
        maximum=1.0,
        default=0.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmFaults:
    """Faults of one arm, its bus and its driver."""

    can_silence: FaultWindow = parameter(
        'no CAN frame passes; after 0.25 s the driver ends and stays away until the next reset',
        default=NEVER,
    )
    actuation_lag_s: float = parameter(
        'time from the reception of a command to the driver',
        unit='s',
        minimum=0.0,
        maximum=2.0,
        default=0.0,
    )
    feedback_delay_s: float = parameter(
        'time from the publication of feedback to its delivery',
        unit='s',
        minimum=0.0,
        maximum=2.0,
        default=0.0,
    )
    stale_stamps: FaultWindow = parameter(
        'feedback changes but keeps the stamp of the begin', default=NEVER
    )
    zero_start_s: float = parameter(
        'feedback of zeros with stamp 0 after a reset: no frame has arrived yet',
        unit='s',
        minimum=0.0,
        maximum=60.0,
        default=0.0,
    )
    spike_probability: float = parameter(
        'share of feedback in which one joint reads +-spike_rad',
        minimum=0.0,
        maximum=1.0,
        default=0.0,
    )
    spike_rad: float = parameter(
        'size of a spike; newer drivers drop messages beyond 3.5',
        unit='rad',
        minimum=0.0,
        maximum=3000.0,
        default=4.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultConfig:
    """Faults of a whole rig; arms and cameras that are not named have none."""

    seed: int = parameter('seed of random faults', minimum=0, default=0)
    cameras: Mapping[str, CameraFaults] = parameter('by camera', default_factory=dict)
    arms: Mapping[str, ArmFaults] = parameter('by arm', default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RigCamera:
    """How one camera takes pictures; where it sits is the business of `cameras`."""

    rate_hz: float = parameter(
        'images per second', unit='Hz', minimum=0.1, maximum=200.0, default=30.0
    )
    width: int = parameter('width of the image', unit='px', minimum=16, maximum=1920, default=640)
    height: int = parameter(
        'height of the image', unit='px', minimum=16, maximum=1080, default=480
    )
    phase_s: float = parameter(
        'first exposure after the reset, before one period is over',
        unit='s',
        minimum=0.0,
        maximum=10.0,
        default=0.0,
    )
    noise_grey_levels: float = parameter(
        'standard deviation of the sensor noise; 0 switches it off, then still scenes look frozen',
        minimum=0.0,
        maximum=30.0,
        default=1.5,
    )

    def __post_init__(self) -> None:
        """Refuse a phase of a period or more."""
        if self.phase_s * self.rate_hz >= 1.0:
            raise ValueError(
                f'phase_s {self.phase_s!r} s is not below the period {1.0 / self.rate_hz:g} s'
            )


def robot_cameras(**changes: float) -> dict[str, RigCamera]:
    """Return the three cameras of the robot, all with `changes` (fields of RigCamera)."""
    # Fields of several types.
    return {name: RigCamera(**changes) for name in ROBOT_CAMERAS}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class RigConfig:
    """One simulated rig."""

    task: str = parameter('name of the task')
    task_options: TaskOptions = parameter('of the tasks', default_factory=TaskOptions)
    gripper_start_m: float = parameter(
        'opening of the grippers after a reset, unless the task wants another',
        unit='m',
        minimum=0.0,
        maximum=0.07,
        default=0.07,
    )
    cameras: Mapping[str, RigCamera] = parameter('by name', default_factory=robot_cameras)
    driver: DriverConfig = parameter('of both arms', default_factory=DriverConfig)
    faults: FaultConfig = parameter('to inject', default_factory=FaultConfig)
