"""
How firmly each row of a chunk is tied to the rows that are already being executed.

From real-time chunking (arXiv 2506.07339). Pure numpy; knows no policy.
"""

import math
from collections.abc import Callable
from collections.abc import Mapping

import numpy as np

from wla_ros.core.types import FloatArray

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
