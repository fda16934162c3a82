# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Plans of an executor and observations that lie in them."""

import numpy as np
from inference.session_feed import LAYOUT
from inference.session_feed import START_NS

from wla_ros.base.types import ExecutionPlan
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Representation

DT_NS = 33_333_333
HORIZON = 16
WIDTH = LAYOUT.width


def spec_of(**fields):
    """Return a policy that offers everything unless `fields` say otherwise."""
    return PolicySpec(
        **{
            'name': 'fake',
            'version': '1',
            'representation': Representation.JOINT_POSITION,
            'columns': LAYOUT.columns,
            'horizon': HORIZON,
            'dt_ns': DT_NS,
            'guided_prefix': True,
            'clean_prefix_rows': 8,
            'rolled_rows': 8,
            'forward_model': True,
            **fields,
        }
    )


def position_at(time_ns):
    """Return where the planned line is [..., D]: every column at its own constant velocity."""
    seconds = np.asarray((np.asarray(time_ns) - START_NS) * 1e-9)
    return 0.3 + seconds[..., None] * np.linspace(-0.7, 0.9, WIDTH)


def plan_of(due_ns, rows=None, **fields):
    """Return the plan of rows on `position_at` unless `rows` are given."""
    due_ns = np.array(due_ns, dtype=np.int64)
    values = {
        'stamp_ns': START_NS,
        'strategy': 'latest',
        'epoch': 0,
        'sequence': 0,
        'due_ns': due_ns,
        'rows': position_at(due_ns) if rows is None else np.asarray(rows, dtype=float),
        'accepting': True,
        'resting': False,
        'tracking_error': np.zeros(WIDTH),
    }
    return ExecutionPlan(**{**values, **fields})


def resting_plan(**fields):
    return plan_of([], np.empty((0, WIDTH)), **{'resting': True, **fields})


def observation_at(stamp_ns, joints=None):
    position = position_at(stamp_ns) if joints is None else np.asarray(joints, dtype=float)
    return Observation(
        stamp_ns=stamp_ns,
        epoch=0,
        images={},
        history={},
        joint_position=position,
        joint_velocity=np.zeros(WIDTH),
        objects=None,
        samples=(),
        synchronised_ns=stamp_ns,
    )
