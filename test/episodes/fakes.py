# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A rig that follows commands at once, an executor that plays rows, a policy that draws a sine."""

import dataclasses

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import ImageFrame
from wla_ros.base.types import JointCommand
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.base.types import SpliceDelay
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.record import CounterValue
from wla_ros.episodes.record import SpliceRecord
from wla_ros.episodes.rig import ExecutorView
from wla_ros.episodes.rig import Verdict
from wla_ros.episodes.virtual import VirtualEpisode
from wla_ros.inference.session import InferenceSession
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.observation.config import CameraSync
from wla_ros.observation.config import SynchronisationConfig

LAYOUT = JointLayout(('left', 'right'))
FEEDBACK_NS = 5_000_000
FRAME_NS = 33_333_333
GRIPPER_M = 0.04


class FakeRig:
    """
    Joints stand where they were commanded; the task is solved when the first joint passes
    `goal_rad`.
    """

    arms = LAYOUT.arms

    def __init__(self, cameras=('head',), goal_rad=0.5, *, final=False):
        self.final = final
        self._cameras = cameras
        self._goal_rad = goal_rad

    def reset(self, *, seed, now_ns):
        self._random = np.random.default_rng(seed)
        self._now_ns = self._start_ns = now_ns
        self._position = np.full(LAYOUT.width, 0.1)
        self._position[list(LAYOUT.gripper_indices)] = GRIPPER_M
        self._feedback_ns = now_ns
        self._frame_ns = dict.fromkeys(self._cameras, now_ns)
        self._counts = {}
        self.commands = []

    def step_to(self, now_ns):
        assert now_ns >= self._now_ns
        self._now_ns = now_ns

    def command(self, arm, command, now_ns):
        assert now_ns == self._now_ns
        columns = LAYOUT.arm_slice(arm)
        self._position[columns] = command.position[columns]
        self.commands.append((now_ns, arm))
        self._count(f'driver {arm}', 'received')
        self._count(f'driver {arm}', 'applied')

    def take_feedback(self):
        samples = []
        while self._feedback_ns <= self._now_ns:
            for arm in self.arms:
                position = self._position[LAYOUT.arm_slice(arm)].copy()
                samples.append(
                    JointSample(
                        arm=arm,
                        stamp_ns=self._feedback_ns,
                        receive_ns=self._feedback_ns,
                        position=position,
                        velocity=np.zeros(7),
                        effort=np.zeros(7),
                    )
                )
                self._count(f'feedback {arm}', 'published')
                self._count(f'feedback {arm}', 'samples')
            self._feedback_ns += FEEDBACK_NS
        return tuple(samples)

    def take_conditions(self, now_ns):
        return ()

    def take_frames(self):
        frames = []
        for camera in self._cameras:
            while self._frame_ns[camera] <= self._now_ns:
                frames.append(
                    ImageFrame(
                        stream=camera,
                        stamp_ns=self._frame_ns[camera],
                        receive_ns=self._frame_ns[camera],
                        pixels=self._random.integers(0, 256, (4, 6, 3), dtype=np.uint8),
                    )
                )
                self._count(f'camera {camera}', 'exposed')
                self._count(f'camera {camera}', 'delivered')
                self._frame_ns[camera] += FRAME_NS
        return tuple(frames)

    def picture(self):
        return np.full((30, 40, 3), (self._now_ns // 10**8) % 256, dtype=np.uint8)

    def object_poses(self, now_ns):
        return ObjectPoses(
            stamp_ns=now_ns, receive_ns=now_ns, names=('cup',), poses=np.ones((1, 7))
        )

    def judge(self):
        solved = self._position[0] > self._goal_rad
        return Verdict(
            success=bool(solved),
            text='success' if solved else 'not there yet',
            final=self.final and bool(solved),
        )

    def counters(self):
        zeros = {
            (f'{kind} {name}', part): 0
            for kind, names, parts in (
                ('driver', self.arms, ('refused', 'flushed', 'waiting')),
                ('feedback', self.arms, ('unreadable', 'flushed', 'waiting')),
                ('camera', self._cameras, ('dropped', 'flushed', 'waiting')),
            )
            for name in names
            for part in parts
        }
        merged = {**zeros, **self._counts}
        return tuple(CounterValue(owner=o, name=n, value=v) for (o, n), v in merged.items())

    def _count(self, owner, name):
        self._counts[owner, name] = self._counts.get((owner, name), 0) + 1


class FakeExecutor:
    """Commands the row that is due of the newest chunk; holds without one."""

    def __init__(self, strategy='latest'):
        self._strategy = strategy
        self._splice = None
        self._delay = None
        self.plan_revision = 0
        self._newest = (0, 0)
        self._mode = Mode.HOLD
        self._chunk = None
        self._measured = {}
        self._position = None
        self._starving = False
        self._counts = dict.fromkeys(
            (
                'chunks_received',
                'chunks_accepted',
                'chunks_rejected',
                'ticks',
                'ticks_not_ready',
                'ticks_failed',
                'commands_published',
                'starvations',
            ),
            0,
        )

    def accept_feedback(self, sample):
        self._measured[sample.arm] = sample.position

    def accept_condition(self, condition):
        return None

    def accept_chunk(self, chunk, now_ns):
        self._counts['chunks_received'] += 1
        if self._mode is not Mode.AUTONOMY:
            self._counts['chunks_rejected'] += 1
            return Refusal(reason='wrong_mode', detail='')
        if (chunk.epoch, chunk.sequence) < self._newest:
            self._counts['chunks_rejected'] += 1
            return Refusal(reason='out_of_order', detail='')
        self._counts['chunks_accepted'] += 1
        self._chunk = chunk
        self._newest = (chunk.epoch, chunk.sequence)
        delay_ns = now_ns - chunk.stamp_ns
        self._delay = SpliceDelay(epoch=chunk.epoch, sequence=chunk.sequence, delay_ns=delay_ns)
        self._splice = SpliceRecord(stamp_ns=chunk.stamp_ns, splice_ns=now_ns, effect_ns=now_ns)
        self.plan_revision += 1
        return None

    def set_mode(self, mode, now_ns, reason):
        self._mode = mode
        self._chunk = None
        self.plan_revision += 1
        return

    def tick(self, now_ns):
        self._counts['ticks'] += 1
        if len(self._measured) < len(LAYOUT.arms):
            self._counts['ticks_not_ready'] += 1
            return None
        if self._position is None:
            self._position = np.concatenate([self._measured[arm] for arm in LAYOUT.arms])
        chunk = self._chunk
        if chunk is not None:
            index = (now_ns - chunk.stamp_ns) // chunk.dt_ns - chunk.row_offset
            starving = index >= chunk.rows.shape[0]
            self._counts['starvations'] += starving and not self._starving
            self.plan_revision += starving != self._starving
            self._starving = starving
            if not starving:
                self._position = chunk.rows[max(0, index)]
        self._counts['commands_published'] += 1
        zeros = np.zeros(LAYOUT.width)
        return JointCommand(
            stamp_ns=now_ns, position=self._position, velocity=zeros, acceleration=zeros
        )

    def execution_plan(self, now_ns):
        moving = self._chunk is not None and not self._starving
        rows = self._chunk.rows if moving else np.empty((0, LAYOUT.width))
        first_ns = self._chunk.stamp_ns + self._chunk.row_offset * FRAME_NS if moving else 0
        return ExecutionPlan(
            stamp_ns=now_ns,
            strategy=self._strategy,
            epoch=self._newest[0],
            sequence=self._newest[1],
            due_ns=first_ns + FRAME_NS * np.arange(len(rows), dtype=np.int64),
            rows=rows,
            accepting=self._mode is Mode.AUTONOMY,
            resting=not moving,
            tracking_error=np.zeros(LAYOUT.width),
            splice=self._delay,
        )

    def take_splice(self):
        splice, self._splice = self._splice, None
        return splice

    def view(self, now_ns):
        tracking = self._chunk is not None and not self._starving
        return ExecutorView(
            mode=self._mode,
            state='tracking' if tracking else 'holding',
            reason='' if tracking else 'starvation',
            starvations=self._counts['starvations'],
            seam_position_step_rad=0.001,
            seam_velocity_step_rad_s=0.01,
        )

    def counters(self, now_ns):
        return tuple(
            CounterValue(owner='executor', name=n, value=v) for n, v in self._counts.items()
        )


class FakePolicy:
    """Raises the joints at 0.5 rad/s from the first observation, done after `duration_s`."""

    def __init__(self, cameras=('head',), duration_s=1.5, error=None, needs_objects=False):
        self._error = error
        self._duration_s = duration_s
        self._first_ns = None
        self.observations = []
        self.requests = []
        self.spec = PolicySpec(
            name='fake',
            version='1',
            representation=Representation.JOINT_POSITION,
            columns=LAYOUT.columns,
            horizon=16,
            dt_ns=FRAME_NS,
            cameras=cameras,
            needs_objects=needs_objects,
            guided_prefix=True,
            clean_prefix_rows=8,
            rolled_rows=8,
            forward_model=True,
        )

    def reset(self, *, seed):
        self._first_ns = None

    def infer(self, observation, request):
        self.observations.append(observation)
        self.requests.append(request)
        if self._error is not None and len(self.observations) % 3 == 0:
            raise self._error
        if self._first_ns is None:
            self._first_ns = observation.stamp_ns
        elapsed_s = (observation.stamp_ns - self._first_ns) / 1e9
        times = elapsed_s + (request.row_offset + np.arange(16)) / 30.0
        rows = np.tile(0.1 + 0.5 * times[:, None], (1, LAYOUT.width))
        rows[:, list(LAYOUT.gripper_indices)] = GRIPPER_M
        return PolicyResult(
            rows=rows,
            subtask='rise',
            committed_prefix=0 if request.prefix is None else request.prefix.committed,
            finished=elapsed_s >= self._duration_s,
        )

    def close(self):
        pass


def make_episode(*, policy=None, rig=None, seed=0, strategy='latest', **settings):
    """Return an episode of fakes around the real session."""
    policy = policy or FakePolicy()
    rig = rig or FakeRig(cameras=policy.spec.cameras)
    defaults = EpisodeSettings(
        time_limit_ns=4_000_000_000,
        settle_ns=100_000_000,
        strategy=strategy
        if isinstance(strategy, StrategyConfig)
        else StrategyConfig(name=strategy),
    )
    cameras = {name: CameraSync() for name in policy.spec.cameras}
    return VirtualEpisode(
        rig=rig,
        session=InferenceSession(
            policy.spec,
            SynchronisationConfig(cameras=cameras),
            LAYOUT,
            strategy=defaults.strategy,
        ),
        executor=FakeExecutor(defaults.strategy.name),
        policy=policy,
        layout=LAYOUT,
        settings=dataclasses.replace(defaults, **settings),
        seed=seed,
        task='rise',
        instruction='rise',
    )
