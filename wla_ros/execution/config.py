# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Everything about the executor that can be tuned, with units and ranges."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wla_ros.base.config import Problem
from wla_ros.base.config import filled_by_owner
from wla_ros.base.config import parameter
from wla_ros.base.joints import ARM_JOINTS
from wla_ros.base.joints import JointLayout
from wla_ros.base.joints import JointLimits
from wla_ros.base.timing import period_ns
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.inference.strategy import StrategyConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmExecution:
    """What differs between arms."""

    action_latency_s: float = parameter(
        'command to motion of the joints; the plan is sampled this far ahead',
        unit='s',
        minimum=0.0,
        maximum=0.5,
        default=0.0,
    )
    gripper_latency_s: float = parameter(
        'command to motion of the gripper', unit='s', minimum=0.0, maximum=0.5, default=0.0
    )
    home_rad: tuple[float, ...] = parameter(
        'home configuration of the six joints; empty: no home, HOMING is refused',
        unit='rad',
        default=(),
    )

    def __post_init__(self) -> None:
        """Refuse a home that is no configuration of six joints."""
        if len(self.home_rad) not in (0, len(ARM_JOINTS)):
            raise ValueError(
                f'home_rad needs {len(ARM_JOINTS)} angles or none, got {self.home_rad!r}'
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateConfig:
    """What a chunk must be like to be accepted."""

    max_future_s: float = parameter(
        'a chunk may be anchored this far ahead of now', unit='s', minimum=0.0, default=0.05
    )
    max_horizon: int = parameter('most rows of a chunk', minimum=1, maximum=2048, default=1000)
    min_dt_s: float = parameter('shortest row period', unit='s', minimum=0.001, default=0.002)
    max_dt_s: float = parameter('longest row period', unit='s', maximum=10.0, default=1.0)
    position_tolerance_rad: float = parameter(
        'joint rows may lie this far outside the limits and are limited; beyond it the chunk '
        'is refused',
        unit='rad',
        minimum=0.0,
        default=0.2,
    )
    position_tolerance_m: float = parameter(
        'gripper rows may lie this far outside their range and are limited',
        unit='m',
        minimum=0.0,
        default=0.02,
    )
    max_start_deviation_rad: float = parameter(
        'largest distance between the commanded joints and the new plan at the time it takes over',
        unit='rad',
        minimum=0.0,
        default=0.35,
    )
    max_pose_start_rad: float = parameter(
        'largest joint distance between the command and the first row of an end-effector chunk, '
        'which may be late; picks the branch of the inverse kinematics',
        unit='rad',
        minimum=0.0,
        default=0.8,
    )
    max_plan_s: float = parameter(
        'longest time from the observation to the last row: no longer goes on the plan of a '
        'policy that died',
        unit='s',
        minimum=0.1,
        maximum=60.0,
        default=5.0,
    )
    max_offset_s: float = parameter(
        'longest time from the observation to the first row',
        unit='s',
        minimum=0.0,
        maximum=10.0,
        default=2.0,
    )
    max_velocity_ratio: float = parameter(
        'velocity between joint rows over the velocity limit; faster is refused, not limited',
        minimum=1.0,
        default=3.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackConfig:
    """When measured joints are trusted."""

    max_age_s: float = parameter(
        'feedback older than this stops the motion (Piper feedback comes at 200 Hz)',
        unit='s',
        minimum=0.005,
        maximum=2.0,
        default=0.1,
    )
    recovery_s: float = parameter(
        'feedback must be fresh and free of contradictions for this long before motion starts '
        'or resumes; as long must the status say that an arm is released',
        unit='s',
        minimum=0.0,
        default=0.2,
    )
    frozen_s: float = parameter(
        'joints that stay the same to the last bit for this long (and the action latency) after '
        'the command has moved are frozen; longer than an arm takes to start',
        unit='s',
        minimum=0.05,
        maximum=2.0,
        default=0.25,
    )
    max_future_s: float = parameter(
        'feedback stamped further ahead of its reception is refused',
        unit='s',
        minimum=0.0,
        default=0.05,
    )
    plausible_rad: float = parameter(
        'joints read further outside the limits than this are refused (wrong unit, wrong zero)',
        unit='rad',
        minimum=0.0,
        default=0.3,
    )
    plausible_m: float = parameter(
        'gripper widths read further outside their range than this are refused',
        unit='m',
        minimum=0.0,
        default=0.04,
    )
    refuse_all_zero: bool = parameter(
        'refuse feedback that is all exact zeros, as drivers publish before the first CAN frame',
        default=True,
    )
    require_condition: bool = parameter(
        'autonomy and homing need the status of every arm whose driver publishes one, not only '
        'its joints',
        default=True,
    )
    max_condition_age_s: float = parameter(
        'status older than this counts as a fault of the arm', unit='s', minimum=0.01, default=0.5
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionConfig:
    """How the arms move within the limits of the robot."""

    velocity_scale: float = parameter(
        'share of the velocity limits', minimum=0.05, maximum=1.0, default=1.0
    )
    acceleration_scale: float = parameter(
        'share of the acceleration limits', minimum=0.05, maximum=1.0, default=1.0
    )
    jerk_scale: float = parameter(
        'share of the jerk limits', minimum=0.05, maximum=1.0, default=1.0
    )
    homing_velocity_rad_s: float = parameter(
        'joint speed of homing and of moves of the held position',
        unit='rad/s',
        minimum=0.01,
        maximum=3.0,
        default=0.5,
    )
    smoothing_s: float = parameter(
        'joints follow a parabola fitted to so much of the plan on either side of an instant: '
        'rows that jitter ask for more jerk than there is; 0: every row as it is',
        unit='s',
        minimum=0.0,
        maximum=0.5,
        default=0.1,
    )
    limit_hit_rad: float = parameter(
        'a command further from the plan than this counts as changed by a limit; smoothing '
        'of ordinary plans stays below 1 mrad',
        unit='rad or m',
        minimum=1e-6,
        default=0.005,
    )
    stall_s: float = parameter(
        'after a pause between ticks longer than this the command starts again from rest',
        unit='s',
        minimum=0.02,
        default=0.1,
    )

    def scaled(self, limits: JointLimits) -> JointLimits:
        """Return `limits` with the configured shares of their rates."""
        return dataclasses.replace(
            limits,
            velocity=limits.velocity * self.velocity_scale,
            acceleration=limits.acceleration * self.acceleration_scale,
            jerk=limits.jerk * self.jerk_scale,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeConfig:
    """
    How the step between two plans is spread.

    The step may cost these shares of the limits, the plan needs the rest.
    """

    velocity_share: float = parameter(
        'share of the velocity limit', minimum=0.01, maximum=1.0, default=0.5
    )
    acceleration_share: float = parameter(
        'share of the acceleration limit', minimum=0.01, maximum=1.0, default=0.7
    )
    jerk_share: float = parameter(
        'share of the jerk limit; exceeded if the bridge would be longer than max_s',
        minimum=0.01,
        maximum=1.0,
        default=1.0,
    )
    min_s: float = parameter('shortest bridge', unit='s', minimum=0.001, default=0.02)
    max_s: float = parameter('longest bridge', unit='s', maximum=5.0, default=0.8)

    def __post_init__(self) -> None:
        """Refuse bounds without anything between them."""
        if not self.min_s < self.max_s:
            raise ValueError('bridge.min_s must be below bridge.max_s')


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationConfig:
    """What the difference between commanded and measured joints means. Grippers are exempt."""

    max_deviation_rad: float = parameter(
        'a joint further than this from its command puts the executor into HOLD',
        unit='rad',
        minimum=0.05,
        maximum=math.pi,
        default=0.5,
    )
    resume_reseed_rad: float = parameter(
        'a held joint further than this from its command takes the measured position as its '
        'command, at homing speed (at once if its arm is disabled or moved by hand); less is sag '
        'under gravity, which would add up from stop to stop. Feedback that reappears further '
        'than this from where it was is not followed',
        unit='rad',
        minimum=0.01,
        default=0.1,
    )
    settle_s: float = parameter(
        'how long an arm rests before its deviation is judged for that', unit='s', default=0.25
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorConfig:
    """The executor."""

    rate_hz: float = parameter(
        'ticks and commands per second', unit='Hz', minimum=10.0, maximum=1000.0, default=200.0
    )
    # The policy has the same section: both nodes keep it beside this one, under one key.
    strategy: StrategyConfig = filled_by_owner(StrategyConfig)
    bridge: BridgeConfig = parameter(
        'how the step between two plans is spread', default_factory=BridgeConfig
    )
    arms: Mapping[str, ArmExecution] = parameter(
        'latencies and home per arm', default_factory=dict
    )
    gate: GateConfig = parameter('acceptance of chunks', default_factory=GateConfig)
    feedback: FeedbackConfig = parameter('trust in feedback', default_factory=FeedbackConfig)
    motion: MotionConfig = parameter('motion', default_factory=MotionConfig)
    deviation: DeviationConfig = parameter(
        'commanded against measured', default_factory=DeviationConfig
    )

    def __post_init__(self) -> None:
        """Refuse thresholds that contradict each other."""
        if not self.deviation.resume_reseed_rad < self.deviation.max_deviation_rad:
            raise ValueError(
                'deviation.resume_reseed_rad must be below deviation.max_deviation_rad'
            )
        if not self.gate.min_dt_s < self.gate.max_dt_s:
            raise ValueError('gate.min_dt_s must be below gate.max_dt_s')

    def arm(self, name: str) -> ArmExecution:
        """Return the settings of an arm, the defaults if none are given."""
        return self.arms.get(name) or ArmExecution()

    def answer_ns(self, name: str) -> int:
        """Return after what time motion of the command of an arm must show in its feedback."""
        return seconds_to_ns(self.feedback.frozen_s + self.arm(name).action_latency_s)

    def latencies_s(self, layout: JointLayout) -> FloatArray:
        """Return the action latency of every column [D] in seconds."""
        latency_s = np.empty(layout.width)
        for name in layout.arms:
            columns, arm = layout.arm_slice(name), self.arm(name)
            latency_s[columns] = [arm.action_latency_s] * len(ARM_JOINTS) + [arm.gripper_latency_s]
        return latency_s

    def problems(self, layout: JointLayout, limits: JointLimits) -> tuple[Problem, ...]:
        """Return what does not fit the robot: arms that do not exist, homes outside the limits."""
        found = [
            Problem(
                where=f'arms.{name}',
                what='no such arm',
                remedy=f'the arms are {", ".join(layout.arms)}',
            )
            for name in self.arms
            if name not in layout.arms
        ]
        for name in layout.arms:
            columns = layout.arm_slice(name)
            bounds = zip(limits.lower[columns], limits.upper[columns], strict=True)
            for i, (angle, (low, high)) in enumerate(
                zip(self.arm(name).home_rad, bounds, strict=False)
            ):
                if not low <= angle <= high:
                    found.append(
                        Problem(
                            where=f'arms.{name}.home_rad[{i}]',
                            what=f'{angle:g} lies outside the limits {low:.4f} .. {high:.4f}',
                            remedy='the unit is rad',
                        )
                    )
        return tuple(found)

    @property
    def period_ns(self) -> int:
        """Time between two ticks."""
        return period_ns(self.rate_hz)
