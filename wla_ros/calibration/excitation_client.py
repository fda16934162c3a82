# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Moves the arms by a calibration plan and records what was commanded and what was measured.

Takes the place of the policy: chunks go to the executor, whose gate, limits and modes decide what
moves. Whatever ends a run, also Ctrl-C, ends in HOLD; if this process dies, the last chunk runs
out within `_HORIZON_S` and the executor stops by itself.
"""

import contextlib
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState

from wla_ros.base.config import WlaError
from wla_ros.base.joints import ARM_COLUMNS
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.topic_use import TopicUse
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.base.types import Provenance
from wla_ros.base.types import Representation
from wla_ros.calibration.delay import Signal
from wla_ros.calibration.excitation import ExcitationPlan
from wla_ros.msg import ActionChunk as ActionChunkMessage
from wla_ros.msg import ControlMode
from wla_ros.msg import ExecutorStatus
from wla_ros.nodes import qos
from wla_ros.nodes.arms import JointInputs
from wla_ros.nodes.graph import command_uses
from wla_ros.nodes.graph import feedback_uses
from wla_ros.nodes.graph import judge
from wla_ros.nodes.messages import chunk_message
from wla_ros.nodes.messages import fill
from wla_ros.nodes.messages import new_session
from wla_ros.nodes.messages import stamp_ns
from wla_ros.observation.time_line import Place
from wla_ros.observation.time_line import TimeLine
from wla_ros.robots.profile import JOINT_STATE
from wla_ros.robots.profile import JOINTS
from wla_ros.robots.robot import Robot
from wla_ros.srv import SetControlMode

POLICY_NAME = 'calibration'
_DT_NS = 20_000_000
_HORIZON_S = 1.2
_CHUNK_PERIOD_NS = 100_000_000
# The first chunks hold, until the executor has taken them over.
_LEAD_S = 0.5
_LISTEN_S = 1.0
_ANSWER_S = 5.0
_SPIN_S = 0.005
# A refused chunk now and then is a busy machine; the next one overlaps it.
_MOST_REJECTIONS = 5
_JUMP_TOLERANCE_NS = NS_PER_S  # as the buffers of the policy node

_LIMITED = TopicUse(topic='limited_command', what='limited commands', type_name=JOINT_STATE)


class CalibrationError(WlaError):
    """The graph is not as a calibration needs it, or a run was ended by somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """One run. Stamps are ROS time; feedback stamps as the drivers gave them."""

    begin_ns: int  # of the plan
    command_stamps_ns: Any  # [n]
    commands: FloatArray  # [n, D] after the limits
    feedback_stamps_ns: Mapping[str, Any]  # by arm, [m]
    feedback: Mapping[str, FloatArray]  # by arm, [m, 7]

    def command(self, column: int, begin_s: float, end_s: float) -> Signal:
        """Return the command of a column of the layout between two times of the plan."""
        return self._part(self.command_stamps_ns, self.commands[:, column], begin_s, end_s)

    def measured(self, arm: str, column: int, begin_s: float, end_s: float) -> Signal:
        """Return the feedback of a column (0 to 6) of `arm` between two times of the plan."""
        values = self.feedback[arm][:, column]
        return self._part(self.feedback_stamps_ns[arm], values, begin_s, end_s)

    def _part(self, stamps: Any, values: FloatArray, begin_s: float, end_s: float) -> Signal:
        since_ns = stamps - self.begin_ns
        inside = (since_ns >= seconds_to_ns(begin_s)) & (since_ns <= seconds_to_ns(end_s))
        return Signal(stamps_ns=stamps[inside], values=values[inside])


class StampedRows:
    """Rows of one sender in the order of their stamps; a stamp off its time line is left out."""

    def __init__(self) -> None:
        """Listen without keeping anything."""
        self.kept = False
        self._line = TimeLine(_JUMP_TOLERANCE_NS)
        self._stamps_ns: list[int] = []
        self._rows: list[FloatArray] = []

    def begin(self) -> None:
        """Keep what comes from now on."""
        self._stamps_ns.clear()
        self._rows.clear()
        self.kept = True

    def take(self, stamp_ns: int, receive_ns: int, row: FloatArray) -> None:
        """Take a row [n]."""
        if self._line.place(stamp_ns, receive_ns).place not in (Place.NEXT, Place.NEW_LINE):
            return
        self._line.extend(stamp_ns, receive_ns)
        if self.kept:
            self._stamps_ns.append(stamp_ns)
            self._rows.append(row)

    def stamps_ns(self) -> Any:
        """Return the stamps [n]."""
        return np.array(self._stamps_ns, dtype=np.int64)

    def rows(self, width: int) -> FloatArray:
        """Return the rows [n, width], also none."""
        return np.array(self._rows, dtype=np.float64).reshape(-1, width)


class ExcitationClient:
    """A node of its own that spins only inside its methods: one thread uses it."""

    def __init__(
        self,
        robot: Robot,
        *,
        context: Context,
        namespace: str = '',
        executor_name: str = 'executor_node',
    ) -> None:
        """Create the node in `context`; `namespace` is the one of the nodes it talks to."""
        self._robot = robot
        self._executor_name = executor_name
        self._node = rclpy.create_node('wla_ros_calibration', context=context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._mode: ControlMode | None = None
        self._status: ExecutorStatus | None = None
        self._stranger = ''  # the policy whose chunk was heard
        self._columns: tuple[str, ...] = ()  # of the newest limited_command
        self._newest_command: FloatArray | None = None
        self._heard: set[str] = set()  # arms whose feedback can be read
        self._sequence = 0
        self._session = new_session()
        self._commands = StampedRows()
        self._samples = {arm: StampedRows() for arm in robot.layout.arms}
        self._uses: Sequence[TopicUse] = (
            *command_uses(robot, form=JOINTS),
            *feedback_uses(robot),
            _LIMITED,
        )
        self._create_inputs()
        self._chunks = self._node.create_publisher(ActionChunkMessage, 'action_chunk', qos.CHUNK)
        self._set_mode = self._node.create_client(SetControlMode, f'{executor_name}/set_mode')

    def _create_inputs(self) -> None:
        node = self._node
        # Deep enough for a pause of this process; at most 1000 commands a second.
        many = qos.SENSOR_INPUT
        node.create_subscription(JointState, 'limited_command', self._take_command, many)
        node.create_subscription(ControlMode, 'control_mode', self._take_mode, qos.LATCHED)
        node.create_subscription(ExecutorStatus, 'executor_status', self._take_status, qos.STATUS)
        node.create_subscription(ActionChunkMessage, 'action_chunk', self._take_chunk, qos.CHUNK)
        JointInputs(
            node,
            self._robot.arms,
            now_ns=self.now_ns,
            on_sample=self._take_sample,
            on_refusal=lambda arm, refusal: None,
        )

    def close(self) -> None:
        """Destroy the node; idempotent."""
        self._executor.shutdown()
        self._node.destroy_node()

    def now_ns(self) -> int:
        """Return the ROS time."""
        return int(self._node.get_clock().now().nanoseconds)

    def wait_ready(self, *, timeout_s: float = 15.0) -> FloatArray:
        """
        Return the commanded joints [D] once the executor holds the arms and nobody else commands.

        Raises CalibrationError saying what is in the way.
        """
        self._wait_until(lambda: not self._missing(), timeout_s, self._missing)
        self._serve(_LISTEN_S)
        problem = self._obstacle()
        if problem or self._newest_command is None:
            raise CalibrationError(problem)
        return self._newest_command.copy()

    def run(
        self, plan: ExcitationPlan, show: Callable[[float], object] = lambda elapsed_s: None
    ) -> Recording:
        """
        Move by `plan` and return what was recorded; `show` is told the time since the begin [s].

        Raises CalibrationError if the run was ended.
        """
        with self._autonomy():
            begin_ns = self.now_ns() + seconds_to_ns(_LEAD_S)
            end_ns = begin_ns + seconds_to_ns(plan.duration_s)
            rejected = 0 if self._status is None else int(self._status.chunks_rejected)
            due_ns = 0
            while (now_ns := self.now_ns()) < end_ns:
                if now_ns >= due_ns:
                    self._publish(plan, now_ns, begin_ns)
                    due_ns = now_ns + _CHUNK_PERIOD_NS
                    problem = self._graph_problem()
                    if problem:
                        raise CalibrationError(problem)
                    show((now_ns - begin_ns) / 1e9)
                self._executor.spin_once(timeout_sec=_SPIN_S)
                self._judge(rejected)
            return self._recorded(begin_ns)

    @contextlib.contextmanager
    def _autonomy(self) -> Iterator[None]:
        """Enter AUTONOMY and record; leave to HOLD whatever happens."""
        for rows in (self._commands, *self._samples.values()):
            rows.begin()
        self._stranger = ''
        try:
            refusal = self._ask_for(Mode.AUTONOMY, 'latency calibration begins')
            if refusal:
                raise CalibrationError(f'the executor refuses AUTONOMY: {refusal}')
            self._wait_until(
                lambda: self._mode is not None and self._mode.mode == ControlMode.AUTONOMY,
                _ANSWER_S,
                lambda: 'the executor to enter AUTONOMY',
            )
            yield
        finally:
            for rows in (self._commands, *self._samples.values()):
                rows.kept = False
            refusal = self._ask_for(Mode.HOLD, 'latency calibration ends')
            if refusal:
                self._node.get_logger().error(f'HOLD was not confirmed: {refusal}')

    def _ask_for(self, mode: Mode, reason: str) -> str:
        """Return '' if the executor entered `mode`, else why not."""
        values = {'mode': int(mode), 'session': self._session, 'reason': reason}
        request = fill(SetControlMode.Request(), values)
        future = self._set_mode.call_async(request)
        deadline_s = time.monotonic() + _ANSWER_S
        while not future.done() and time.monotonic() < deadline_s:
            self._executor.spin_once(timeout_sec=_SPIN_S)
        if not future.done():
            return f'{self._executor_name}/set_mode did not answer'
        response = future.result()
        return '' if response.success else str(response.message)

    def _publish(self, plan: ExcitationPlan, now_ns: int, begin_ns: int) -> None:
        count = seconds_to_ns(_HORIZON_S) // _DT_NS
        times_s = (now_ns - begin_ns + _DT_NS * np.arange(count)) / 1e9
        chunk = ActionChunk(
            stamp_ns=now_ns,
            dt_ns=_DT_NS,
            session=self._session,
            epoch=0,
            sequence=self._sequence,
            representation=Representation.JOINT_POSITION,
            columns=self._robot.layout.columns,
            rows=plan.rows(times_s),
            provenance=Provenance(policy=POLICY_NAME, policy_version='', instruction=''),
        )
        self._sequence += 1
        self._chunks.publish(chunk_message(chunk))

    def _judge(self, rejected: int) -> None:
        """Raise CalibrationError if the run is no longer ours or the executor does not follow."""
        if self._mode is not None and self._mode.mode != ControlMode.AUTONOMY:
            raise CalibrationError(
                f'the executor left AUTONOMY: {self._mode.cause}: {self._mode.reason}'
            )
        if self._stranger:
            raise CalibrationError(f'policy {self._stranger!r} publishes chunks, too: stop it')
        status = self._status
        if status is not None and status.chunks_rejected > rejected + _MOST_REJECTIONS:
            raise CalibrationError(f'the executor rejects the chunks: {status.last_rejection}')

    def _missing(self) -> str:
        """Return what has not been heard yet, '' if everything was."""
        if not self._set_mode.service_is_ready():
            name = self._node.resolve_service_name(self._set_mode.srv_name)
            return f'service {name}: is the executor running, and in this --namespace?'
        if self._mode is None or self._status is None:
            return 'control_mode and executor_status of the executor'
        silent = [arm for arm in self._robot.layout.arms if arm not in self._heard]
        if silent:
            return f'feedback of {", ".join(silent)}: are the drivers running?'
        if self._columns and self._columns != self._robot.layout.columns:
            return f'commands of {self._robot.layout.columns}; the executor has {self._columns}'
        if self._newest_command is None:
            return f'limited_command (executor: {self._status.reason})'
        return ''

    def _obstacle(self) -> str:
        """Return why no run may begin, '' if it may."""
        if self._mode is not None and self._mode.mode != ControlMode.HOLD:
            return (
                f'the executor is in mode {Mode(self._mode.mode).name}: end the task, '
                'a calibration begins in HOLD'
            )
        if self._stranger:
            return f'policy {self._stranger!r} publishes chunks: stop it'
        return self._graph_problem()

    def _graph_problem(self) -> str:
        """Return who else is on the topics of the record, '' if nobody."""
        for use in self._uses:
            for found in judge(self._node, use):
                return found.detail
        return ''

    def _serve(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=_SPIN_S)

    def _wait_until(
        self, condition: Callable[[], bool], timeout_s: float, what: Callable[[], str]
    ) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise CalibrationError(f'waited {timeout_s:g} s for {what()}')
            self._executor.spin_once(timeout_sec=_SPIN_S)

    def _recorded(self, begin_ns: int) -> Recording:
        return Recording(
            begin_ns=begin_ns,
            command_stamps_ns=self._commands.stamps_ns(),
            commands=self._commands.rows(self._robot.layout.width),
            feedback_stamps_ns={arm: rows.stamps_ns() for arm, rows in self._samples.items()},
            feedback={arm: rows.rows(len(ARM_COLUMNS)) for arm, rows in self._samples.items()},
        )

    # What comes in

    def _take_command(self, message: JointState) -> None:
        self._columns = tuple(message.name)
        if self._columns != self._robot.layout.columns:
            return
        self._newest_command = np.array(message.position, dtype=np.float64)
        self._commands.take(stamp_ns(message.header.stamp), self.now_ns(), self._newest_command)

    def _take_sample(self, sample: JointSample) -> None:
        self._heard.add(sample.arm)
        self._samples[sample.arm].take(sample.stamp_ns, sample.receive_ns, sample.position)

    def _take_mode(self, message: ControlMode) -> None:
        self._mode = message

    def _take_status(self, message: ExecutorStatus) -> None:
        self._status = message

    def _take_chunk(self, message: ActionChunkMessage) -> None:
        if message.session != self._session:
            self._stranger = str(message.policy) or 'unknown'
