"""An arm that was stopped on its way is behind its plan; lag and rest are not."""

import numpy as np
import pytest

from wla_ros.core.timing import NS_PER_MS
from wla_ros.sim.expert.motion import straight
from wla_ros.sim.expert.plan import Plan
from wla_ros.sim.expert.plan import Stage
from wla_ros.sim.expert.tracking import time_behind_ns

START = np.zeros(6)
END = np.array([0.8, 0.6, -0.5, 0.0, 0.3, 0.0])
START_NS = 10**12


@pytest.fixture
def plan():
    motion = straight(START, END)
    stage = Stage(
        subtask='reach', motion=motion, width_start_m=0.07, width_end_m=0.07, dwell_s=0.5
    )
    return Plan(START_NS, [stage])


def joints(plan, stamp_ns):
    return plan.rows_at(np.array([stamp_ns]))[0, :6]


@pytest.mark.parametrize('lag_ms', [0, 30, 120, 240])
def test_lag_is_not_a_stop(plan, lag_ms):
    for stamp in range(START_NS, plan.end_ns, 33 * NS_PER_MS):
        assert time_behind_ns(plan, stamp, joints(plan, stamp - lag_ms * NS_PER_MS)) == 0


def test_an_arm_stopped_on_its_way_is_behind_by_the_time_it_stood(plan):
    stopped_ns = START_NS + (plan.end_ns - START_NS) // 3
    stood_ns = 600 * NS_PER_MS
    behind = time_behind_ns(plan, stopped_ns + stood_ns, joints(plan, stopped_ns))
    assert behind == pytest.approx(stood_ns, abs=15 * NS_PER_MS)
    later = plan.delayed(behind)
    assert time_behind_ns(later, stopped_ns + stood_ns, joints(plan, stopped_ns)) == 0


def test_an_arm_at_rest_before_and_after_its_motion_is_not_behind(plan):
    assert time_behind_ns(plan, START_NS - 10**9, START) == 0
    assert time_behind_ns(plan, plan.end_ns + 10**9, END) == 0


def test_an_arm_that_was_pushed_off_the_path_is_not_called_behind(plan):
    off = joints(plan, START_NS + 10**9) + 0.5
    assert time_behind_ns(plan, START_NS + 10**9, off) == 0
