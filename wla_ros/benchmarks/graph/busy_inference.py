# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Burns a core the way a policy does: matrix products without a pause, with torch if it is there.

Started by `wla_ros bench` beside the graph; ends with it, with SIGINT or SIGTERM.
"""

import signal
from types import FrameType

from wla_ros.nodes.starter_watch import termination_signals
from wla_ros.nodes.starter_watch import watch_starter

_ROWS, _WIDTH = 256, 1024  # a few milliseconds a product on one core


def main() -> None:
    """Multiply until a signal comes."""
    stopped = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        del number, frame
        stopped = True

    for kind in (signal.SIGINT, *termination_signals()):
        signal.signal(kind, stop)
    watch_starter()
    multiply = _torch_product() or _numpy_product()
    while not stopped:
        multiply()


def _torch_product():
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(_ROWS, _WIDTH, generator=generator)
    weights = torch.randn(_WIDTH, _WIDTH, generator=generator)
    return lambda: torch.nn.functional.silu(rows @ weights)


def _numpy_product():
    import numpy as np

    random = np.random.default_rng(0)
    rows = random.standard_normal((_ROWS, _WIDTH), dtype=np.float32)
    weights = random.standard_normal((_WIDTH, _WIDTH), dtype=np.float32)
    return lambda: np.tanh(rows @ weights)


if __name__ == '__main__':
    main()
