"""
How long a checkpoint takes on this machine, stage by stage: the baseline of faster modes.

Runs the policy itself, as the policy node does, on images of noise. Every variant is measured in
rounds with the others, so that a machine that slows down slows all of them.
"""

import dataclasses
import json
import platform
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from wla_ros.core.latency_statistics import LatencyStatistics
from wla_ros.core.types import ImageFrame
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.core.types import StageTiming
from wla_ros.policy.wla.wla_policy import WlaPolicy
from wla_ros.policy.wla.wla_settings import WlaSettings

TOTAL = 'total'
_INSTRUCTION = 'Stack the orange cup on the blue cup.'
_HEIGHT, _WIDTH = 480, 640
# Inside the limits of the arm and of the statistics of the published data.
_HOME_RAD = (0.0, 0.4754, -0.603, 0.0, 0.7384, 0.0, 0.035)
_NEVER_HZ = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way of running the checkpoint."""

    steps: int  # of the sampler
    tokens: int  # text generated with every inference; 0: an older text serves

    @property
    def name(self) -> str:
        """Return for example '10 steps, 12 tokens'."""
        return f'{self.steps} steps, {self.tokens} tokens'

    def applied(self, settings: WlaSettings) -> WlaSettings:
        """Return `settings` for this variant."""
        language = dataclasses.replace(
            settings.language,
            rate_hz=0.0 if self.tokens else _NEVER_HZ,
            max_tokens=self.tokens or 1,
            budget_s=60.0,
        )
        return dataclasses.replace(
            settings,
            steps=self.steps,
            guidance_weight=min(settings.guidance_weight, self.steps),
            language=language,
        )


def measure(
    policy: WlaPolicy,
    variants: tuple[Variant, ...],
    *,
    repeats: int,
    warm_up: int,
    progress: Callable[[], None],
) -> dict[Variant, LatencyStatistics]:
    """Return the latencies [ns] of every variant; `progress` is called after each inference."""
    policies = {item: policy.with_settings(item.applied(policy.settings)) for item in variants}
    statistics = {item: LatencyStatistics() for item in variants}
    generator = np.random.default_rng(0)
    for one in policies.values():
        one.reset(seed=0)
    for index in range(warm_up + repeats):
        observation = _observation(policy, generator, index)
        for variant, one in policies.items():
            result = one.infer(observation, PolicyRequest(instruction=_INSTRUCTION))
            if index >= warm_up:
                whole = StageTiming(
                    stage=TOTAL, duration_ns=sum(item.duration_ns for item in result.timings)
                )
                statistics[variant].add((*result.timings, whole))
            progress()
    return statistics


def table(results: Mapping[Variant, LatencyStatistics]) -> str:
    """Return p50 and p99 of every stage in ms as lines of text."""
    lines = []
    for variant, statistics in results.items():
        p50, p99 = statistics.percentiles(50.0, 99.0)
        stages = '   '.join(
            f'{a.stage} {a.duration_ns / 1e6:.1f}, {b.duration_ns / 1e6:.1f}'
            for a, b in zip(p50, p99, strict=True)
        )
        lines.append(f'{variant.name:<22} p50, p99 [ms]: {stages}')
    return '\n'.join(lines)


def document(
    policy: WlaPolicy, results: Mapping[Variant, LatencyStatistics], *, repeats: int
) -> str:
    """Return the results as one line of JSON, times in ms."""
    device = policy.device
    figures: dict[str, Any] = {
        'benchmark': 'checkpoint',
        'version': policy.spec.version,
        'device': _device_name(device),
        'dtype': str(policy.dtype).removeprefix('torch.'),
        'threads': torch.get_num_threads() if device.type == 'cpu' else None,
        'images': len(policy.spec.cameras) + sum(map(len, policy.spec.history_ns.values())),
        'repeats': repeats,
        'variants': {},
    }
    for variant, statistics in results.items():
        p50, p99 = statistics.percentiles(50.0, 99.0)
        figures['variants'][variant.name] = {
            a.stage: {
                'p50_ms': round(a.duration_ns / 1e6, 3),
                'p99_ms': round(b.duration_ns / 1e6, 3),
            }
            for a, b in zip(p50, p99, strict=True)
        }
    if device.type == 'cuda':
        figures['memory_gib'] = round(torch.cuda.max_memory_allocated(device) / 2**30, 2)
    return json.dumps(figures)


def _device_name(device: torch.device) -> str:
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return platform.machine()


def _observation(policy: WlaPolicy, generator: np.random.Generator, index: int) -> Observation:
    """Return an observation of noise, 1/30 s after the one before."""
    stamp_ns = (index + 1) * policy.spec.dt_ns

    def frame(camera: str, stamp_ns: int) -> ImageFrame:
        pixels = generator.integers(0, 256, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)
        return ImageFrame(stream=camera, stamp_ns=stamp_ns, receive_ns=stamp_ns, pixels=pixels)

    joints = np.resize(np.array(_HOME_RAD), len(policy.joint_columns))
    return Observation(
        stamp_ns=stamp_ns,
        epoch=0,
        images={camera: frame(camera, stamp_ns) for camera in policy.spec.cameras},
        history={
            camera: tuple(frame(camera, stamp_ns - offset_ns) for offset_ns in offsets_ns)
            for camera, offsets_ns in policy.spec.history_ns.items()
        },
        joint_position=joints,
        joint_velocity=np.zeros_like(joints),
        objects=None,
        samples=(),
        synchronised_ns=stamp_ns,
    )
