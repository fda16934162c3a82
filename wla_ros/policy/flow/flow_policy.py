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

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem
from wla_ros.core.execution_strategy import PrefixUse
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.types import CommittedPrefix
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import PolicySpec
from wla_ros.core.types import Representation
from wla_ros.core.types import StageTiming
from wla_ros.policy.flow.features import Situation
from wla_ros.policy.flow.features import features
from wla_ros.policy.flow.flow_config import BUCKETS
from wla_ros.policy.flow.flow_config import JOINTS
from wla_ros.policy.flow.flow_config import FlowConfig
from wla_ros.policy.flow.flow_network import FlowNetwork
from wla_ros.policy.flow.flow_network import to_tensor
from wla_ros.policy.flow.flow_settings import FlowSettings
from wla_ros.policy.flow.flow_weights import load_weights
from wla_ros.policy.flow.object_motion import ObjectMotion
from wla_ros.policy.flow.training_samples import end_of_prefix
from wla_ros.policy.flow_matching.flow_sampler import CleanPrefix
from wla_ros.policy.flow_matching.flow_sampler import GuidedPrefix
from wla_ros.policy.flow_matching.flow_sampler import draw_noise
from wla_ros.policy.flow_matching.flow_sampler import integrate

_CLOSING_M_S = 0.20
# Draws of one episode must not repeat those of an episode with a neighbouring seed.
_DRAWS_PER_SEED = 1_000_003


class FlowPolicy:
    """See the module docstring; a `wla_ros.core.ports.Policy`."""

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
        situation = self._situation(observation, request)
        joints = situation.joints
        seen = to_tensor(features(self._config, situation))
        prefix, committed = self._prefix(request.prefix, joints)
        needs_gradients = isinstance(prefix, GuidedPrefix) and prefix.jacobian
        with torch.no_grad() if needs_gradients else torch.inference_mode():
            chunk = self._sample(seen, prefix)  # [h, 6]
        self._inferences += 1
        rows = np.tile(self._still, (self._config.horizon, 1))
        rows[:, self._columns] = joints + chunk.double().numpy()
        width_m, since = float(observation.joint_position[self._gripper]), 0
        if isinstance(prefix, CleanPrefix) and request.prefix is not None:
            # What is executed anyway comes back exactly, not through fp32.
            rows[:committed] = request.prefix.rows[:committed]
            width_m, since = float(rows[committed - 1, self._gripper]), committed - 1
        rows[since:, self._gripper] = self._widths(width_m)[: self._config.horizon - since]
        timing = StageTiming(stage='action', duration_ns=self._now_ns() - began_ns)
        return PolicyResult(rows=rows, committed_prefix=committed, timings=(timing,))

    def _widths(self, width_m: float) -> FloatArray:
        """Return the gripper's widths [h]: from `width_m` to the one it is to have."""
        reach_m = _CLOSING_M_S * self._config.dt_ns * 1e-9 * np.arange(self._config.horizon)
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

    def _situation(self, observation: Observation, request: PolicyRequest) -> Situation:
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
        joints, velocities = self._state(observation, request.prefix)
        committed = self._clean_rows(request.prefix)
        offset = request.row_offset
        if request.imagine:
            due_ns = observation.stamp_ns + (offset + committed) * self._config.dt_ns
            positions = positions + drift * ((due_ns - objects.stamp_ns) * 1e-9)
            offset = -committed
        return Situation(
            joints=joints,
            velocities=velocities,
            positions=positions,
            drift=drift,
            offset=np.array(float(offset + max(committed - 1, 0))),
        )

    def _state(
        self, observation: Observation, prefix: CommittedPrefix | None
    ) -> tuple[FloatArray, FloatArray]:
        """
        Return joints and velocities [6] of row 0, or of the last row of a clean prefix.

        Such a prefix says where the arm will be, whether or not the observation is projected.
        """
        joints = observation.joint_position[self._columns]
        velocities = observation.joint_velocity[self._columns]
        clean = self._clean_rows(prefix)
        if prefix is None or not clean:
            return joints, velocities
        rows = prefix.rows[:, self._columns]
        last = tuple(rows[max(clean - 1 - back, 0)] for back in range(3))
        return last[0], end_of_prefix(last, clean, self._config.dt_ns * 1e-9, velocities)

    def _clean_rows(self, prefix: CommittedPrefix | None) -> int:
        """Return how many rows of `prefix` are given as clean ones."""
        if prefix is None or prefix.use is not PrefixUse.CLEAN:
            return 0
        return min(prefix.committed, self._config.clean_prefix_rows)

    def _prefix(
        self, prefix: CommittedPrefix | None, joints: FloatArray
    ) -> tuple[CleanPrefix | GuidedPrefix | None, int]:
        """Return the prefix for the sampler and how many rows are certain."""
        if prefix is None or prefix.use is PrefixUse.NONE or not len(prefix.rows):
            return None, 0
        network, horizon = self._network, self._config.horizon
        length = min(len(prefix.rows), horizon)
        rows = torch.zeros(network.shape)
        rows[:length] = to_tensor(prefix.rows[:length, self._columns] - joints)
        rows = network.normalised(rows)
        if prefix.use is PrefixUse.CLEAN:
            clean = self._clean_rows(prefix)
            return (CleanPrefix(rows=rows[:clean]) if clean else None), clean
        weights = torch.zeros(horizon)
        weights[:length] = to_tensor(prefix.weights[:length])
        guided = GuidedPrefix(
            rows=rows,
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
