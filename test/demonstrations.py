# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A demonstration whose every number tells where it belongs."""

import numpy as np

from wla_ros.base.demonstration import CameraFrames
from wla_ros.base.demonstration import Demonstration
from wla_ros.base.demonstration import ObjectTracks
from wla_ros.base.demonstration import SubtaskSpan

DT_NS = 50_000_000
STEPS = 20
COLUMNS = ('arm/joint1', 'arm/gripper')


def frames(shift_ns: int = 0) -> CameraFrames:
    """Return one frame a step, each of the brightness of its step."""
    steps = np.arange(STEPS)
    pixels = np.broadcast_to(steps[:, None, None, None], (STEPS, 4, 6, 3)).astype(np.uint8)
    return CameraFrames(stamps_ns=steps * DT_NS + shift_ns, pixels=pixels, seen=steps)


def demonstration(**changes: object) -> Demonstration:
    """Return joints of 100 + step, commands of 200 + step, three subtasks, two cameras."""
    steps = np.arange(STEPS)
    column = np.array([1.0, 0.001])
    values = {
        'dt_ns': DT_NS,
        'stamps_ns': steps * DT_NS,
        'columns': COLUMNS,
        'joints': (100.0 + steps)[:, None] * column,
        'velocities': np.zeros((STEPS, 2)),
        'commands': (200.0 + steps)[:, None] * column,
        'cameras': {'head': frames(), 'wrist': frames(shift_ns=3_000_000)},
        'instruction': 'Press twice.',
        'subtasks': (
            SubtaskSpan(text='Press once.', first=0, end=6),
            SubtaskSpan(text='Lift.', first=6, end=9),
            SubtaskSpan(text='Press again.', first=9, end=STEPS),
        ),
        'objects': ObjectTracks(names=('button',), poses=np.zeros((STEPS, 1, 7))),
        'task': 'press',
        'origin': 'seed 7',
        'succeeded': True,
    }
    return Demonstration(**{**values, **changes})
