"""Does the answer of a policy match its specification? Lists everything that does not."""

import numpy as np

from wla_ros.core import refusal_reasons
from wla_ros.core.joint_layout import POSE_WIDTH
from wla_ros.core.types import CommittedPrefix
from wla_ros.core.types import FloatArray
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import PolicySpec
from wla_ros.core.types import Refusal
from wla_ros.core.types import Representation

# Float32 rounding of a normalised quaternion is 1e-7; beyond 1e-3 it was never normalised.
_QUATERNION_TOLERANCE = 1e-3


def check_result(
    spec: PolicySpec, result: PolicyResult, prefix: CommittedPrefix | None = None
) -> Refusal | None:
    """Return a bad_result refusal naming all mismatches with spec and `prefix`, or None."""
    problems = _problems(spec, result, 0 if prefix is None else prefix.committed)
    if not problems:
        return None
    return Refusal(reason=refusal_reasons.BAD_RESULT, detail=f'{spec.name}: {"; ".join(problems)}')


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
