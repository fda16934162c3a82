# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""One policy from samples to chunks: observations, epochs, results, counters and latencies."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.joints import JointLayout
from wla_ros.base.memory import SubtaskMemory
from wla_ros.base.timing import ClockWatch
from wla_ros.base.timing import LatencyStatistics
from wla_ros.base.timing import RateMeter
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageArray
from wla_ros.base.types import Join
from wla_ros.base.types import JointSample
from wla_ros.base.types import ObjectPoses
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Provenance
from wla_ros.base.types import Refusal
from wla_ros.base.types import StageTiming
from wla_ros.base.types import StreamSample
from wla_ros.inference.pacing import choose_strategy
from wla_ros.inference.plan import PLAN_STREAM
from wla_ros.inference.plan import PlanListener
from wla_ros.inference.result import check_result
from wla_ros.inference.result import update_memory
from wla_ros.inference.snapshot import SessionSnapshot
from wla_ros.inference.snapshot import stream_health
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.observation.buffer import StampJump
from wla_ros.observation.config import SynchronisationConfig
from wla_ros.observation.config import check_session
from wla_ros.observation.joints import OBJECTS_STREAM
from wla_ros.observation.sync import ObservationSync

# One running inference, and the chunk that its result becomes.
#
# Owns the stages of time from exposure to chunk. Knows neither streams nor counters.


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InferenceTicket:
    """One running inference: what to call the policy with, and what anchors its result."""

    observation: Observation  # as the policy is to see it: its joints may be projected
    anchor: Observation  # as it was made
    request: PolicyRequest
    begun_ns: int
    join: Join
    most_rows: int  # of a chunk that does not finish the task

    def chunk(
        self, spec: PolicySpec, result: PolicyResult, *, sequence: int, now_ns: int
    ) -> ActionChunk:
        """
        Return `result` anchored at the observation stamp; the result has been checked.

        Rows that are not to be executed are not in it.
        """
        # [H, D], a copy: policies may reuse their output arrays.
        count = len(result.rows) if result.finished else self.most_rows
        rows: FloatArray = np.array(result.rows[:count], dtype=np.float64)
        rows.flags.writeable = False
        return ActionChunk(
            stamp_ns=self.observation.stamp_ns,
            dt_ns=spec.dt_ns,
            epoch=self.observation.epoch,
            sequence=sequence,
            representation=spec.representation,
            columns=spec.columns,
            rows=rows,
            row_offset=self.request.row_offset,
            join=self.join,
            committed_prefix=result.committed_prefix,
            finished=result.finished,
            provenance=Provenance(
                policy=spec.name,
                policy_version=spec.version,
                instruction=self.request.instruction,
                subtask=result.subtask,
                subtask_id=result.subtask_id,
                memory_revision=result.memory_revision,
            ),
            samples=self.observation.samples,
            timings=self._timings(result, now_ns),
        )

    def _timings(self, result: PolicyResult, now_ns: int) -> tuple[StageTiming, ...]:
        """
        Return the stages of this result; the stages of the policy itself are parts of 'inference'.

        ::

            exposure           synchronised       begun              now
               |--exposure_to_ready-|-------wait----|----inference----|
               |------------------exposure_to_chunk-------------------|
        """
        exposed_ns, ready_ns = self.observation.stamp_ns, self.observation.synchronised_ns
        stages = {
            'exposure_to_ready': ready_ns - exposed_ns,
            'wait': self.begun_ns - ready_ns,
            'inference': now_ns - self.begun_ns,
            'exposure_to_chunk': now_ns - exposed_ns,
        }
        return (
            *(StageTiming(stage=stage, duration_ns=ns) for stage, ns in stages.items()),
            *result.timings,
        )


class InferenceSession:
    """
    Samples in, observations out, results in, chunks out.

    Any thread may call any method: each holds one lock for its whole invariant, for less than a
    millisecond. At most one inference runs at a time.

    An epoch is a stretch of time in which all memory belongs together. `reset` and clock jumps
    begin a new one: samples from before it are gone or refused, a result of an older one is
    discarded, sequence starts at 0.
    """

    def __init__(
        self,
        spec: PolicySpec,
        config: SynchronisationConfig,
        layout: JointLayout,
        *,
        strategy: StrategyConfig | None = None,
        first_epoch: int = 0,
    ) -> None:
        """
        Build the streams that `spec` needs. Raises ConfigurationError listing all mismatches.

        Whether the policy offers what `strategy` (default: latest) asks for, check_strategy tells.
        `first_epoch` lets a restarted process continue above the epochs of its predecessor.
        """
        check_session(spec, config, layout)
        self._spec = spec
        self._lock = threading.RLock()
        self._sync = ObservationSync(spec, config, layout)
        tolerance_ns = seconds_to_ns(config.clock_jump_tolerance_s)
        self._clock = ClockWatch(tolerance_ns)
        strategy, _ = choose_strategy(spec, strategy or StrategyConfig(name='latest'))
        self._join = strategy.strategy.join
        waits = strategy.strategy.waits
        self._most_rows = strategy.rows_between(spec.horizon) if waits else spec.horizon
        self._listener = PlanListener(strategy, spec, layout, jump_tolerance_ns=tolerance_ns)
        self._warming = strategy.warm_up  # inferences that are still to be left out of latencies
        self._jump: Refusal | None = None
        self._blocked: Refusal | None = None
        self._instruction = ''
        self._memory = SubtaskMemory()
        self._epoch = first_epoch
        self._epoch_reason = 'start'
        self._sequence = 0
        self._running: InferenceTicket | None = None
        self._refusal: Refusal | None = None
        self._samples: tuple[StreamSample, ...] = ()
        self._last_error = ''
        self._observations = self._inferences = self._errors = 0
        self._published = self._discarded = 0
        self._refusal_counts: Counter[str] = Counter()
        self._epoch_counts: Counter[str] = Counter({'start': 1})
        self._latencies = LatencyStatistics()
        self._inference_rate = RateMeter()

    @property
    def spec(self) -> PolicySpec:
        """The specification of the policy."""
        return self._spec

    @property
    def epoch(self) -> int:
        """The running epoch; when it has risen, the caller resets the policy."""
        return self._epoch

    @property
    def instruction(self) -> str:
        """What the policy is told to do; a change takes effect at the next inference."""
        return self._instruction

    @instruction.setter
    def instruction(self, instruction: str) -> None:
        with self._lock:
            if instruction != self._instruction:
                self.set_instruction(instruction, self._clock.newest_ns)

    def set_instruction(self, instruction: str, now_ns: int, *, keep_memory: bool = False) -> None:
        """Tell what to do from the next inference on; begins a new memory unless it is kept."""
        with self._lock:
            self._instruction = instruction
            memory = self._memory
            self._memory = (
                memory.kept_for(instruction, now_ns)
                if keep_memory
                else memory.begun(instruction, now_ns)
            )

    @property
    def memory(self) -> SubtaskMemory:
        """The subtasks of the running task; every inference reads and extends it."""
        return self._memory

    def edit_memory(self, edit: Callable[[SubtaskMemory], SubtaskMemory]) -> SubtaskMemory:
        """
        Replace the memory by what `edit` makes of it and return that.

        A running inference has read the memory before: what it says will not be remembered.
        """
        with self._lock:
            self._memory = edit(self._memory)
            return self._memory

    def offer_image(
        self, stream: str, stamp_ns: int, receive_ns: int, pixels: ImageArray
    ) -> Refusal | None:
        """
        Take a camera frame [h, w, 3] uint8 RGB with its header stamp.

        The calibrated latency is subtracted here. Keeps a reference, no copy: the caller must not
        write into `pixels` later.
        """
        with self._lock:
            camera = self._sync.cameras.get(stream)
            if camera is None:
                return _unknown(stream)
            self._watch_clock(receive_ns)
            return self._after_admission(camera.offer(stamp_ns, receive_ns, pixels))

    def offer_joints(self, sample: JointSample) -> Refusal | None:
        """
        Take feedback of one arm; `sample.stamp_ns` is the header stamp.

        The calibrated latency is subtracted here. The vectors must not be written to later.
        """
        with self._lock:
            joints = self._sync.joints.get(sample.arm)
            if joints is None:
                return _unknown(f'{sample.arm}_joints')
            self._watch_clock(sample.receive_ns)
            return self._after_admission(joints.offer(sample))

    def offer_objects(self, poses: ObjectPoses) -> Refusal | None:
        """Take the object poses of a simulated scene; unknown if the policy needs none."""
        with self._lock:
            objects = self._sync.objects
            if objects is None:
                return _unknown(OBJECTS_STREAM)
            self._watch_clock(poses.receive_ns)
            return self._after_admission(objects.offer(poses))

    def accept_plan(self, plan: ExecutionPlan, now_ns: int) -> Refusal | None:
        """
        Take the plan of the executor, received at `now_ns`; it may make an inference due.

        While the executor runs another strategy there are no observations.
        """
        with self._lock:
            self._watch_clock(now_ns)
            return self._listener.accept(plan, now_ns)

    def refuse_input(self, stream: str, refusal: Refusal) -> Refusal:
        """Count a message that the caller could not decode (encoding, names); return why."""
        with self._lock:
            if stream == PLAN_STREAM:
                return self._listener.refuse(refusal)
            for candidate in self._sync.streams:
                if candidate.name == stream:
                    return candidate.buffer.refuse(refusal)
            return _unknown(stream)

    def block(self, refusal: Refusal | None) -> None:
        """Make no observation because of `refusal`, found outside of the streams; None: go on."""
        with self._lock:
            self._blocked = refusal

    def next_observation(self, now_ns: int) -> Observation | Refusal:
        """
        Return the newest complete observation of an unused anchor, or why there is none.

        An inference that is not due yet leaves the anchor for later.
        """
        with self._lock:
            self._watch_clock(now_ns)
            result: Observation | Refusal
            refusal = self._jump or self._blocked or self._listener.refusal(now_ns)
            self._jump = None
            if refusal is not None:
                result = refusal
            else:
                result = self._sync.synchronise(
                    now_ns, self._epoch, oldest_anchor_ns=self._listener.oldest_anchor_ns
                )
            if isinstance(result, Refusal):
                self._refusal = result
                self._refusal_counts[result.reason] += 1
            else:
                self._refusal = None
                self._samples = result.samples
            return result

    def begin(self, observation: Observation, now_ns: int) -> InferenceTicket:
        """
        Start an inference with the present instruction, conditioned as the strategy wants.

        The caller then runs the policy with the ticket's observation and request.
        Raises ValueError while another one is running: end it with `complete` or `fail` first.
        """
        with self._lock:
            if self._running is not None:
                raise ValueError('an inference is running already: complete or fail it first')
            self._observations += 1
            self._warming -= 1
            asked = self._listener.begin(observation, now_ns)
            self._running = InferenceTicket(
                observation=asked.observation,
                anchor=observation,
                request=PolicyRequest(
                    instruction=self._instruction,
                    prefix=asked.prefix,
                    memory=self._memory,
                    row_offset=asked.row_offset,
                    imagine=asked.imagine,
                ),
                begun_ns=now_ns,
                join=self._join,
                most_rows=self._most_rows,
            )
            return self._running

    def complete(
        self, ticket: InferenceTicket, result: PolicyResult, now_ns: int
    ) -> ActionChunk | Refusal:
        """
        End an inference and return its chunk.

        Or a refusal, if the epoch has changed or the result is malformed; a malformed one counts
        as an inference error. Raises ValueError for a ticket that is not running.
        """
        with self._lock:
            self._end(ticket)
            observation = ticket.observation
            bad = check_result(self._spec, result, ticket.request.prefix)
            if bad is not None:
                self._errors += 1
                self._last_error = bad.detail
                return bad
            self._inferences += 1
            if observation.epoch != self._epoch:
                self._discarded += 1
                return Refusal(
                    reason=reasons.STALE_EPOCH,
                    detail=f'the result belongs to epoch {observation.epoch}, '
                    f'now it is {self._epoch} ({self._epoch_reason})',
                )
            read = ticket.request.memory
            after, result = update_memory(read, result, observation.stamp_ns)
            # Whoever changed the memory meanwhile knew better than a policy that had not seen it.
            if self._memory is read:
                self._memory = after
            chunk = ticket.chunk(self._spec, result, sequence=self._sequence, now_ns=now_ns)
            if self._warming < 0:
                self._latencies.add(chunk.timings)
            self._inference_rate.add(now_ns)
            self._published += 1
            self._sequence += 1
            self._listener.published(chunk, now_ns)
            return chunk

    def fail(self, ticket: InferenceTicket, error: BaseException | str, now_ns: int) -> Refusal:
        """End an inference that raised; return what to publish. Raises as `complete` does."""
        with self._lock:
            self._end(ticket)
            self._errors += 1
            duration_s = ns_to_seconds(now_ns - ticket.begun_ns)
            what = error if isinstance(error, str) else f'{type(error).__name__}: {error}'
            self._last_error = f'{self._spec.name} failed after {duration_s:.3f} s: {what}'
            return Refusal(reason=reasons.INFERENCE_ERROR, detail=self._last_error)

    def add_timing(self, stage: str, duration_ns: int) -> None:
        """Add the duration of a stage outside of the session: 'decode', 'publish'."""
        with self._lock:
            self._latencies.add((StageTiming(stage=stage, duration_ns=duration_ns),))

    def reset(self, reason: str, now_ns: int) -> int:
        """
        Begin a new epoch and return it: new episode, mode change, or instruction with new memory.

        Buffers and anchors are cleared, samples taken before `now_ns` are refused, a running
        inference will be discarded.
        """
        with self._lock:
            self._sync.clear(floor_ns=now_ns)
            self._listener.begin_epoch()
            return self._begin_epoch(reason)

    def snapshot(self, now_ns: int) -> SessionSnapshot:
        """Return counters, stream health at `now_ns` and latency percentiles."""
        with self._lock:
            streams = tuple(stream_health(stream, now_ns) for stream in self._sync.streams)
            optional = {
                camera.name for camera in self._sync.cameras.values() if not camera.required
            }
            p50, p95, p99 = self._latencies.percentiles(50.0, 95.0, 99.0)
            refusal = self._blocked or self._refusal
            if refusal is not None and refusal.reason in reasons.PACING:
                refusal = None
            return SessionSnapshot(
                policy=self._spec.name,
                ready=self._blocked is None
                and all(not health.problem or health.stream in optional for health in streams),
                refusal='' if refusal is None else refusal.reason,
                refusal_detail='' if refusal is None else refusal.detail,
                epoch=self._epoch,
                epoch_reason=self._epoch_reason,
                instruction=self._instruction,
                observations=self._observations,
                inferences=self._inferences,
                inference_errors=self._errors,
                last_inference_error=self._last_error,
                chunks_published=self._published,
                results_discarded=self._discarded,
                running=self._running is not None,
                inference_rate_hz=self._inference_rate.rate_hz(now_ns),
                streams=streams,
                samples=self._samples,
                latency_p50=p50,
                latency_p95=p95,
                latency_p99=p99,
                plan=self._listener.health(now_ns),
                refusal_counts=dict(self._refusal_counts),
                epoch_counts=dict(self._epoch_counts),
            )

    def _after_admission(self, verdict: Refusal | StampJump | None) -> Refusal | None:
        """
        Return a refusal; a stream that left its time line is told at the next chance.

        Its own samples are gone and nothing else: the others still belong together, and so does
        what the policy remembers of them. What began a new time line was the clock of one sender;
        if it was the clock of all, `_watch_clock` sees it.
        """
        if not isinstance(verdict, StampJump):
            return verdict
        self._jump = Refusal(reason=reasons.STAMP_JUMP, detail=verdict.detail)
        return None

    def _watch_clock(self, time_ns: int) -> None:
        """Notice that the ROS clock itself went back: simulation restarted or bag looped."""
        back_ns = self._clock.see(time_ns)
        if not back_ns:
            return
        self._sync.clear(floor_ns=None)
        self._listener.clear()
        self._inference_rate.clear()
        self._begin_epoch(reasons.CLOCK_JUMP)
        self._jump = Refusal(
            reason=reasons.CLOCK_JUMP,
            detail=f'the clock went back by {ns_to_seconds(back_ns):.3f} s',
        )

    def _begin_epoch(self, reason: str) -> int:
        self._epoch += 1
        self._epoch_reason = reason
        self._epoch_counts[reason] += 1
        self._sequence = 0
        self._jump = None
        self._refusal = None
        return self._epoch

    def _end(self, ticket: InferenceTicket) -> None:
        if self._running is not ticket:
            raise ValueError(
                'this inference is not running: its ticket was completed or failed already'
            )
        self._running = None


def _unknown(stream: str) -> Refusal:
    return Refusal(
        reason=reasons.UNKNOWN_STREAM,
        detail=f'{stream}: the policy does not use this stream',
    )
