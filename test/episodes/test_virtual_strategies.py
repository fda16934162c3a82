# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Session and executor together: policies that go straight on, whatever the delay does."""

import dataclasses

import numpy as np
import pytest
from episodes.fakes import FRAME_NS
from episodes.fakes import LAYOUT
from episodes.fakes import FakePolicy
from episodes.fakes import FakeRig
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from wla_ros.base.config import load_configuration
from wla_ros.base.types import PolicyResult
from wla_ros.episodes.counters import equations
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.links import LinkModel
from wla_ros.episodes.rig import VirtualExecutor
from wla_ros.episodes.virtual import VirtualEpisode
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.inference.session import InferenceSession
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import SynchronisationConfig
from wla_ros.robots.piper.arm_status import ArmHealth
from wla_ros.robots.piper.limits import piper_limits

MS = 1_000_000
SPEED_RAD_S = 0.4
MOVING = np.tile([1.0, 0.3, -0.3, 1.0, 0.7, 1.0, 0.0], 2)
COMMITTING = ('rtc', 'prefix', 'rollforward', 'prefix+rollforward', 'grounded', 'prefix+grounded')


class HealthyRig(FakeRig):
    """Starts where the arms can be, and reports their condition as the executor demands."""

    def reset(self, *, seed, now_ns):
        super().reset(seed=seed, now_ns=now_ns)
        self._position = np.tile([-0.5, 0.8, -0.9, -0.5, -0.5, -0.5, 0.04], 2)

    def take_conditions(self, now_ns):
        return tuple(
            ArmHealth(arm=arm, ok=True, reason='', receive_ns=now_ns) for arm in self.arms
        )


class AnchoredPolicy(FakePolicy):
    """A line that is anchored in time at the first observation."""

    def infer(self, observation, request):
        self.requests.append(request)
        self.observations.append(observation)
        if self._first_ns is None:
            self._first_ns = observation.stamp_ns
            self._start = observation.joint_position
        rows = request.row_offset + np.arange(16)
        seconds = (observation.stamp_ns - self._first_ns + rows * FRAME_NS) * 1e-9
        return self.answer(self._start, seconds, request)

    def answer(self, start, seconds, request):
        return PolicyResult(
            rows=start + seconds[:, None] * SPEED_RAD_S * MOVING,
            committed_prefix=0 if request.prefix is None else request.prefix.committed,
        )


class StateFedPolicy(AnchoredPolicy):
    """Goes on from where it is told that it will be: behind the prefix, or where it is shown."""

    def infer(self, observation, request):
        self.observations.append(observation)
        self.requests.append(request)
        clean = 0 if request.prefix is None else request.prefix.committed
        start = request.prefix.rows[clean - 1] if clean else observation.joint_position
        seconds = (np.arange(16) - max(clean - 1, 0)) * FRAME_NS * 1e-9
        return self.answer(start, seconds, request)


def run(policy, strategy, *, seed=0, **fields):
    config = StrategyConfig(name=strategy, warm_up=0, expected_delay_s=0.25)
    episode_settings = EpisodeSettings(
        time_limit_ns=fields.pop('time_limit_ns', 1_800 * MS), strategy=config, **fields
    )
    cameras = {name: CameraSync() for name in policy.spec.cameras}
    return VirtualEpisode(
        rig=HealthyRig(goal_rad=9.0),
        session=InferenceSession(
            policy.spec, SynchronisationConfig(cameras=cameras), LAYOUT, strategy=config
        ),
        executor=VirtualExecutor(
            ChunkExecutor(
                dataclasses.replace(
                    load_configuration(ExecutorConfig, {}, source='test'), strategy=config
                ),
                LAYOUT,
                piper_limits(LAYOUT),
            )
        ),
        policy=policy,
        layout=LAYOUT,
        settings=episode_settings,
        seed=seed,
        task='line',
        instruction='',
    ).run()


def settled(record):
    """Return the splices after the arms have reached their speed."""
    return [splice for splice in record.splices if splice.stamp_ns > record.start_ns + 800 * MS]


def violated(record):
    return [item for item in equations(record.counters) if item.verdict == 'violated']


links = st.builds(
    LinkModel,
    delay_ns=st.integers(0, 20 * MS),
    jitter_ns=st.integers(0, 60 * MS),
    drop_probability=st.sampled_from([0.0, 0.2]),
    keeps_order=st.booleans(),
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    strategy=st.sampled_from((*COMMITTING, 'latest')),
    latency_ns=st.integers(0, 200 * MS),
    jitter_ns=st.integers(0, 60 * MS),
    lost=st.sampled_from([0.0, 0.2]),
    chunks=links,
    plans=links,
    seed=st.integers(0, 2**31),
)
def test_a_plan_of_constant_velocity_has_no_seam_at_any_latency(
    strategy, latency_ns, jitter_ns, lost, chunks, plans, seed
):
    policy = AnchoredPolicy()
    record = run(
        policy,
        strategy,
        seed=seed,
        inference_latency_ns=latency_ns,
        inference_jitter_ns=jitter_ns,
        inference_drop_probability=lost,
        chunk_link=chunks,
        plan_link=plans,
    )
    assert violated(record) == []
    # Where the plan ran out there is a stop and a start, which is no seam.
    if not record.starvations:
        assert all(splice.position_step_rad < 1e-6 for splice in settled(record))
        assert all(splice.velocity_step_rad_s < 1e-5 for splice in settled(record))


@pytest.mark.parametrize('strategy', ['prefix', 'rollforward', 'prefix+rollforward'])
def test_a_policy_that_goes_on_from_what_it_is_shown_has_no_seam(strategy):
    record = run(StateFedPolicy(), strategy, inference_latency_ns=120 * MS)
    steps = [splice.position_step_rad for splice in settled(record)]
    assert len(steps) >= 5
    # The fake arms follow at once, at 200 Hz: one tick of motion is the error of what is measured.
    assert max(steps) < (1.1 * SPEED_RAD_S * 0.005 if strategy == 'rollforward' else 1e-6)
    assert record.starvations == ()
    assert violated(record) == []


@pytest.mark.parametrize('latency_ms', [0, 100, 300])
def test_sync_thinks_once_in_every_pause(latency_ms):
    policy = StateFedPolicy()
    record = run(policy, 'sync', inference_latency_ns=latency_ms * MS, time_limit_ns=4000 * MS)
    assert violated(record) == []
    begun = np.diff([item.stamp_ns for item in policy.observations])
    # 8 rows of 33 ms are executed, then the arms come to rest and the policy looks
    assert len(begun) >= 3
    assert begun.min() > (8 * 33 + latency_ms) * MS
    assert begun.max() < (8 * 33 + latency_ms + 400) * MS
