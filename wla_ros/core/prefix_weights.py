"""
How firmly each row of a chunk is tied to the rows that are already being executed.

From real-time chunking (arXiv 2506.07339). Pure numpy; knows no policy.
"""

import math

import numpy as np

from wla_ros.core.types import FloatArray


def prefix_weights(committed: int, overlap: int, horizon: int) -> FloatArray:
    """
    Return the weights [horizon] of a guided prefix: 1 is frozen, 0 is free.

    The first `committed` rows d are executed before the new chunk can take over. Rows from
    `overlap` e on have no counterpart in the old chunk. Between them lies a ramp, bent down by an
    exponential so that it lets go early::

        1 ########             W = c (exp(c) - 1) / (exp(1) - 1)
                 #.            c = (e - i) / (e - d + 1)   for d <= i < e
                  #...
                    ##....
        0             ########--------------
          0      d           e             horizon

    Both ends of the ramp are exclusive: its rows lie strictly between 1 and 0. If more rows are
    committed than overlap, only the overlap is frozen. Raises ValueError unless
    0 <= committed, 0 <= overlap <= horizon and 1 <= horizon.
    """
    if committed < 0 or horizon < 1 or not 0 <= overlap <= horizon:
        raise ValueError(
            f'need committed >= 0 and 0 <= overlap <= horizon >= 1, '
            f'got {committed=}, {overlap=}, {horizon=}'
        )
    frozen = min(committed, overlap)
    rows = np.arange(horizon)
    ramp = np.clip((overlap - rows) / (overlap - frozen + 1), 0.0, 1.0)  # c
    weights = ramp * np.expm1(ramp) / math.expm1(1.0)
    weights[:frozen] = 1.0
    return np.asarray(weights)
