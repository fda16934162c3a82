# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
A trained flow network as a policy: one arm moves and closes its gripper, everything else stays.

Owns the state of the running episode: seed, first joints, how the objects moved.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.joints import JointLayout
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import PrefixUse
from wla_ros.base.types import Representation
from wla_ros.base.types import StageTiming
from wla_ros.benchmarks.flow.features import Situation
from wla_ros.benchmarks.flow.features import features
from wla_ros.benchmarks.flow.flow_config import BUCKETS
from wla_ros.benchmarks.flow.flow_config import JOINTS
from wla_ros.benchmarks.flow.flow_config import PAST_ROWS
from wla_ros.benchmarks.flow.flow_config import FlowConfig
from wla_ros.benchmarks.flow.flow_network import FlowNetwork
from wla_ros.benchmarks.flow.flow_network import to_tensor
from wla_ros.benchmarks.flow.flow_settings import FlowSettings
from wla_ros.benchmarks.flow.flow_weights import load_weights
from wla_ros.benchmarks.flow.object_motion import ObjectMotion
from wla_ros.benchmarks.flow.training_samples import past_of_prefix
from wla_ros.benchmarks.flow.training_samples import velocity_after
from wla_ros.policies.flow_sampler import CleanPrefix
from wla_ros.policies.flow_sampler import GuidedPrefix
from wla_ros.policies.flow_sampler import draw_noise
from wla_ros.policies.flow_sampler import integrate

_CLOSING_M_S = 0.20
# Draws of one episode must not repeat those of an episode with a neighbouring seed.
_DRAWS_PER_SEED = 1_000_003


class FlowPolicy:
    """See the module docstring; a `wla_ros.base.types.Policy`."""

    def __init__(
        self,
        config: FlowConfig,
        network: FlowNetwork,
        layout: JointLayout,
        settings: FlowSettings,
        *,
        version: str,
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """Raises ConfigurationError if the robot has no such arm."""
        if config.arm not in layout.arms:
            problem = Problem(
                where='arm',
                what=f'the policy moves {config.arm!r}, the robot has {", ".join(layout.arms)}',
            )
            raise ConfigurationError('policy.flow', (problem,))
        self._config = config
        self._network = network
        self._settings = settings
        self._now_ns = now_ns
        start = layout.arm_slice(config.arm).start
        self._columns = slice(start, start + JOINTS)
        self._gripper = start + JOINTS
        self._dt_s = ns_to_seconds(config.dt_ns)
        self._motion = ObjectMotion(shortest_ns=2 * config.dt_ns)
        self._spec = PolicySpec(
            name='flow',
            version=version,
            representation=Representation.JOINT_POSITION,
            columns=layout.columns,
            horizon=config.horizon,
            dt_ns=config.dt_ns,
            needs_objects=True,
            guided_prefix=True,
            clean_prefix_rows=config.clean_prefix_rows,
            rolled_rows=config.rolled_rows,
            forward_model=True,
        )
        self.reset(seed=0)

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and emits."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Begin an episode."""
        self._seed = seed
        self._inferences = 0
        self._still: FloatArray | None = None
        self._motion.clear()

    def close(self) -> None:
        """Nothing to release."""

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """
        Return rows for `observation`.

        Raises ConfigurationError if it lacks the objects the policy was trained with.
        """
        began_ns = self._now_ns()
        if self._still is None:
            self._still = observation.joint_position.copy()
        past = self._past(observation, request.prefix)
        situation = self._situation(observation, request, past)
        seen = to_tensor(features(self._config, situation))
        prefix, committed = self._prefix(request.prefix, past, situation.joints)
        needs_gradients = isinstance(prefix, GuidedPrefix) and prefix.jacobian
        with torch.no_grad() if needs_gradients else torch.inference_mode():
            motion = self._sample(seen, prefix)  # [past + h, 6]
        self._inferences += 1
        begin = max(committed - 1, 0) if past is not None else 0
        rows = np.tile(self._still, (self._config.horizon, 1))
        follows = motion[PAST_ROWS : PAST_ROWS + self._config.horizon - begin].double().numpy()
        rows[begin:, self._columns] = situation.joints + follows
        width_m = float(observation.joint_position[self._gripper])
        if past is not None and request.prefix is not None:
            rows[:committed] = request.prefix.rows[:committed]
            width_m = float(rows[begin, self._gripper])
        rows[begin:, self._gripper] = self._widths(width_m)[: self._config.horizon - begin]
        timing = StageTiming(stage='action', duration_ns=self._now_ns() - began_ns)
        return PolicyResult(rows=rows, committed_prefix=committed, timings=(timing,))

    def _widths(self, width_m: float) -> FloatArray:
        """Return the gripper's widths [h]: from `width_m` to the one it is to have."""
        reach_m = _CLOSING_M_S * self._dt_s * np.arange(self._config.horizon)
        missing_m = self._config.gripper_m - width_m
        return np.asarray(width_m + np.clip(missing_m, -reach_m, reach_m))

    def _sample(self, seen: Tensor, prefix: CleanPrefix | GuidedPrefix | None) -> Tensor:
        network = self._network
        condition = network.condition(seen[None])  # [1, w]
        sampled = integrate(
            lambda x_t, time: network(x_t, time, condition),
            draw_noise(
                (1, *network.shape), self._seed * _DRAWS_PER_SEED + self._inferences, 'cpu'
            ),
            steps=self._settings.steps,
            buckets=BUCKETS,
            prefix=prefix,
        )[0]
        if isinstance(prefix, GuidedPrefix):
            # Guidance can leave what the network knows; the arms must not follow it there.
            sampled = torch.clamp(sampled, network.row_low, network.row_high)
        return network.relative(sampled)

    def _situation(
        self, observation: Observation, request: PolicyRequest, past: FloatArray | None
    ) -> Situation:
        """Return what to look at, with the objects imagined later if the request says so."""
        objects = observation.objects
        missing = self._config.objects
        if objects is not None:
            missing = tuple(name for name in missing if name not in objects.names)
        if objects is None or missing:
            problem = Problem(
                where='objects',
                what=f'there are no poses of {", ".join(missing)}',
                remedy='run the task it was trained for, in the simulated rig',
            )
            raise ConfigurationError('policy.flow', (problem,))
        chosen = [objects.names.index(name) for name in self._config.objects]
        positions = objects.poses[chosen, :3]
        drift = self._motion.drift(objects.stamp_ns, positions)
        self._motion.see(objects.stamp_ns, positions)
        joints = observation.joint_position[self._columns]
        velocities = observation.joint_velocity[self._columns]
        if past is not None:
            joints, velocities = past[-1], velocity_after(past) / self._dt_s
        committed = self._clean_rows(request.prefix)
        offset = request.row_offset
        if request.imagine:
            due_ns = observation.stamp_ns + (offset + committed) * self._config.dt_ns
            positions = positions + drift * ns_to_seconds(due_ns - objects.stamp_ns)
            offset = -committed
        return Situation(
            joints=joints,
            velocities=velocities,
            positions=positions,
            drift=drift,
            offset=np.array(float(offset + max(committed - 1, 0))),
        )

    def _clean_rows(self, prefix: CommittedPrefix | None) -> int:
        """Return how many rows of `prefix` are given as clean ones."""
        if prefix is None or prefix.use is not PrefixUse.CLEAN:
            return 0
        return min(prefix.committed, self._config.clean_prefix_rows)

    def _past(self, observation: Observation, prefix: CommittedPrefix | None) -> FloatArray | None:
        """
        Return the rows [past + 1, 6] that a clean prefix ends with, or None without one.

        The last of them is the state the chunk continues from: a prefix says where the arm will
        be, whether or not the observation is projected.
        """
        clean = self._clean_rows(prefix)
        if prefix is None or not clean:
            return None
        newest = np.maximum(np.arange(clean - 1 - PAST_ROWS, clean), 0)
        step = observation.joint_velocity[self._columns] * self._dt_s
        return past_of_prefix(prefix.rows[newest, self._columns], np.array(clean), step)

    def _prefix(
        self, prefix: CommittedPrefix | None, past: FloatArray | None, joints: FloatArray
    ) -> tuple[CleanPrefix | GuidedPrefix | None, int]:
        """Return the prefix for the sampler and how many rows are certain."""
        network, horizon = self._network, self._config.horizon
        rows = torch.zeros(network.shape)
        if past is not None:
            rows[: PAST_ROWS + 1] = to_tensor(past - joints)
            clean = network.normalised(rows)[: PAST_ROWS + 1]
            return CleanPrefix(rows=clean), self._clean_rows(prefix)
        if prefix is None or prefix.use is not PrefixUse.GUIDED or not len(prefix.rows):
            return None, 0
        given = slice(PAST_ROWS, PAST_ROWS + min(len(prefix.rows), horizon))
        rows[given] = to_tensor(prefix.rows[:horizon, self._columns] - joints)
        weights = torch.zeros(len(rows))
        weights[given] = to_tensor(prefix.weights[:horizon])
        guided = GuidedPrefix(
            rows=network.normalised(rows),
            weights=weights,
            max_weight=self._settings.guidance_weight,
            jacobian=self._settings.jacobian,
        )
        return guided, min(prefix.committed, horizon)


def load_flow_policy(folder: Path, layout: JointLayout, settings: FlowSettings) -> FlowPolicy:
    """
    Return the policy with the weights in `folder`.

    Raises ConfigurationError if they are missing, damaged, or for another robot.
    """
    config, network, version = load_weights(folder)
    return FlowPolicy(config, network, layout, settings, version=version)
