# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The gate for chunks: only what is new, in time, well formed and plausible becomes motion.

Judges one chunk by itself and against what came before. Each refusal has a name and a sentence
with value, bound and column. Comparisons are written so that NaN never passes. Does not know the
schedule.
"""

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.joints import JointLayout
from wla_ros.base.joints import JointLimits
from wla_ros.base.timing import NS_PER_MS
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import ActionChunk
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.execution.config import GateConfig


class ChunkGate:
    """Remembers the newest accepted chunk and since when chunks may be anchored."""

    def __init__(self, config: GateConfig, layout: JointLayout, limits: JointLimits) -> None:
        """Start with nothing accepted."""
        tolerance = np.full(layout.width, config.position_tolerance_rad)
        tolerance[list(layout.gripper_indices)] = config.position_tolerance_m
        self._config, self._layout = config, layout
        self._joints = np.array(layout.joint_indices)
        self._lowest, self._highest = limits.lower - tolerance, limits.upper + tolerance
        self._fastest = limits.velocity * config.max_velocity_ratio
        self._newest: tuple[int, int] | None = None  # epoch, sequence
        self._seen: tuple[int, int] | None = None  # of the newest offered chunk, accepted or not
        self._earliest_anchor_ns: int | None = None
        self._session: int | None = None

    @property
    def newest(self) -> tuple[int, int]:
        """Epoch and sequence of the newest accepted chunk, zeros before the first."""
        return self._newest or (0, 0)

    def reject_before(self, now_ns: int) -> None:
        """Refuse chunks anchored before `now_ns`: what they saw of the arms holds no longer."""
        self._earliest_anchor_ns = now_ns

    @property
    def session(self) -> int | None:
        """The session whose chunks are taken, None while the first accepted one decides."""
        return self._session

    def forget(self, session: int | None = None) -> None:
        """
        Accept any epoch next: the operator starts anew, perhaps with a new policy process.

        Only chunks of `session` are taken from now on; None: of the one that is accepted first.
        """
        self._newest = self._seen = None
        self._session = session

    def accepted(self, chunk: ActionChunk) -> None:
        """Remember `chunk` as the newest, and whose it is."""
        self._newest = (chunk.epoch, chunk.sequence)
        self._session = chunk.session

    def note_sequence(self, chunk: ActionChunk) -> int:
        """Take note of what was offered; return how many chunks before it never came."""
        if self._judge_session(chunk) is not None:
            return 0  # it is counted by another policy
        offered, seen = (chunk.epoch, chunk.sequence), self._seen
        if seen is not None and offered <= seen:
            return 0
        self._seen = offered
        if seen is None or seen[0] != chunk.epoch:
            return 0
        return chunk.sequence - seen[1] - 1

    def judge_envelope(
        self, chunk: ActionChunk, now_ns: int, lead_ns: int, *, retimed: bool = False
    ) -> Refusal | None:
        """
        Judge order, shape and time of `chunk`, everything but the numbers in its rows.

        `lead_ns` is how far ahead of now the plan is sampled; rows due before now + lead are late,
        unless the rows are `retimed` to begin when they arrive.
        """
        return (
            self._judge_session(chunk)
            or self._judge_order(chunk)
            or self.judge_shape(chunk)
            or self._judge_time(chunk, now_ns, now_ns + lead_ns, retimed=retimed)
        )

    def judge_finite(self, rows: FloatArray, columns: tuple[str, ...]) -> Refusal | None:
        """Judge whether every number of `rows` is finite."""
        bad = np.argwhere(~np.isfinite(rows))
        if not len(bad):
            return None
        row, column = bad[0]
        return Refusal(
            reason=reasons.NOT_FINITE,
            detail=f'{columns[column]} of row {row} is {float(rows[row, column])!r}',
        )

    def judge_rows(self, rows: FloatArray, dt_ns: int) -> Refusal | None:
        """Judge joint rows [H, D] spaced `dt_ns`."""
        refusal = self.judge_finite(rows, self._layout.columns)
        if refusal is not None:
            return refusal
        bad = np.argwhere(~((rows >= self._lowest) & (rows <= self._highest)))
        if len(bad):
            row, column = bad[0]
            return Refusal(
                reason=reasons.POSITION_IMPLAUSIBLE,
                detail=f'{self._name(column)} of row {row} is {rows[row, column]:.4f}, '
                f'acceptable are {self._lowest[column]:.4f} .. {self._highest[column]:.4f}',
            )
        # Grippers are exempt: an opening that jumps is ordinary, the limiter spreads it.
        speed = np.abs(np.diff(rows[:, self._joints], axis=0)) / ns_to_seconds(dt_ns)
        bad = np.argwhere(~(speed <= self._fastest[self._joints]))
        if len(bad):
            row, joint = bad[0]
            column = self._joints[joint]
            return Refusal(
                reason=reasons.VELOCITY_IMPLAUSIBLE,
                detail=f'{self._name(column)} moves at {speed[row, joint]:.2f} rad/s '
                f'from row {row} to {row + 1}, bound {self._fastest[column]:.2f} rad/s',
            )
        return None

    def judge_start(self, planned: FloatArray, commanded: FloatArray) -> Refusal | None:
        """Judge where the plan [D] takes over against the command [D] in force."""
        step = np.abs(planned - commanded)[self._joints]
        worst = int(np.argmax(step))
        if step[worst] <= self._config.max_start_deviation_rad:
            return None
        column = self._joints[worst]
        return Refusal(
            reason=reasons.START_DEVIATION,
            detail=f'{self._name(column)} would start at {planned[column]:.4f} rad, commanded is '
            f'{commanded[column]:.4f} rad; bound {self._config.max_start_deviation_rad:.3f} rad',
        )

    def _name(self, column: int) -> str:
        return self._layout.columns[column]

    def _judge_session(self, chunk: ActionChunk) -> Refusal | None:
        if self._session is None or chunk.session == self._session:
            return None
        return Refusal(
            reason=reasons.OTHER_SESSION,
            detail=f'session {chunk.session:#x} of policy {chunk.provenance.policy!r}; autonomy '
            f'was given to session {self._session:#x}. Is a second policy running, or was the '
            'policy restarted? Then enter AUTONOMY anew',
        )

    def _judge_order(self, chunk: ActionChunk) -> Refusal | None:
        if self._newest is None:
            return None
        epoch, sequence = self._newest
        if chunk.epoch < epoch:
            return Refusal(
                reason=reasons.EPOCH_STALE,
                detail=f'epoch {chunk.epoch} is over, {epoch} is running; '
                'if the policy was restarted, enter AUTONOMY anew',
            )
        if chunk.epoch > epoch or chunk.sequence > sequence:
            return None
        if chunk.sequence == sequence:
            return Refusal(
                reason=reasons.SEQUENCE_DUPLICATE,
                detail=f'sequence {sequence} of epoch {epoch} was accepted already',
            )
        return Refusal(
            reason=reasons.SEQUENCE_OUT_OF_ORDER,
            detail=f'sequence {chunk.sequence} of epoch {epoch} comes after {sequence}',
        )

    def judge_shape(self, chunk: ActionChunk) -> Refusal | None:
        """Judge counts, period and columns of `chunk`; depends on nothing that changes."""
        if chunk.rows.ndim != 2:
            return Refusal(
                reason=reasons.ROWS_SHAPE_WRONG,
                detail=f'rows have shape {chunk.rows.shape}, expected (H, D)',
            )
        config, count = self._config, len(chunk.rows)
        if not 1 <= count <= config.max_horizon:
            return Refusal(
                reason=reasons.HORIZON_WRONG,
                detail=f'{count} rows, acceptable are 1 .. {config.max_horizon}',
            )
        low_ns, high_ns = seconds_to_ns(config.min_dt_s), seconds_to_ns(config.max_dt_s)
        if not low_ns <= chunk.dt_ns <= high_ns:
            return Refusal(
                reason=reasons.ROW_PERIOD_WRONG,
                detail=f'dt is {ns_to_seconds(chunk.dt_ns):g} s, acceptable are '
                f'{config.min_dt_s:g} .. {config.max_dt_s:g} s',
            )
        if not 0 <= chunk.committed_prefix <= count:
            return Refusal(
                reason=reasons.PREFIX_WRONG,
                detail=f'committed prefix of {chunk.committed_prefix} rows in a chunk of {count}',
            )
        poses = chunk.representation == Representation.END_EFFECTOR_POSE
        columns = self._layout.pose_columns if poses else self._layout.columns
        return self._judge_span(chunk) or _judge_columns(chunk, columns)

    def _judge_span(self, chunk: ActionChunk) -> Refusal | None:
        """Judge how long after its observation the chunk begins and ends."""
        config, dt_s = self._config, ns_to_seconds(chunk.dt_ns)
        if not 0.0 <= chunk.row_offset * dt_s <= config.max_offset_s:
            return Refusal(
                reason=reasons.OFFSET_WRONG,
                detail=f'row 0 is due {chunk.row_offset} periods, {chunk.row_offset * dt_s:.2f} s '
                f'after the observation, acceptable are 0 .. {config.max_offset_s:g} s',
            )
        last_s = (chunk.row_offset + len(chunk.rows) - 1) * dt_s
        if not last_s <= config.max_plan_s:
            return Refusal(
                reason=reasons.PLAN_TOO_LONG,
                detail=f'the last row is due {last_s:.2f} s after the observation, '
                f'bound {config.max_plan_s:g} s',
            )
        return None

    def _judge_time(
        self, chunk: ActionChunk, now_ns: int, effective_ns: int, *, retimed: bool
    ) -> Refusal | None:
        # The anchor is an observation and never lies ahead; rows may, by their offset.
        ahead_ns = chunk.stamp_ns - now_ns
        if ahead_ns > seconds_to_ns(self._config.max_future_s):
            return Refusal(
                reason=reasons.STAMP_IN_FUTURE,
                detail=f'anchored {ahead_ns / NS_PER_MS:.1f} ms ahead of now, '
                f'bound {self._config.max_future_s * 1e3:.1f} ms; are the clocks synchronised?',
            )
        earliest_ns = self._earliest_anchor_ns
        if earliest_ns is not None and chunk.stamp_ns < earliest_ns:
            return Refusal(
                reason=reasons.ANCHOR_STALE,
                detail=f'observed {(earliest_ns - chunk.stamp_ns) / NS_PER_MS:.1f} ms before '
                'the present mode was entered, motion was last interrupted or, where inference '
                'waits for rest, the arms last set off',
            )
        last_ns = chunk.due_ns(len(chunk.rows) - 1)
        if last_ns < effective_ns and not retimed:
            return Refusal(
                reason=reasons.ALL_ROWS_LATE,
                detail=f'all {len(chunk.rows)} rows are late, the last by '
                f'{(effective_ns - last_ns) / NS_PER_MS:.1f} ms '
                f'(observed {-ahead_ns / NS_PER_MS:.1f} ms ago)',
            )
        return None


def _judge_columns(chunk: ActionChunk, expected: tuple[str, ...]) -> Refusal | None:
    if chunk.columns != expected:
        pairs = zip((*chunk.columns, *[''] * len(expected)), expected, strict=False)
        i, (given, wanted) = next(
            ((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1]),
            (len(expected), (chunk.columns[len(expected) : len(expected) + 1], 'no more')),
        )
        return Refusal(
            reason=reasons.COLUMNS_WRONG,
            detail=f'{len(chunk.columns)} columns, expected {len(expected)}; '
            f'column {i} is {given!r}, expected {wanted!r}',
        )
    if chunk.rows.shape[1] != len(expected):
        return Refusal(
            reason=reasons.ROWS_SHAPE_WRONG,
            detail=f'rows have shape {chunk.rows.shape}, expected (H, {len(expected)})',
        )
    return None
