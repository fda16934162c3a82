"""The parameters of the sim node; the rig itself is configured by sim.RigConfig."""

from dataclasses import dataclass

from wla_ros.core.configuration import parameter
from wla_ros.sim.rig_config import RigConfig

EGL = 'egl'
PATTERN = 'pattern'


@dataclass(frozen=True, slots=True, kw_only=True)
class SimNodeConfiguration:
    """The sim node."""

    autostart: bool = parameter('configure and activate without a lifecycle manager', default=True)
    rig: RigConfig = parameter('the rig')
    seed: int = parameter('episode to start with', minimum=0, default=0)
    images: str = parameter(
        'egl renders the scene; pattern sends noise of the same size and rate without a renderer',
        choices=(EGL, PATTERN),
        default=EGL,
    )
    max_catch_up_s: float = parameter(
        'simulated time made up at once after a pause; the rest is reported as slipped',
        unit='s',
        minimum=0.005,
        maximum=1.0,
        default=0.05,
    )
    reset_quiet_s: float = parameter(
        'commands are ignored this long after a reset, as by a driver that starts; meanwhile the '
        'executor takes over the new position',
        unit='s',
        minimum=0.0,
        maximum=10.0,
        default=0.6,
    )
