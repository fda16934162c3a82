# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Fakes and builders for the executor: two Pipers that follow their commands with a lag."""

from collections.abc import Callable

import numpy as np

from wla_ros.base.joints import JointLayout
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import JointCommand
from wla_ros.base.types import JointSample
from wla_ros.base.types import Mode
from wla_ros.base.types import Provenance
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.execution.config import ArmExecution
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.report import ExecutorSnapshot
from wla_ros.robots.piper.arm_status import ArmHealth
from wla_ros.robots.piper.limits import piper_limits

LAYOUT = JointLayout(('left', 'right'))
LIMITS = piper_limits(LAYOUT)
WIDTH = LAYOUT.width
JOINTS = list(LAYOUT.joint_indices)
GRIPPERS = list(LAYOUT.gripper_indices)
HOME = (0.0, 1.2, -1.2, 0.0, 0.2, 0.0)
REST = np.array([*(0.1, 1.0, -1.0, 0.1, 0.1, 0.1, 0.03) * 2])
PERIOD_NS = 5_000_000
DT_NS = 33_333_333
START_NS = 1_000_000_000
MS = 1_000_000
CONFIG = ExecutorConfig(arms={arm: ArmExecution(home_rad=HOME) for arm in LAYOUT.arms})


def chunk(
    rows: FloatArray,
    stamp_ns: int,
    *,
    sequence: int = 0,
    epoch: int = 1,
    dt_ns: int = DT_NS,
    columns: tuple[str, ...] = LAYOUT.columns,
    representation: Representation = Representation.JOINT_POSITION,
    committed_prefix: int = 0,
    row_offset: int = 0,
    finished: bool = False,
) -> ActionChunk:
    """Return a chunk of `rows`."""
    return ActionChunk(
        stamp_ns=stamp_ns,
        dt_ns=dt_ns,
        epoch=epoch,
        sequence=sequence,
        representation=representation,
        columns=columns,
        rows=rows,
        committed_prefix=committed_prefix,
        row_offset=row_offset,
        finished=finished,
        provenance=Provenance(policy='fake', policy_version='1', instruction='test'),
    )


def held_rows(position: FloatArray = REST, count: int = 32) -> FloatArray:
    """Return rows that stay at `position`."""
    return np.tile(position, (count, 1))


def moving_rows(
    velocity: float, elapsed_ns: int, *, count: int = 32, dt_ns: int = DT_NS
) -> FloatArray:
    """
    Return rows of joints that left REST at time 0 with `velocity` [rad/s], from `elapsed_ns`.
    """
    seconds = (elapsed_ns + np.arange(count) * dt_ns) * 1e-9
    rows = np.tile(REST, (count, 1))
    rows[:, JOINTS] += velocity * seconds[:, None]
    return rows


def sample(
    arm: str, position: FloatArray, stamp_ns: int, receive_ns: int | None = None
) -> JointSample:
    """Return feedback of one arm; `position` has all columns of the layout."""
    return JointSample(
        arm=arm,
        stamp_ns=stamp_ns,
        receive_ns=stamp_ns if receive_ns is None else receive_ns,
        position=position[LAYOUT.arm_slice(arm)].copy(),
        velocity=np.zeros(7),
        effort=np.full(7, 0.1),
    )


class Run:
    """An executor and the arms it commands, driven tick by tick."""

    def __init__(
        self,
        config: ExecutorConfig = CONFIG,
        *,
        position: FloatArray = REST,
        executor: ChunkExecutor | None = None,
        lag: float = 0.3,
    ) -> None:
        """
        Start with arms at `position` that close a share `lag` of the way to the command per tick.
        """
        self.executor = ChunkExecutor(config, LAYOUT, LIMITS) if executor is None else executor
        self.measured = position.copy()
        self.now_ns = START_NS
        self.commands: list[JointCommand] = []
        self.silent: set[str] = set()  # arms that publish no feedback
        self.stuck: set[int] = set()  # columns that do not follow
        self.lag = lag
        self.sequence = 0
        # What the drivers say of an arm whose joints are given; a test may put lies here.
        self.report: Callable[[str, FloatArray, int], list[JointSample]] = lambda *true: [
            sample(*true)
        ]

    def tick(self, count: int = 1, period_ns: int = PERIOD_NS) -> JointCommand | None:
        """Advance by `count` periods; return the last command."""
        command = None
        for _ in range(count):
            self.now_ns += period_ns
            for arm in LAYOUT.arms:
                if arm not in self.silent:
                    for item in self.report(arm, self.measured, self.now_ns - MS):
                        self.executor.accept_feedback(item)
            command = self.executor.tick(self.now_ns)
            if command is not None:
                self.commands.append(command)
                moved = self.measured + self.lag * (command.position - self.measured)
                free = np.array([i not in self.stuck for i in range(WIDTH)])
                self.measured = np.where(free, moved, self.measured)
        return command

    def start(self) -> None:
        """Tick until there are commands, then enter AUTONOMY."""
        self.tick(60)
        assert self.enter(Mode.AUTONOMY) is None

    def enter(self, mode: Mode) -> Refusal | None:
        """Ask for a mode."""
        return self.executor.set_mode(mode, self.now_ns, 'test')

    def offer(
        self, rows: FloatArray, *, age_ns: int = 0, epoch: int = 1, finished: bool = False
    ) -> Refusal | None:
        """Offer the next chunk, observed `age_ns` ago."""
        item = chunk(
            rows,
            self.now_ns - age_ns,
            sequence=self.sequence,
            epoch=epoch,
            finished=finished,
        )
        self.sequence += 1
        return self.executor.accept_chunk(item, self.now_ns)

    def condition(self, arm: str, reason: str = '', *, released: bool = False) -> None:
        """Report the state of an arm."""
        self.executor.accept_arm_condition(
            ArmHealth(
                arm=arm,
                ok=not reason,
                reason=reason,
                receive_ns=self.now_ns,
                released=released,
            )
        )

    @property
    def snapshot(self) -> ExecutorSnapshot:
        """The state of the executor."""
        return self.executor.snapshot(self.now_ns)

    def positions(self) -> FloatArray:
        """Return all commanded positions [n, D]."""
        return np.array([command.position for command in self.commands])


def assert_counts_add_up(snapshot: ExecutorSnapshot) -> None:
    """The three counter_balance laws of ExecutorStatus.msg."""
    counts, rows = snapshot.counts, snapshot.rows
    assert counts.chunks_received == counts.chunks_accepted + counts.chunks_rejected
    assert counts.ticks == (
        counts.commands_published + counts.ticks_not_ready + counts.ticks_failed
    )
    assert (
        rows.received == rows.executed + rows.late + rows.superseded + rows.flushed + rows.queued
    )
    assert min(rows.executed, rows.late, rows.superseded, rows.flushed, rows.queued) >= 0


def assert_within_limits(commands: list[JointCommand], period_s: float = 0.005) -> None:
    """
    Positions, rates and their changes from command to command obey the limits.

    The joints of an arm that is disabled or moved by hand start anew, at rest: it obeys nothing.
    """
    room = 1.0 + 1e-6
    fresh = np.array([_reseeded_columns(command) for command in commands])[1:]
    position = np.array([command.position for command in commands])
    velocity = np.array([command.velocity for command in commands])
    acceleration = np.array([command.acceleration for command in commands])
    assert np.isfinite(position).all()
    assert (position >= LIMITS.lower - 1e-9).all()
    assert (position <= LIMITS.upper + 1e-9).all()
    assert (np.abs(velocity) <= LIMITS.velocity * room).all()
    assert (np.abs(acceleration) <= LIMITS.acceleration * room).all()
    for values, bound in (
        (position, LIMITS.velocity),
        (velocity, LIMITS.acceleration),
        (acceleration, LIMITS.jerk),
    ):
        steps = np.where(fresh, 0.0, np.abs(np.diff(values, axis=0)))
        assert (steps <= bound * period_s * room).all()
    assert not velocity[1:][fresh].any()
    assert not acceleration[1:][fresh].any()


def _reseeded_columns(command: JointCommand) -> list[bool]:
    """Return which columns start anew with this command: joints of reseeded arms, no gripper."""
    return [
        column.split('/')[0] in command.reseeded_arms and not column.endswith('gripper')
        for column in LAYOUT.columns
    ]
