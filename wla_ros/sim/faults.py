"""
Parameters of injected faults: what goes wrong, when and how often. All off by default.

Times count from the last reset of the rig. The same seed gives the same faults. `fault_injection`
acts on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from wla_ros.core.configuration import parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultWindow:
    """A stretch of time, once or again and again: start <= t < start + duration."""

    start_s: float = parameter('begin, counted from the reset', unit='s', minimum=0.0, default=0.0)
    duration_s: float = parameter('length; 0 is never', unit='s', minimum=0.0, default=0.0)
    period_s: float = parameter(
        'from one begin to the next; 0 is once', unit='s', minimum=0.0, default=0.0
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
        'from exposure to delivery', unit='s', minimum=0.0, maximum=10.0, default=0.0
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
        'from a command to the driver', unit='s', minimum=0.0, maximum=2.0, default=0.0
    )
    feedback_delay_s: float = parameter(
        'from the publication of feedback to its delivery',
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

    seed: int = parameter('of random faults', minimum=0, default=0)
    cameras: Mapping[str, CameraFaults] = parameter('by camera', default_factory=dict)
    arms: Mapping[str, ArmFaults] = parameter('by arm', default_factory=dict)
