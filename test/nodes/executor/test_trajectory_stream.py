"""
The executor in front of a controller that interpolates by itself.

Whatever trajectories come, late ticks and messages included: what the controller commands is one
motion within the limits, and what the executor believes to be commanded.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy')

from nodes.trajectory_controller import TrajectoryController  # noqa: E402 - not without rclpy

from wla_ros.base.joints import JointLayout  # noqa: E402
from wla_ros.base.types import ActionChunk  # noqa: E402
from wla_ros.base.types import FloatArray  # noqa: E402
from wla_ros.base.types import JointSample  # noqa: E402
from wla_ros.base.types import Mode  # noqa: E402
from wla_ros.base.types import Provenance  # noqa: E402
from wla_ros.base.types import Representation  # noqa: E402
from wla_ros.execution.config import ExecutorConfig  # noqa: E402
from wla_ros.execution.config import MotionConfig  # noqa: E402
from wla_ros.execution.report import ExecutorState  # noqa: E402
from wla_ros.nodes.executor.config import ExecutorNodeConfiguration  # noqa: E402
from wla_ros.nodes.executor.config import ExecutorParts  # noqa: E402
from wla_ros.nodes.executor.config import load_parts  # noqa: E402
from wla_ros.nodes.executor.stream import TrajectoryOutputs  # noqa: E402
from wla_ros.nodes.executor.stream import TrajectoryStream  # noqa: E402
from wla_ros.robots.robot import RobotSection  # noqa: E402

LAYOUT = JointLayout(('left', 'right'))
REST = np.array([*(0.1, 0.8, -0.9, 0.1, 0.3, 0.1, 0.03) * 2])
MS = 1_000_000
START_NS = 1_000_000 * MS
DT_NS = 33_333_333
PERIOD_NS = 5 * MS
# A quintic through points of a motion within the limit has up to so much: trajectory_outputs.
JERK_BETWEEN_POINTS = 3.1
# After a message that came behind its stamp less way is left for the first quintic.
JERK_AFTER_LATE_MESSAGES = 4.0
CONFIGURATION = ExecutorNodeConfiguration(
    robot=RobotSection(driver_profile='ros2_control'), output='trajectory'
)


class Wire:
    """Stands for the node: what is published waits here until it has arrived."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Any]] = []

    def create_publisher(self, kind: Any, topic: str, qos: Any) -> Any:
        del kind, qos
        wire = self

        class Publisher:
            def publish(self, message: Any) -> None:
                wire.published.append((topic, message))

        return Publisher()


class Cell:
    """Executor, wire and a controller per arm, driven a millisecond at a time."""

    def __init__(
        self,
        *,
        blends: bool = False,
        seed: int = 0,
        jitter_ms: int = 0,
        jerk_scale: float = 1.0,
    ) -> None:
        motion = MotionConfig(jerk_scale=jerk_scale)
        parts = load_parts(replace(CONFIGURATION, execution=ExecutorConfig(motion=motion)))
        assert isinstance(parts, ExecutorParts)
        self.limits = parts.limits
        self.executor = parts.make_executor()
        self.stream = TrajectoryStream(
            self.executor, CONFIGURATION.trajectory, period_ns=PERIOD_NS
        )
        self.wire = Wire()
        self.outputs = TrajectoryOutputs(self.wire, parts.robot.arms, LAYOUT)
        self.now_ns = START_NS
        # One finger travels half the opening.
        self.scale = np.array([1.0] * 6 + [0.5])
        self.controllers = {
            f'{arm}_arm_controller/joint_trajectory': TrajectoryController(
                tuple(f'{arm}_joint{i}' for i in range(1, 8)),
                REST[LAYOUT.arm_slice(arm)] * self.scale,
                START_NS,
                blends=blends,
            )
            for arm in LAYOUT.arms
        }
        self.flying: list[tuple[int, str, Any]] = []
        self.random = np.random.default_rng(seed)
        self.jitter_ms = jitter_ms
        self.next_tick_ns = START_NS
        self.believed: dict[int, FloatArray] = {}  # when it takes effect -> positions
        self.commanded: list[tuple[int, FloatArray]] = []  # time, states [3, D] of the controllers
        self.jerks: list[FloatArray] = []  # [D] the same times
        self.sequence = 0
        self.blocked_until_ns = 0

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 1000)):
            self.now_ns += MS
            if self.now_ns >= max(self.next_tick_ns, self.blocked_until_ns):
                self._tick()
            for arrival_ns, topic, message in [f for f in self.flying if f[0] <= self.now_ns]:
                self.controllers[topic].receive(message, self.now_ns)
                self.flying.remove((arrival_ns, topic, message))
            states = [each.update(self.now_ns) / self.scale for each in self.controllers.values()]
            self.commanded.append((self.now_ns, np.concatenate(states, axis=1)))
            jerks = [each.jerk / self.scale for each in self.controllers.values()]
            self.jerks.append(np.concatenate(jerks))

    def offer(self, rows: FloatArray, *, age_ns: int = 0) -> None:
        chunk = ActionChunk(
            stamp_ns=self.now_ns - age_ns,
            dt_ns=DT_NS,
            epoch=1,
            sequence=self.sequence,
            representation=Representation.JOINT_POSITION,
            columns=LAYOUT.columns,
            rows=rows,
            provenance=Provenance(policy='test', policy_version='', instruction=''),
        )
        self.sequence += 1
        assert self.executor.accept_chunk(chunk, self.now_ns) is None

    def enter(self, mode: Mode) -> None:
        assert self.executor.set_mode(mode, self.now_ns, 'test') is None

    @property
    def present(self) -> FloatArray:
        return self.commanded[-1][1]

    def _tick(self) -> None:
        measured = REST if not self.commanded else self.present[0]
        for arm in LAYOUT.arms:
            position = measured[LAYOUT.arm_slice(arm)] + 1e-6 * self.random.standard_normal(7)
            self.executor.accept_feedback(
                JointSample(
                    arm=arm,
                    stamp_ns=self.now_ns,
                    receive_ns=self.now_ns,
                    position=position,
                    velocity=np.zeros(7),
                    effort=np.full(7, 0.1),
                )
            )
        ticked = self.stream.tick(self.now_ns, 0)
        lead_ns = round(CONFIGURATION.trajectory.lead_s * 1e9)
        if ticked.command is not None:
            self.believed[ticked.command.stamp_ns + lead_ns] = ticked.command.position
        if ticked.points is not None:
            assert self.outputs.publish(ticked.points) is None
        for topic, message in self.wire.published:
            way_ns = round(self.random.uniform(0.5, 15.0) * MS)
            self.flying.append((self.now_ns + way_ns, topic, message))
        self.wire.published.clear()
        late_ms = self.random.integers(0, self.jitter_ms + 1) if self.jitter_ms else 0
        self.next_tick_ns = self.now_ns + PERIOD_NS + int(late_ms) * MS

    # What must hold

    def assert_one_motion(self, most_jerk: float = JERK_BETWEEN_POINTS) -> None:
        """Positions follow from velocities and those from accelerations, within the limits."""
        states = np.array([state for _, state in self.commanded])  # [n, 3, D]
        for order in (0, 1):
            step = np.diff(states[:, order], axis=0)
            mean = (states[1:, order + 1] + states[:-1, order + 1]) / 2.0
            assert np.abs(step - mean * 1e-3).max() < (1.1e-6, 1e-3)[order]
        assert (np.abs(states[:, 1]) <= self.limits.velocity * 1.001).all()
        assert (np.abs(states[:, 2]) <= self.limits.acceleration * 1.05).all()
        assert (states[:, 0] >= self.limits.lower - 1e-6).all()
        assert (states[:, 0] <= self.limits.upper + 1e-6).all()
        assert self.most_jerk < most_jerk

    @property
    def most_jerk(self) -> float:
        """Return the largest jerk over its limit."""
        return float((np.abs(self.jerks) / self.limits.jerk).max())

    def assert_as_believed(self, tolerance: float) -> None:
        commanded = dict(self.commanded)
        pairs = [
            (commanded[time_ns][0], position)
            for time_ns, position in self.believed.items()
            if time_ns in commanded
        ]
        assert len(pairs) > 100
        worst = max(np.abs(actual - position).max() for actual, position in pairs)
        assert worst < tolerance


def swing(start_ns: int, now_ns: int, phase: float, count: int = 32) -> FloatArray:
    seconds = ((now_ns - start_ns) + DT_NS * np.arange(count))[:, None] * 1e-9
    speeds = 1.5 + 0.05 * np.arange(LAYOUT.width)
    motion = np.cos(phase) - np.cos(speeds * seconds + phase)
    amplitude = np.where(np.isin(np.arange(LAYOUT.width), LAYOUT.gripper_indices), 0.005, 0.12)
    return REST + amplitude * motion


def engaged(**settings: Any) -> Cell:
    cell = Cell(**settings)
    cell.run(0.4)
    cell.enter(Mode.AUTONOMY)
    cell.run(0.1)
    return cell


@pytest.mark.parametrize('blends', [False, True])
@pytest.mark.parametrize('seed', range(3))
def test_splices_late_ticks_and_slow_messages_leave_one_motion(blends: bool, seed: int) -> None:
    cell = engaged(blends=blends, seed=seed, jitter_ms=9)
    start_ns = cell.now_ns
    for phase in np.random.default_rng(seed).uniform(-0.2, 0.2, 12):
        cell.offer(swing(start_ns, cell.now_ns - 60 * MS, float(phase)), age_ns=60 * MS)
        cell.run(0.11)
    cell.run(2.0)  # the plan ends, the arms come to rest
    cell.assert_one_motion(JERK_AFTER_LATE_MESSAGES)
    cell.assert_as_believed(8e-5)
    assert all(controller.replaced > 12 for controller in cell.controllers.values())
    assert not cell.present[1:].any()
    assert np.allclose(cell.present[0], list(cell.believed.values())[-1], atol=1e-6)


@pytest.mark.parametrize('blends', [False, True])
def test_with_a_third_of_the_jerk_no_quintic_exceeds_its_limit(blends: bool) -> None:
    # Every message is there before its stamp.
    cell = engaged(blends=blends, seed=1, jerk_scale=1.0 / JERK_BETWEEN_POINTS)
    start_ns = cell.now_ns
    for phase in np.random.default_rng(1).uniform(-0.2, 0.2, 20):
        cell.offer(swing(start_ns, cell.now_ns - 60 * MS, float(phase)), age_ns=60 * MS)
        cell.run(0.04)
    cell.run(2.0)
    assert 0.2 < cell.most_jerk <= 1.0
    cell.assert_one_motion()


@pytest.mark.parametrize('mode', [Mode.HOLD, Mode.ESTOP])
def test_a_stop_decelerates_within_the_limits_and_holds(mode: Mode) -> None:
    cell = engaged()
    cell.offer(swing(cell.now_ns, cell.now_ns, 0.3))
    cell.run(0.4)
    assert np.abs(cell.present[1]).max() > 0.1
    cell.enter(mode)
    stopped_at = len(cell.commanded)
    cell.run(1.5)
    cell.assert_one_motion()
    assert cell.executor.snapshot(cell.now_ns).state == ExecutorState.HOLDING
    moved = cell.commanded[-1][1][0] - cell.commanded[stopped_at][1][0]
    assert np.abs(moved).max() < 0.05
    assert not cell.present[1:].any()


def test_a_pause_of_the_executor_does_not_throw_the_arms_back() -> None:
    cell = engaged()
    start_ns = cell.now_ns
    cell.offer(swing(start_ns, start_ns, 0.0))
    cell.run(0.3)
    cell.blocked_until_ns = cell.now_ns + 220 * MS
    cell.run(0.4)
    cell.offer(swing(start_ns, cell.now_ns, 0.0))
    cell.run(1.5)
    cell.assert_one_motion()
    assert not cell.present[1:].any()


def test_without_further_chunks_the_controller_ends_at_rest_by_itself() -> None:
    cell = engaged()
    cell.offer(swing(cell.now_ns, cell.now_ns, 0.3))
    cell.run(0.3)
    cell.blocked_until_ns = cell.now_ns + 10_000 * MS  # the executor has died
    cell.run(3.0)
    cell.assert_one_motion()
    assert not cell.present[1:].any()
