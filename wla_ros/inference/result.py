# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Does the answer of a policy match its specification? Lists everything that does not."""

from dataclasses import replace

import numpy as np

from wla_ros.base import reasons
from wla_ros.base.joints import POSE_WIDTH
from wla_ros.base.memory import SubtaskMemory
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import FloatArray
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation

# What the answer of a policy does to the memory it has read. Pure.


def update_memory(
    read: SubtaskMemory, result: PolicyResult, stamp_ns: int
) -> tuple[SubtaskMemory, PolicyResult]:
    """
    Return the memory after `result` for the observation at `stamp_ns`, and the completed result.

    The result gets the number of its subtask and the revision that the policy has read, unless the
    policy gave its own. A result without subtask changes nothing.
    """
    if not result.subtask:
        return read, result
    after = (
        read.kept_late(stamp_ns)
        if result.subtask_late
        else read.predicted(result.subtask, stamp_ns)
    )
    number = 0 if after.current is None else after.current.number
    return after, replace(
        result,
        subtask_id=result.subtask_id or number,
        memory_revision=result.memory_revision or read.revision,
    )


# Float32 rounding of a normalised quaternion is 1e-7; beyond 1e-3 it was never normalised.
_QUATERNION_TOLERANCE = 1e-3


def check_result(
    spec: PolicySpec, result: PolicyResult, prefix: CommittedPrefix | None = None
) -> Refusal | None:
    """Return a bad_result refusal naming all mismatches with spec and `prefix`, or None."""
    problems = _problems(spec, result, 0 if prefix is None else prefix.committed)
    if not problems:
        return None
    return Refusal(reason=reasons.BAD_RESULT, detail=f'{spec.name}: {"; ".join(problems)}')


def _problems(spec: PolicySpec, result: PolicyResult, committed: int) -> list[str]:
    rows = np.asarray(result.rows)
    problems = []
    most = min(committed, spec.horizon)
    if not 0 <= result.committed_prefix <= most:
        problems.append(
            f'committed_prefix {result.committed_prefix} lies outside [0, {most}]: '
            f'{committed} rows were given'
        )
    if rows.dtype.kind not in 'fiu':
        return [*problems, f'rows are {rows.dtype}, expected numbers']
    if rows.ndim != 2:
        return [
            *problems,
            f'rows have shape {list(rows.shape)}, expected [{spec.horizon}, {len(spec.columns)}]',
        ]
    if rows.shape[0] != spec.horizon:
        problems.append(f'{rows.shape[0]} rows, the horizon is {spec.horizon}')
    if rows.shape[1] != len(spec.columns):
        problems.append(f'{rows.shape[1]} columns, the specification names {len(spec.columns)}')
    finite = np.isfinite(rows)
    if not finite.all():
        row, column = (int(i) for i in np.argwhere(~finite)[0])
        name = spec.columns[column] if column < len(spec.columns) else f'column {column}'
        problems.append(
            f'{int((~finite).sum())} numbers are not finite, first row {row} of {name}'
        )
    elif spec.representation == Representation.END_EFFECTOR_POSE and not problems:
        problems += _quaternion_problems(rows)
    return problems


def _quaternion_problems(rows: FloatArray) -> list[str]:
    quaternions = rows.reshape(len(rows), -1, POSE_WIDTH)[:, :, 3:7]  # [H, arms, 4]
    error = np.abs(np.linalg.norm(quaternions, axis=2) - 1.0)
    if error.max(initial=0.0) <= _QUATERNION_TOLERANCE:
        return []
    row = int(np.unravel_index(np.argmax(error), error.shape)[0])
    return [
        f'quaternion of row {row} is off unit length by {error.max():.3g}, '
        f'bound {_QUATERNION_TOLERANCE}'
    ]
