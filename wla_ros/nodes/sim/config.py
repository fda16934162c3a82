# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The parameters of the sim node; the rig itself is configured by sim.RigConfig."""

from dataclasses import dataclass

from wla_ros.base.config import parameter
from wla_ros.sim.config import RigConfig

EGL = 'egl'
PATTERN = 'pattern'


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSection:
    """The clock of the rig."""

    publish: bool = parameter(
        'publish the time of the rig on /clock and hold it back while commands or images are '
        'behind; every other node then needs use_sim_time. Without it the rig runs in wall-clock '
        'time, whatever comes late',
        default=False,
    )
    command_lead_s: float = parameter(
        'the clock is never further ahead of the newest command than this, or than twice the '
        'spacing of commands where that is wider; 0.005: no tick of the executor is left out',
        unit='s',
        minimum=0.005,
        maximum=1.0,
        default=0.005,
    )
    image_lead_s: float = parameter(
        'the clock is never further ahead of an exposure that is not rendered yet',
        unit='s',
        minimum=0.01,
        maximum=1.0,
        default=0.04,
    )
    seen_lead_s: float = parameter(
        'the clock is never further ahead of the newest image that the policy node has taken, of '
        'each camera; what the policy makes of it is not waited for',
        unit='s',
        minimum=0.01,
        maximum=1.0,
        default=0.08,
    )
    patience_s: float = parameter(
        'wall-clock time after which commands that stay away, or an image, are not waited for',
        unit='s',
        minimum=0.1,
        maximum=60.0,
        default=10.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SimNodeConfiguration:
    """The sim node."""

    autostart: bool = parameter('configure and activate without a lifecycle manager', default=True)
    rig: RigConfig = parameter('the rig')
    seed: int = parameter('episode to start with', minimum=0, default=0)
    clock: ClockSection = parameter('of the rig', default_factory=ClockSection)
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
