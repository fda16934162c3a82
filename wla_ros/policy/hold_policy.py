"""
The policy `hold`: keeps the arms where they were measured.

Knows measured joints only, not the last command. Two consequences:

* A gripper that squeezes an object is re-commanded to its measured width, so it stops squeezing.
  To keep a grasp use the executor's HOLD mode, which keeps commanding the last set-point.
* The target is taken once per epoch, not from every observation: an arm that sags by its steady
  tracking error would otherwise be commanded a little lower with every chunk and creep down.
"""

import numpy as np

from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.timing import period_ns
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import PolicySpec
from wla_ros.core.types import Representation


class HoldPolicy:
    """Rows are the joints measured at the first observation after a reset or a new epoch."""

    def __init__(
        self,
        layout: JointLayout,
        *,
        cameras: tuple[str, ...] = (),
        horizon: int = 32,
        rate_hz: float = 30.0,
    ) -> None:
        """Build the specification; `cameras` are demanded although pixels are ignored."""
        self._spec = PolicySpec(
            name='hold',
            version='1',
            representation=Representation.JOINT_POSITION,
            columns=layout.columns,
            horizon=horizon,
            dt_ns=period_ns(rate_hz),
            cameras=cameras,
            rolled_rows=horizon,  # every row is the same, whenever it is due
        )
        self._target: FloatArray | None = None  # [D]
        self._epoch = -1

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and emits."""
        return self._spec

    def reset(self, *, seed: int) -> None:
        """Take a new target at the next observation; `seed` has no effect."""
        del seed
        self._target = None

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """Return H equal rows."""
        del request
        if self._target is None or observation.epoch != self._epoch:
            self._target = observation.joint_position.copy()
            self._epoch = observation.epoch
        return PolicyResult(rows=np.tile(self._target, (self._spec.horizon, 1)))

    def close(self) -> None:
        """Nothing to release."""
