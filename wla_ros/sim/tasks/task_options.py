# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Parameters of tasks: what makes them harder or easier. Each task reads its own section."""

from dataclasses import dataclass

from wla_ros.base.config import parameter


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
    """The post and the goals of pass_post."""

    passes: int = parameter(
        'goals to reach one after the other, behind and before the post in turn; only in the last '
        'one the tool has to stay',
        minimum=1,
        maximum=100,
        default=1,
    )
    drift_m: float = parameter(
        'goals behind the post wander this far to either side, smoothly and drawn by seed',
        unit='m',
        minimum=0.0,
        maximum=0.10,
        default=0.05,
    )
    goal_radius_m: float = parameter(
        'radius of the goals', unit='m', minimum=0.005, maximum=0.10, default=0.04
    )
    dwell_s: float = parameter(
        'the tool has to stay in the last goal this long',
        unit='s',
        minimum=0.0,
        maximum=5.0,
        default=0.3,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonOptions:
    """The button of press_button."""

    presses: int = parameter(
        'how often the button is to be pressed; the instruction says so',
        minimum=1,
        maximum=5,
        default=3,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """The parameters of all tasks."""

    turntable: TurntableOptions = parameter('of dispose_trash', default_factory=TurntableOptions)
    post: PostOptions = parameter('of pass_post', default_factory=PostOptions)
    button: ButtonOptions = parameter('of press_button', default_factory=ButtonOptions)
