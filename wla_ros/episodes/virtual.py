# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""One episode in virtual time: the pure parts of the nodes, connected by modelled transport."""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.config import WlaError
from wla_ros.base.counters import counters
from wla_ros.base.joints import JointLayout
from wla_ros.base.reasons import TRANSIENT
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import ImageFrame
from wla_ros.base.types import JointCommand
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Policy
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import Refusal
from wla_ros.episodes.links import Action
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.links import EventQueue
from wla_ros.episodes.links import TransportLink
from wla_ros.episodes.record import CounterValue
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.episodes.record import EpisodeRecorder
from wla_ros.episodes.record import Picture
from wla_ros.episodes.record import counters_of
from wla_ros.episodes.rig import STATES
from wla_ros.episodes.rig import Executor
from wla_ros.episodes.rig import Rig
from wla_ros.inference.session import InferenceSession
from wla_ros.inference.session import InferenceTicket

# The policy side of a virtual episode: one inference at a time, the newest observation wins.
#
# Models how long an inference takes and whether its result gets lost; the session decides what is
# an observation and what a result becomes.

LOST = 'the result was lost on its way'


class VirtualInference:
    """Begins when it is woken, if it is wanted, idle, and the session has an observation."""

    def __init__(
        self,
        session: InferenceSession,
        policy: Policy,
        queue: EventQueue,
        settings: EpisodeSettings,
        *,
        seed: int,
        rank: int,
        wanted: Callable[[], bool],
        on_outcome: Callable[[ActionChunk | Refusal, int], None],
        on_refusal: Callable[[Refusal | None, int], None],
    ) -> None:
        """
        Results come at `rank` of their time.

        `on_outcome(chunk or refusal, now)` hears what became of every inference, `on_refusal` why
        there is no observation, None when there is one.
        """
        self._session = session
        self._policy = policy
        self._queue = queue
        self._settings = settings
        self._rank = rank
        self._wanted = wanted
        self._on_outcome = on_outcome
        self._on_refusal = on_refusal
        self._latencies = np.random.default_rng([seed, 1])
        self._losses = np.random.default_rng([seed, 2])
        self.running = False

    def wake(self, now_ns: int) -> None:
        """Something has arrived: look whether there is something to infer from."""
        if self.running or not self._wanted():
            return
        observation = self._session.next_observation(now_ns)
        if isinstance(observation, Refusal):
            if observation.reason not in TRANSIENT:
                self._on_refusal(observation, now_ns)
            return
        self._on_refusal(None, now_ns)
        self.running = True
        ticket = self._session.begin(observation, now_ns)
        settings = self._settings
        jitter_ns = int(self._latencies.integers(0, max(1, settings.inference_jitter_ns)))
        lost = self._losses.random() < settings.inference_drop_probability
        outcome = self._infer(ticket)

        def finish(now_ns: int) -> None:
            self.running = False
            if isinstance(outcome, WlaError):
                self._on_outcome(self._session.fail(ticket, outcome, now_ns), now_ns)
            elif lost:
                self._on_outcome(self._session.fail(ticket, LOST, now_ns), now_ns)
            else:
                self._on_outcome(self._session.complete(ticket, outcome, now_ns), now_ns)
            self.wake(now_ns)

        done_ns = now_ns + settings.inference_latency_ns + jitter_ns
        self._queue.at(done_ns, finish, rank=self._rank)

    def _infer(self, ticket: InferenceTicket) -> PolicyResult | WlaError:
        try:
            return self._policy.infer(ticket.observation, ticket.request)
        except WlaError as error:
            return error


_Sample = TypeVar('_Sample', ImageFrame, JointSample, ObjectPoses)

# At equal times: what arrives comes before what is measured, then the tick, then sampling for the
# record.
_ARRIVE, _MEASURE, _TICK, _SAMPLE = range(4)


class VirtualEpisode:
    """Runs once. The caller builds fresh parts for every episode."""

    def __init__(
        self,
        *,
        rig: Rig,
        session: InferenceSession,
        executor: Executor,
        policy: Policy,
        layout: JointLayout,
        settings: EpisodeSettings,
        seed: int,
        task: str,
        instruction: str,
        start_ns: int = 1_000_000_000,
    ) -> None:
        """Connect the parts; nothing runs yet."""
        self._rig = rig
        self._session = session
        self._executor = executor
        self._policy = policy
        self._layout = layout
        self._settings = settings
        self._seed = seed
        self._task = task
        self._instruction = instruction
        self._queue = EventQueue(start_ns)
        self._recorder = EpisodeRecorder(arms=rig.arms, columns=layout.columns)
        self._inference = VirtualInference(
            session,
            policy,
            self._queue,
            settings,
            seed=seed,
            rank=_ARRIVE,
            wanted=lambda: self._started_ns is not None and not self._ending,
            on_outcome=self._publish,
            on_refusal=lambda refusal, now_ns: self._note('observation', refusal, now_ns),
        )
        self._links: dict[str, TransportLink] = {}
        self._started_ns: int | None = None
        self._ending = ''
        self._finished_ns: int | None = None
        self._sent_revision: int | None = None
        self._refused: set[str] = set()
        self._solved_since_ns: int | None = None

    def run(self) -> EpisodeRecord:
        """Run the episode to its end and return its record."""
        self._rig.reset(seed=self._seed, now_ns=self._queue.now_ns)
        self._schedule()
        first_ns = self._queue.now_ns
        self._queue.run(first_ns + self._settings.start_limit_ns)
        if self._started_ns is not None:
            self._queue.run(self._started_ns + self._settings.time_limit_ns)
        if not self._ending:
            self._ending = 'never ready' if self._started_ns is None else 'time_limit'
        now_ns = self._queue.now_ns
        start_ns = first_ns if self._started_ns is None else self._started_ns
        self._rig.step_to(now_ns)
        self._judge(now_ns)
        verdict = self._rig.judge()
        self._sample(now_ns)
        return self._recorder.record(
            source='virtual',
            task=self._task,
            instruction=self._instruction,
            policy=self._policy.spec.name,
            seed=self._seed,
            start_ns=start_ns,
            end_ns=now_ns,
            success=verdict.success,
            judgement=verdict.text,
            end_reason=self._ending,
            finished_ns=None if self._finished_ns is None else self._finished_ns - start_ns,
            task_ns=None if self._solved_since_ns is None else self._solved_since_ns - start_ns,
            counters=self._counters(now_ns),
            configuration=self._settings.described(),
        )

    def _schedule(self) -> None:
        queue, settings, spec = self._queue, self._settings, self._policy.spec
        now_ns = queue.now_ns
        queue.every(settings.poll_period_ns, self._measure, first_ns=now_ns, rank=_MEASURE)
        if spec.needs_objects:
            queue.every(settings.object_period_ns, self._locate, first_ns=now_ns, rank=_MEASURE)
        queue.every(settings.tick_period_ns, self._tick, first_ns=now_ns, rank=_TICK)
        queue.every(settings.plan_period_ns, self._send_plan, first_ns=now_ns, rank=_TICK)
        queue.every(settings.status_period_ns, self._sample, first_ns=now_ns, rank=_SAMPLE)
        queue.every(settings.judge_period_ns, self._judge, first_ns=now_ns, rank=_SAMPLE)
        if settings.picture_period_ns:
            queue.every(settings.picture_period_ns, self._picture, first_ns=now_ns, rank=_SAMPLE)

    def _link(self, name: str) -> TransportLink:
        link = self._links.get(name)
        if link is None:
            kind = name.split(' ')[0]
            models = {
                'commands': self._settings.command_link,
                'chunks': self._settings.chunk_link,
                'plans': self._settings.plan_link,
                'objects': self._settings.object_link,
            }
            model = models.get(kind, self._settings.image_link)
            if kind.endswith('_joints'):
                model = self._settings.joint_link
            link = self._links[name] = TransportLink(name, model, seed=self._seed)
        return link

    def _carry(self, name: str, now_ns: int, arrive: Action) -> None:
        """Run `arrive` when a message that is sent now has come over the link `name`."""
        link = self._link(name)
        arrival_ns = link.send(now_ns)
        if arrival_ns is None:
            return

        def deliver(arrival_ns: int) -> None:
            link.deliver()
            arrive(arrival_ns)

        self._queue.at(arrival_ns, deliver, rank=_ARRIVE, kind=link.owner)

    # Measurements on their way to the session and the executor

    def _measure(self, now_ns: int) -> None:
        """Take what drivers and cameras gave out up to now."""
        self._rig.step_to(now_ns)
        for condition in self._rig.take_conditions(now_ns):
            self._executor.accept_condition(condition)
        for sample in self._rig.take_feedback():
            self._recorder.feedback(sample)
            self._send(f'{sample.arm}_joints', now_ns, sample, self._offer_joints)
            self._send(f'{sample.arm}_joints to executor', now_ns, sample, self._feed_executor)
        for frame in self._rig.take_frames():
            self._send(frame.stream, now_ns, frame, self._offer_image)

    def _locate(self, now_ns: int) -> None:
        self._rig.step_to(now_ns)
        poses = self._rig.object_poses(now_ns)
        self._recorder.objects(poses)
        self._send('objects', now_ns, poses, self._offer_objects)

    def _send(
        self, name: str, now_ns: int, value: _Sample, accept: Callable[[_Sample, int], None]
    ) -> None:
        """Hand `value` over when it arrives, with the time of arrival as its receive time."""
        self._carry(
            name, now_ns, lambda arrival_ns: accept(_received(value, arrival_ns), arrival_ns)
        )

    def _offer_joints(self, sample: JointSample, now_ns: int) -> None:
        self._note(f'admission {sample.arm}_joints', self._session.offer_joints(sample), now_ns)
        self._inference.wake(now_ns)

    def _feed_executor(self, sample: JointSample, now_ns: int) -> None:
        refusal = self._executor.accept_feedback(sample)
        self._note(f'executor admission {sample.arm}', refusal, now_ns)

    def _offer_image(self, frame: ImageFrame, now_ns: int) -> None:
        refusal = self._session.offer_image(
            frame.stream, frame.stamp_ns, frame.receive_ns, frame.pixels
        )
        self._note(f'admission {frame.stream}', refusal, now_ns)
        self._inference.wake(now_ns)

    def _offer_objects(self, poses: ObjectPoses, now_ns: int) -> None:
        self._note('admission objects', self._session.offer_objects(poses), now_ns)
        self._inference.wake(now_ns)

    # The policy and its chunks

    def _publish(self, chunk: ActionChunk | Refusal, now_ns: int) -> None:
        if isinstance(chunk, Refusal):
            if chunk.reason == reasons.INFERENCE_ERROR:
                self._recorder.change('policy error', chunk.reason, now_ns, reason=chunk.detail)
            else:
                self._note('result', chunk, now_ns)
            return
        published = chunk
        self._carry(
            'chunks',
            now_ns,
            lambda arrival_ns: self._accept(published, completed_ns=now_ns, now_ns=arrival_ns),
        )

    # The executor

    def _accept(self, chunk: ActionChunk, *, completed_ns: int, now_ns: int) -> None:
        refusal = self._executor.accept_chunk(chunk, now_ns)
        view = self._executor.view(now_ns)
        self._note('chunk', refusal, now_ns)
        self._recorder.chunk(
            chunk,
            completed_ns=completed_ns,
            arrival_ns=now_ns,
            refusal='' if refusal is None else refusal.reason,
            seam_position_step_rad=view.seam_position_step_rad,
            seam_velocity_step_rad_s=view.seam_velocity_step_rad_s,
        )
        splice = self._executor.take_splice()
        if splice is not None:
            self._recorder.splice(splice)
        self._tell_plan(now_ns)
        if chunk.finished and refusal is None:
            self._finished_ns = now_ns
            self._end('finished', now_ns)

    def _tick(self, now_ns: int) -> None:
        command = self._executor.tick(now_ns)
        self._tell_plan(now_ns)
        if command is None:
            return
        self._recorder.command(command)
        for arm in [arm for arm in self._rig.arms if arm not in command.silent_arms]:
            self._carry(f'commands {arm}', now_ns, self._delivery(arm, command))
        if self._started_ns is None:
            self._start(now_ns)

    def _delivery(self, arm: str, command: JointCommand) -> Action:
        def arrive(arrival_ns: int) -> None:
            self._rig.step_to(arrival_ns)
            self._rig.command(arm, command, arrival_ns)

        return arrive

    def _tell_plan(self, now_ns: int) -> None:
        """Send the plan if it is another one than the last that was sent."""
        if self._executor.plan_revision != self._sent_revision:
            self._send_plan(now_ns)

    def _send_plan(self, now_ns: int) -> None:
        self._sent_revision = self._executor.plan_revision
        plan = self._executor.execution_plan(now_ns)
        self._carry('plans', now_ns, lambda arrival_ns: self._hear(plan, arrival_ns))

    def _hear(self, plan: ExecutionPlan, now_ns: int) -> None:
        self._note('plan', self._session.accept_plan(plan, now_ns), now_ns)
        self._inference.wake(now_ns)

    def _start(self, now_ns: int) -> None:
        """Hand the arms to the policy as soon as the executor allows it."""
        refusal = self._executor.set_mode(Mode.AUTONOMY, now_ns, f'episode {self._seed}')
        self._note('start', refusal, now_ns)
        if refusal is None:
            self._started_ns = now_ns
            self._policy.reset(seed=self._seed)
            self._session.instruction = self._instruction
            self._session.reset(f'episode {self._seed}', now_ns)
            self._tell_plan(now_ns)

    def _end(self, reason: str, now_ns: int) -> None:
        """Hold, let the objects come to rest, then stop."""
        if self._ending:
            return
        self._ending = reason
        self._executor.set_mode(Mode.HOLD, now_ns, reason)
        self._queue.at(
            now_ns + self._settings.settle_ns, lambda _: self._queue.stop(), rank=_SAMPLE
        )

    # Sampling for the record

    def _sample(self, now_ns: int) -> None:
        view = self._executor.view(now_ns)
        self._recorder.change('mode', view.mode.name.lower(), now_ns)
        self._recorder.change('state', view.state, now_ns, reason=view.reason)
        self._recorder.starvation(
            view.starvations, now_ns, tracking=view.state == STATES[0], reason=view.reason
        )
        if self._started_ns is not None and view.mode is not Mode.AUTONOMY:
            self._end('fault', now_ns)

    def _judge(self, now_ns: int) -> None:
        self._rig.step_to(now_ns)
        verdict = self._rig.judge()
        self._recorder.change('task', 'solved' if verdict.success else 'open', now_ns)
        if not verdict.success:
            self._solved_since_ns = None
        elif self._solved_since_ns is None:
            self._solved_since_ns = now_ns
        if verdict.final and not self._ending:
            self._ending = 'solved' if verdict.success else 'failed'
            self._queue.stop()

    def _picture(self, now_ns: int) -> None:
        self._rig.step_to(now_ns)
        pixels = self._rig.picture()
        if pixels is not None:
            self._recorder.picture(Picture(stamp_ns=now_ns, camera='scene', pixels=pixels))

    def _note(self, kind: str, refusal: Refusal | None, now_ns: int) -> None:
        """Record the reason of a refusal when it changes."""
        reason = '' if refusal is None else refusal.reason
        if reason or kind in self._refused:
            self._refused.add(kind)
            self._recorder.change(f'refusal {kind}', reason, now_ns)

    def _counters(self, now_ns: int) -> tuple[CounterValue, ...]:
        session = self._session.snapshot(now_ns)
        found = [
            *counters_of('policy', counters(session) | counters(session.plan)),
            CounterValue(owner='policy', name='running', value=int(self._inference.running)),
            # As often as the policy was asked, it was given the plan, or there was none.
            CounterValue(owner='policy', name='asked', value=session.observations),
            *self._executor.counters(now_ns),
            *self._rig.counters(),
        ]
        for stream in session.streams:
            found += counters_of(f'stream {stream.stream}', counters(stream))
        waiting = self._queue.waiting()
        for link in self._links.values():
            found += link.counters(in_flight=waiting[link.owner])
        return tuple(found)


def _received(value: _Sample, receive_ns: int) -> _Sample:
    """Return `value` with its time of arrival."""
    if isinstance(value, JointSample):  # 800 a second: `replace` takes three times as long
        return JointSample(
            arm=value.arm,
            stamp_ns=value.stamp_ns,
            receive_ns=receive_ns,
            position=value.position,
            velocity=value.velocity,
            effort=value.effort,
        )
    return dataclasses.replace(value, receive_ns=receive_ns)
