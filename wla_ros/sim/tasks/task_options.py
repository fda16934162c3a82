"""Parameters of tasks: what makes them harder or easier. Each task reads its own section."""

from dataclasses import dataclass

from wla_ros.core.configuration import parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class TurntableOptions:
    """The turntable of dispose_trash."""

    speed_rad_s: float = parameter(
        'mean speed of the turntable; the direction is drawn by seed',
        unit='rad/s',
        minimum=0.0,
        maximum=3.0,
        default=1.0,
    )
    speed_variation: float = parameter(
        'largest change of the speed as a share of the mean, smooth and drawn by seed; above 1 '
        'the direction reverses at times',
        minimum=0.0,
        maximum=3.0,
        default=0.8,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOptions:
    """The post and the goal of pass_post."""

    drift_m: float = parameter(
        'the goal wanders this far to either side, smoothly and drawn by seed',
        unit='m',
        minimum=0.0,
        maximum=0.10,
        default=0.06,
    )
    goal_radius_m: float = parameter(
        'of the goal', unit='m', minimum=0.005, maximum=0.10, default=0.03
    )
    dwell_s: float = parameter(
        'the tool has to stay in the goal this long',
        unit='s',
        minimum=0.0,
        maximum=5.0,
        default=0.3,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """The parameters of all tasks."""

    turntable: TurntableOptions = parameter('of dispose_trash', default_factory=TurntableOptions)
    post: PostOptions = parameter('of pass_post', default_factory=PostOptions)
