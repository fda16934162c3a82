"""Parameters of the driver stand-in: those of the real driver, and how the firmware moves."""

from dataclasses import dataclass

from wla_ros.core.configuration import parameter


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
