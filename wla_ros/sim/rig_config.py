"""Parameters of the simulated rig; those of the driver and of the faults are sections of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from wla_ros.core.configuration import parameter
from wla_ros.sim.cameras import ROBOT_CAMERAS
from wla_ros.sim.driver.driver_config import DriverConfig
from wla_ros.sim.faults import FaultConfig
from wla_ros.sim.tasks.task_options import TaskOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class RigCamera:
    """How one camera takes pictures; where it sits is the business of `cameras`."""

    rate_hz: float = parameter(
        'images per second', unit='Hz', minimum=0.1, maximum=200.0, default=30.0
    )
    width: int = parameter('of the image', unit='px', minimum=16, maximum=1920, default=640)
    height: int = parameter('of the image', unit='px', minimum=16, maximum=1080, default=480)
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
