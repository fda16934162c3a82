# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a policy is given besides the observation, so that its chunk fits what is executed."""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.curve import PlanCurve
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import PrefixUse
from wla_ros.inference.strategy import StrategyConfig

# How firmly each row of a chunk is tied to the rows that are already being executed.
#
# From real-time chunking (arXiv 2506.07339). Pure numpy; knows no policy.

# As firm as a committed row for every purpose of denoising, but below 1: it is not promised.
ALMOST_CERTAIN = 1.0 - 2.0**-20

# Ramp c, falling from 1 to 0 between the committed rows and the end of the overlap -> weight.
_RAMPS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    'hard': np.zeros_like,
    'soft': lambda ramp: np.where(ramp > 0.0, ALMOST_CERTAIN, 0.0),
    'linear': lambda ramp: ramp,
    'exponential': lambda ramp: ramp * np.expm1(ramp) / math.expm1(1.0),
}


def prefix_weights(
    committed: int, overlap: int, horizon: int, mask: str = 'exponential'
) -> FloatArray:
    """
    Return the weights [horizon] of a guided prefix: 1 is frozen, 0 is free.

    The first `committed` rows d are executed before the new chunk can take over. Rows from
    `overlap` e on have no counterpart in the old chunk. Between them lies a ramp, by default bent
    down by an exponential so that it lets go early::

        1 ########             W = c (exp(c) - 1) / (exp(1) - 1)
                 #.            c = (e - i) / (e - d + 1)   for d <= i < e
                  #...
                    ##....
        0             ########--------------
          0      d           e             horizon

    Both ends of the ramp are exclusive: its rows lie strictly between 1 and 0. Masks 'linear' is
    W = c, 'soft' almost 1 up to e, 'hard' 0 from d on. If more rows are committed than overlap,
    only the overlap is frozen. Raises ValueError unless 0 <= committed,
    0 <= overlap <= horizon and 1 <= horizon, or for an unknown mask.
    """
    if committed < 0 or horizon < 1 or not 0 <= overlap <= horizon:
        raise ValueError(
            f'need committed >= 0 and 0 <= overlap <= horizon >= 1, '
            f'got {committed=}, {overlap=}, {horizon=}'
        )
    if mask not in _RAMPS:
        raise ValueError(f'mask {mask!r} is unknown; there are {", ".join(_RAMPS)}')
    frozen = min(committed, overlap)
    rows = np.arange(horizon)
    ramp = np.clip((overlap - rows) / (overlap - frozen + 1), 0.0, 1.0)  # c
    weights = _RAMPS[mask](ramp)
    weights[:frozen] = 1.0
    return np.asarray(weights)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conditioning:
    """What an inference is asked for."""

    observation: Observation  # as the policy is to see it
    prefix: CommittedPrefix | None = None
    row_offset: int = 0
    imagine: bool = False
    asked: bool = False  # the strategy conditions on the plan at all
    cold: bool = False  # it does, but there is nothing to condition on
    forecast_exceeded: bool = False  # more rows will pass than the policy was trained for
    plan_short: bool = False  # the plan ends before the forecast


class ChunkConditioning:
    """
    Rows of the executor's plan, resampled to the policy's own grid::

        plan rows     o  o  o  o  o  o  o  o  o|                 due as the chunks before said
        policy's grid   0  1  2  3  4  5  6  7  8  9  10 ...     observation stamp + i * dt
        committed       ########### d = 4
        clean prefix    0  1  2  3                               weights 1
        guided prefix   0  1  2  3  4  5  6  7  |7  7  7         weights 1 to d, mask, 0
        rolled state                ^ joints of row d            row_offset d

    A plan row that is due at a time of the grid is taken exactly, others are interpolated as the
    executor does. Beyond the plan's end its last row is held with weight 0: a row of zeros would
    mean a pose. Prefix rows are joints in robot units for every policy; one with other columns
    converts them itself, as it does with the state.

    Beyond the plan's end the projected state rests at the last row, as the arms will. It is the
    planned one plus the error with which the arms followed the command when the plan was written:
    measured less planned joints would count the bridge of the last splice, which is over by then.

    If the forecast exceeds what the policy was trained for, it gets as much as it was trained
    for; the executor then bridges from the present to the first new row that is not late.
    """

    def __init__(self, config: StrategyConfig, spec: PolicySpec) -> None:
        """Condition the policy of `spec` as `config` says."""
        self._strategy = config.strategy
        self._mask = config.mask
        self._spec = spec

    def condition(
        self, observation: Observation, plan: ExecutionPlan | None, delay_rows: int
    ) -> Conditioning:
        """
        Return what to ask for `observation` if the chunk is `delay_rows` d late.

        Without a plan, or with one that is over, nothing is known: the policy is asked as at a
        cold start. Arms that rest will rest until the chunk takes over: their position is the
        clean prefix, and a strategy without one asks for rows that begin then: what the
        observation says of resting arms still holds.
        """
        strategy = self._strategy
        if strategy.prefix is PrefixUse.NONE and not strategy.rolls_state:
            return Conditioning(observation=observation)
        if plan is None or plan.resting or not len(plan.rows):
            return self._cold(observation, plan, delay_rows)
        curve = _curve(observation, plan)
        stamps_ns = observation.stamp_ns + self._spec.dt_ns * np.arange(self._spec.horizon)
        overlap = int(np.searchsorted(stamps_ns, curve.last_ns, side='right'))
        if not overlap:
            return self._cold(observation, None, delay_rows)
        if strategy.prefix is PrefixUse.GUIDED:
            return self._guided(observation, curve, stamps_ns, overlap, delay_rows)
        rows = min(delay_rows, self._most_rows)
        conditioning = Conditioning(
            observation=observation,
            imagine=strategy.imagines,
            asked=True,
            forecast_exceeded=delay_rows > rows,
            plan_short=overlap < rows,
        )
        if strategy.prefix is not PrefixUse.NONE:
            rows = min(rows, overlap)
        if strategy.rolls_state:
            rolled = _rolled(observation, plan, curve, rows * self._spec.dt_ns)
            conditioning = dataclasses.replace(conditioning, observation=rolled)
        if strategy.prefix is PrefixUse.NONE:
            return dataclasses.replace(conditioning, row_offset=rows)
        clean, _ = curve.at(stamps_ns[:rows])
        prefix = _prefix(clean, np.ones(rows), PrefixUse.CLEAN) if rows else None
        return dataclasses.replace(conditioning, prefix=prefix)

    @property
    def _most_rows(self) -> int:
        """How many rows the policy may be told to lie behind it when its own begin to count."""
        spec, strategy = self._spec, self._strategy
        most = spec.horizon
        if strategy.prefix is PrefixUse.CLEAN:
            most = min(most, spec.clean_prefix_rows)
        # A forward model imagines the time of the state, so it needs no training with old images.
        if strategy.rolls_state and not strategy.imagines:
            most = min(most, spec.rolled_rows)
        if strategy.prefix is PrefixUse.GUIDED and spec.rolled_rows:
            most = min(most, spec.rolled_rows)
        return most

    def _guided(
        self,
        observation: Observation,
        curve: PlanCurve,
        stamps_ns: NDArray[np.int64],
        overlap: int,
        delay_rows: int,
    ) -> Conditioning:
        rows, _ = curve.at(stamps_ns)
        weights = prefix_weights(delay_rows, overlap, self._spec.horizon, self._mask)
        return Conditioning(
            observation=observation,
            prefix=_prefix(rows, weights, PrefixUse.GUIDED),
            asked=True,
            forecast_exceeded=delay_rows > self._spec.horizon,
            plan_short=overlap < min(delay_rows, self._spec.horizon),
        )

    def _cold(
        self, observation: Observation, plan: ExecutionPlan | None, delay_rows: int
    ) -> Conditioning:
        strategy, prefix, offset = self._strategy, None, 0
        rows = min(delay_rows, self._most_rows)
        if plan is not None and plan.resting and plan.accepting:
            if strategy.prefix is PrefixUse.CLEAN:
                prefix = self._held(observation, plan, rows)
            else:
                # Guided towards a standstill, a policy that never saw one tends to stay. Rows that
                # are due from the observation on would have the arms run after them at first.
                offset = rows
        given = offset if prefix is None else rows
        return Conditioning(
            observation=observation,
            prefix=prefix,
            row_offset=offset,
            imagine=strategy.imagines and given > 0,
            asked=True,
            cold=True,
            forecast_exceeded=0 < given < delay_rows,
        )

    def _held(
        self, observation: Observation, plan: ExecutionPlan, rows: int
    ) -> CommittedPrefix | None:
        """Return the position that is commanded until the chunk takes over, `rows` times."""
        if not rows:
            return None
        held = observation.joint_position - plan.tracking_error
        return _prefix(np.tile(held, (rows, 1)), np.ones(rows), PrefixUse.CLEAN)


def _curve(observation: Observation, plan: ExecutionPlan) -> PlanCurve:
    """Return the plan's curve; from before its first row it comes from the measured joints."""
    due_ns, rows = plan.due_ns, plan.rows
    if observation.stamp_ns < due_ns[0]:
        due_ns = np.concatenate(([observation.stamp_ns], due_ns))
        rows = np.concatenate((observation.joint_position[None], rows))
    return PlanCurve(due_ns, rows)


def _rolled(
    observation: Observation, plan: ExecutionPlan, curve: PlanCurve, ahead_ns: int
) -> Observation:
    """Return `observation` with the joints projected `ahead_ns` after its stamp."""
    planned, velocity = curve.at(np.array([observation.stamp_ns + ahead_ns], dtype=np.int64))
    return dataclasses.replace(
        observation,
        joint_position=_read_only(planned[0] + plan.tracking_error),
        joint_velocity=_read_only(velocity[0].copy()),
    )


def _prefix(rows: FloatArray, weights: FloatArray, use: PrefixUse) -> CommittedPrefix:
    return CommittedPrefix(rows=_read_only(rows), weights=_read_only(weights), use=use)


def _read_only(values: FloatArray) -> FloatArray:
    values.flags.writeable = False
    return values
