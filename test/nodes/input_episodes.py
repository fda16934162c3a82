# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Random episodes of everything a policy hears, with wrong messages in one stream at a time.

The parts of the policy node take the messages as they do in the node, without a graph: the host
below hands out their callbacks. Time is simulated; the truth of every message is known.
"""

import copy
import heapq
import inspect
import random
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from typing import Any

import numpy as np
from inference.session_feed import CAMERAS
from inference.session_feed import FRAME_NS
from inference.session_feed import LAYOUT
from inference.session_feed import START_NS
from inference.session_feed import counters_add_up
from inference.session_feed import good_result
from inference.session_feed import policy_spec
from inference.session_feed import sync_config
from nodes.input_messages import JOINTS
from nodes.input_messages import OBJECTS
from nodes.input_messages import WRONG_SPLICE
from nodes.input_messages import Messages
from nodes.input_messages import true_position

from wla_ros.base.reasons import STAMP_JUMP
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import Mode
from wla_ros.base.types import Observation
from wla_ros.base.types import Refusal
from wla_ros.composition.policy import CameraInput
from wla_ros.inference.plan import PLAN_STREAM
from wla_ros.inference.session import InferenceSession
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.nodes.policy.inputs import PolicyInputs
from wla_ros.nodes.policy.node import ExecutorLink
from wla_ros.robots.robot import RobotSection
from wla_ros.robots.robot import require_robot

ROBOT = require_robot(RobotSection(driver_profile='piper_ros'), source='test')
LENGTH_NS = 2500 * NS_PER_MS
JOINT_PERIOD_NS = 10 * NS_PER_MS
PLAN_PERIOD_NS = 100 * NS_PER_MS
THINKING_NS = 45 * NS_PER_MS
# An observation may be missing around a wrong message, not for longer than a few frames.
LONGEST_PAUSE_NS = 300 * NS_PER_MS
# What a plausible wrong value or stamp can do: 20 rad/s for 10 ms, 50 ms into the future.
LARGEST_ERROR_RAD = 0.25
# Messages of a stream after which a wrong one is none of the first any more.
BEGINNING = 5
LARGEST_MISDATING_NS = 90 * NS_PER_MS
# Messages that are as right as they can be told, or only sometimes impossible.
NOT_ALWAYS_REFUSED = (
    'stamped in a moment',
    "encoding 'mono8'",
    'zero position',
    WRONG_SPLICE,
    'duplicate',
    'flood',
)
ROUTINE_REFUSALS = ('stamped half a second ago',)


class Host:
    """A node without a graph: callbacks by topic, a clock that is set, a list of warnings."""

    simulated_time = False

    def __init__(self) -> None:
        self.time_ns = START_NS
        self.callbacks: dict[str, Callable[[Any], None]] = {}
        self.warnings: list[str] = []

    def create_subscription(
        self, kind: Any, topic: str, callback: Callable[[Any], None], qos: Any
    ) -> None:
        del kind, qos
        # As rclpy does: who takes two arguments is told what came with the message.
        with_info = len(inspect.signature(callback).parameters) == 2
        self.callbacks[topic] = partial(_with_info, callback) if with_info else callback

    def now_ns(self) -> int:
        return self.time_ns

    def warn_at_times(self, kind: str, text: str) -> None:
        self.warnings.append(f'{kind}: {text}')


def _with_info(callback: Callable[[Any, Any], None], message: Any) -> None:
    callback(message, {})


@dataclass(slots=True, eq=False)
class Inferences:
    """Thinks for a while about every observation there is, and remembers all of them."""

    session: InferenceSession
    host: Host
    seen: list[Observation] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    jumps: list[str] = field(default_factory=list)  # of stamps that were believed, in words
    published: tuple[int, int] = (0, -1)
    _ticket: Any = None
    _ready_ns: int = 0

    def notify(self) -> None:
        """Finish what is due, then look for something new, as the thread of the node does."""
        now_ns = self.host.time_ns
        if self._ticket is not None:
            if now_ns < self._ready_ns:
                return
            chunk = self.session.complete(self._ticket, good_result(), now_ns)
            self._ticket = None
            if isinstance(chunk, Refusal):
                self.problems.append(f'a result was lost: {chunk.detail}')
            else:
                self.published = chunk.epoch, chunk.sequence
        found = self.session.next_observation(now_ns)
        if isinstance(found, Refusal):
            if found.reason == STAMP_JUMP:
                self.jumps.append(found.detail)
            return
        self._ticket = self.session.begin(found, now_ns)
        self._ready_ns = now_ns + THINKING_NS
        self.seen.append(self._ticket.anchor)
        self.times_ns.append(now_ns)

    notify_joints = notify


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One wrong thing that happens to a stream."""

    name: str
    stream: str
    start_ns: int
    length_ns: int = 0  # of what is missing or wrong; 0 for single messages


class Episode:
    """One episode of seed, strategy and one kind of wrong messages."""

    def __init__(self, seed: int, *, stream: str = '', kind: str = '') -> None:
        """Draw everything from `seed` but what is given."""
        self.random = random.Random(seed)
        self.name = self.random.choice(['latest', 'rtc', 'prefix', 'rollforward', 'sync'])
        self.resting = self.name == 'sync' and self.random.random() < 0.5
        with_objects = self.random.random() < 0.3
        spec = policy_spec(
            guided_prefix=True,
            clean_prefix_rows=3,
            rolled_rows=3,
            forward_model=True,
            needs_objects=with_objects,
        )
        self.host = Host()
        self.session = InferenceSession(
            spec, sync_config(), LAYOUT, strategy=StrategyConfig(name=self.name, warm_up=0)
        )
        self.inference = Inferences(self.session, self.host)
        PolicyInputs(
            self.host,  # type: ignore[arg-type]  # what the inputs use of a node
            self.session,
            self.inference,  # type: ignore[arg-type]  # notifies are all they know
            robot=ROBOT,
            cameras={name: CameraInput(topic=name) for name in CAMERAS},
            objects_topic=OBJECTS,
        )
        ExecutorLink(
            self.host,  # type: ignore[arg-type]
            LAYOUT.columns,
            on_mode=self._on_mode,
            on_plan=self._on_plan,
        )
        self.messages = Messages(
            self.name, resting=self.resting, published=lambda: self.inference.published
        )
        self.streams = (*CAMERAS, *JOINTS, PLAN_STREAM, *((OBJECTS,) if with_objects else ()))
        self.stream = stream or self.random.choice(self.streams)
        self.events = self._events(kind)
        self._must_refuse = 0
        self._queue: list[tuple[int, int, str, Any]] = []
        self._count = 0

    def _on_mode(self, mode: Mode) -> None:
        raise AssertionError(f'nobody changed the mode, it became {mode}')

    def _on_plan(self, plan: ExecutionPlan | Refusal, now_ns: int) -> Refusal | None:
        """As PolicyNode._take_plan."""
        if isinstance(plan, Refusal):
            return self.session.refuse_input(PLAN_STREAM, plan)
        refusal = self.session.accept_plan(plan, now_ns)
        self.inference.notify()
        return refusal

    def _events(self, kind: str) -> list[Event]:
        """Choose what goes wrong: one kind, once to three times, after the start or at it."""
        kinds = [
            *self.messages.wrong(self.stream),
            'duplicate',
            'flood',
            'flood of stamps',
            'gap',
            'series',
        ]
        name = kind or self.random.choice(kinds)
        first_ns = self.random.choice([0, 60, 200, 700, 700, 900]) * NS_PER_MS
        times = [first_ns + i * 550 * NS_PER_MS for i in range(self.random.randint(1, 3))]
        length_ns = {'gap': self.random.randint(100, 500), 'series': self.random.randint(40, 170)}
        return [
            Event(
                name=name,
                stream=self.stream,
                start_ns=START_NS + time_ns + self.random.randint(0, 33 * NS_PER_MS),
                length_ns=length_ns.get(name, 0) * NS_PER_MS,
            )
            for time_ns in times
        ]

    def _period_ns(self, stream: str) -> int:
        if stream in JOINTS:
            return JOINT_PERIOD_NS
        return PLAN_PERIOD_NS if stream == PLAN_STREAM else FRAME_NS

    def _delay_ns(self, stream: str) -> int:
        longest_ms = 20 if stream in CAMERAS else 3
        return self.random.randint(NS_PER_MS // 2, longest_ms * NS_PER_MS)

    # The course of an episode

    def _schedule(self, time_ns: int, stream: str, message: Any) -> None:
        self._count += 1
        heapq.heappush(self._queue, (time_ns, self._count, stream, message))

    def _is_missing(self, stream: str, stamp_ns: int) -> bool:
        """Return whether the right message of this time is lost or replaced by a wrong one."""
        return any(
            event.stream == stream
            and event.start_ns <= stamp_ns < event.start_ns + event.length_ns
            for event in self.events
        )

    def _plan_events(self) -> None:
        for event in self.events:
            stream, at_ns = event.stream, event.start_ns
            if event.name == 'gap':
                continue
            if event.name == 'series':
                for stamp_ns in range(at_ns, at_ns + event.length_ns, self._period_ns(stream)):
                    self._wrong_at(event, stamp_ns, ('series', stamp_ns))
            elif event.name in ('duplicate', 'flood', 'flood of stamps'):
                count = {'duplicate': 2, 'flood': 60, 'flood of stamps': 60}[event.name]
                for i in range(count):
                    self._wrong_at(event, at_ns + i * 100_000, (event.name, at_ns, i))
            else:
                self._wrong_at(event, at_ns, (event.name, at_ns))

    def _wrong_at(self, event: Event, time_ns: int, order: tuple[Any, ...]) -> None:
        self._schedule(time_ns, event.stream, order)
        known = self._begun(event)
        self._must_refuse += known and event.name not in NOT_ALWAYS_REFUSED

    def _made(self, stream: str, order: tuple[Any, ...]) -> Any:
        name, at_ns, *rest = order
        if name == 'series':
            return self.messages.restamped(stream, at_ns, at_ns - 5 * NS_PER_S)
        if name in ('duplicate', 'flood'):
            return self.messages.right(stream, at_ns)
        if name == 'flood of stamps':  # 60 messages in 6 ms that claim 0.6 s of another time
            shift_ns = -5 * NS_PER_S + rest[0] * 10 * NS_PER_MS
            return self.messages.restamped(stream, at_ns, at_ns + shift_ns)
        return self.messages.wrong(stream)[name](at_ns)

    def _right_times(self) -> Iterator[tuple[int, str]]:
        for stream in self.streams:
            period_ns = self._period_ns(stream)
            phase_ns = self.random.randint(0, min(period_ns, 12 * NS_PER_MS))
            for time_ns in range(START_NS + phase_ns, START_NS + LENGTH_NS, period_ns):
                yield time_ns, stream

    def run(self) -> list[str]:
        """Run to the end and return what was violated."""
        self._plan_events()
        for stamp_ns, stream in self._right_times():
            if not self._is_missing(stream, stamp_ns):
                self._schedule(stamp_ns + self._delay_ns(stream), stream, stamp_ns)
        told = (0, -1)
        while self._queue:
            time_ns, _, stream, order = heapq.heappop(self._queue)
            self.host.time_ns = max(self.host.time_ns, time_ns)
            message = (
                self._made(stream, order)
                if isinstance(order, tuple)
                else self.messages.right(stream, order)
            )
            self.host.callbacks[stream](message)
            if self.inference.published != told and self.host.time_ns < START_NS + LENGTH_NS:
                told = copy.copy(self.inference.published)
                soon_ns = self.host.time_ns + 5 * NS_PER_MS  # a splice is told at once
                if self.events[0].name == WRONG_SPLICE:
                    self._schedule(soon_ns, PLAN_STREAM, (WRONG_SPLICE, soon_ns - NS_PER_MS))
                if not self._is_missing(PLAN_STREAM, soon_ns):
                    self._schedule(soon_ns + 2 * NS_PER_MS, PLAN_STREAM, soon_ns)
        return [f'{self.describe()}: {problem}' for problem in self._violations()]

    def describe(self) -> str:
        event = self.events[0]
        return f'{self.name}, {len(self.events)} x {event.name!r} in {self.stream}'

    def _begun(self, event: Event) -> bool:
        """Return whether enough was heard of the stream before to know what is wrong."""
        return event.start_ns >= START_NS + BEGINNING * self._period_ns(event.stream)

    def _violations(self) -> Iterator[str]:
        now_ns, seen, times = self.host.time_ns, self.inference.seen, self.inference.times_ns
        snapshot = self.session.snapshot(now_ns)
        if dict(snapshot.epoch_counts) != {'start': 1}:
            yield f'epochs began: {dict(snapshot.epoch_counts)}'
        # A wrong first message is all that is known of its stream: what follows has to correct it.
        begun = self._begun(self.events[0])
        for jump in self.inference.jumps:
            if begun or self.stream not in jump:
                yield f'a jump of stamps was believed: {jump}'
        refused = snapshot.plan.plans_refused + sum(s.refused for s in snapshot.streams)
        if refused < self._must_refuse:
            yield f'{self._must_refuse} wrong messages, {refused} refused'
        named = any(self.stream.split('_')[-1] in warning for warning in self.host.warnings)
        if self._must_refuse and self.events[0].name not in ROUTINE_REFUSALS and not named:
            yield f'no warning names {self.stream}: {self.host.warnings}'
        yield from self.inference.problems
        if not counters_add_up(self.session, now_ns):
            yield 'the counters do not add up'
        if self.name == 'sync' and not self.resting:
            # Clocks of hosts are not compared, so this holds of a first plan as well.
            if seen and (begun or self.stream != PLAN_STREAM):
                yield f'{len(seen)} inferences while the arms move'
            return
        if not snapshot.plan.forecast_s < 0.5:
            yield f'the forecast became {snapshot.plan.forecast_s} s'
        yield from self._pauses(times)
        stamps = [observation.stamp_ns for observation in seen]
        if stamps != sorted(set(stamps)):
            yield 'observations go back in time'
        for observation in seen:
            yield from self._mistakes(observation)

    def _pauses(self, times_ns: list[int]) -> Iterator[str]:
        spared_ns = max(event.length_ns for event in self.events)
        ends = [START_NS, *times_ns, START_NS + LENGTH_NS]
        pauses = [later - earlier for earlier, later in zip(ends, ends[1:], strict=False)]
        if max(pauses) > LONGEST_PAUSE_NS + spared_ns:
            yield f'no observation for {max(pauses) / 1e9:.3f} s'

    def _mistakes(self, observation: Observation) -> Iterator[str]:
        truth = np.tile(true_position(observation.stamp_ns), len(LAYOUT.arms))
        error = float(np.abs(observation.joint_position - truth).max())
        if not error <= LARGEST_ERROR_RAD:
            yield f'joints are {error:.3f} rad off'
        for name, frame in observation.images.items():
            # A grey image has one byte of the time in all three channels.
            grey = (frame.pixels == frame.pixels[..., :1]).all()
            content = frame.pixels[..., 0] if grey else frame.pixels
            exposed_ns = int(np.frombuffer(content.tobytes()[:8], np.int64)[0])
            if abs(exposed_ns - frame.stamp_ns) > LARGEST_MISDATING_NS:
                yield f'{name} of {(frame.stamp_ns - exposed_ns) / 1e9:.3f} s before'
