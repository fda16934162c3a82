"""The trajectory handed to a controller is what would be commanded, and ends at rest."""

import numpy as np
import pytest
from execution.arms import LIMITS
from execution.arms import MS
from execution.arms import REST
from execution.arms import WIDTH
from execution.arms import Run
from execution.arms import held_rows
from execution.arms import moving_rows

from wla_ros.base.types import Mode
from wla_ros.execution.trajectory import PlannedTrajectory

PERIOD_S = 0.02


def moving(velocity: float = 0.3, ticks: int = 60) -> Run:
    run = Run()
    run.start()
    run.offer(moving_rows(velocity, 0))
    run.tick(ticks)
    return run


def assert_obeys(trajectory: PlannedTrajectory, *, period_s: float = PERIOD_S) -> None:
    room = 1.0 + 1e-6
    assert (trajectory.positions >= LIMITS.lower - 1e-9).all()
    assert (trajectory.positions <= LIMITS.upper + 1e-9).all()
    assert (np.abs(trajectory.velocities) <= LIMITS.velocity * room).all()
    assert (np.abs(trajectory.accelerations) <= LIMITS.acceleration * room).all()
    steps = np.abs(np.diff(trajectory.accelerations, axis=0))[:-1]
    assert (steps <= LIMITS.jerk * period_s * room).all()
    assert (np.diff(trajectory.times_s) > 0.0).all()
    assert not trajectory.velocities[-1].any()
    assert not trajectory.accelerations[-1].any()


def test_it_is_what_is_commanded_afterwards() -> None:
    run = moving()
    trajectory = run.executor.planned_trajectory(run.now_ns, 0.005, 400)
    assert_obeys(trajectory, period_s=0.005)
    for k in range(len(trajectory.times_s) - 1):
        command = run.tick(1)
        assert command is not None
        assert trajectory.times_s[k] == pytest.approx((k + 1) * 0.005)
        assert trajectory.positions[k] == pytest.approx(command.position, abs=1e-9)
        assert trajectory.velocities[k] == pytest.approx(command.velocity, abs=1e-7)


def test_it_ends_at_rest_behind_the_last_row() -> None:
    run = moving()
    trajectory = run.executor.planned_trajectory(run.now_ns, PERIOD_S, 200)
    assert_obeys(trajectory)
    end = REST[0] + 0.3 * 31 / 30
    assert end - 0.02 < trajectory.positions[-1, 0] < end + 0.1


def test_asking_changes_nothing() -> None:
    run, twin = moving(), moving()
    for _ in range(3):
        run.executor.planned_trajectory(run.now_ns, PERIOD_S, 200)
    run.tick(200)
    twin.tick(200)
    assert np.array_equal(run.positions(), twin.positions())
    assert run.snapshot.rows == twin.snapshot.rows


@pytest.mark.parametrize('most', [40, 25, 20])
def test_a_longer_plan_is_cut_and_stopped(most: int) -> None:
    run = moving()
    whole = run.executor.planned_trajectory(run.now_ns, PERIOD_S, 200)
    cut = run.executor.planned_trajectory(run.now_ns, PERIOD_S, most)
    assert len(cut.times_s) <= most < len(whole.times_s)
    assert_obeys(cut)
    assert cut.positions[2] == pytest.approx(whole.positions[2], abs=1e-9)


def test_a_stop_takes_the_points_it_needs() -> None:
    run = moving(0.8, 120)
    trajectory = run.executor.planned_trajectory(run.now_ns, PERIOD_S, 1)
    assert len(trajectory.times_s) > 1
    assert_obeys(trajectory)


def test_arms_at_rest_stay() -> None:
    run = Run()
    run.start()
    trajectory = run.executor.planned_trajectory(run.now_ns, PERIOD_S, 100)
    assert len(trajectory.times_s) == 1
    assert np.array_equal(trajectory.positions[0], REST)
    assert_obeys(trajectory)


def test_a_plan_that_begins_later_is_waited_for() -> None:
    run = Run()
    run.start()
    run.offer(held_rows(REST + 0.01 * (np.arange(WIDTH) == 0)), age_ns=-40 * MS)
    trajectory = run.executor.planned_trajectory(run.now_ns, PERIOD_S, 200)
    assert trajectory.positions[-1, 0] == pytest.approx(REST[0] + 0.01, abs=1e-6)


def test_outside_autonomy_it_is_the_stop_and_homing_the_way_home() -> None:
    run = moving()
    run.enter(Mode.HOLD)
    trajectory = run.executor.planned_trajectory(run.now_ns, PERIOD_S, 200)
    assert_obeys(trajectory)
    assert len(trajectory.times_s) < 30
    run.tick(200)
    run.enter(Mode.HOMING)
    trajectory = run.executor.planned_trajectory(run.now_ns, PERIOD_S, 400)
    assert_obeys(trajectory)
    run.tick(800)
    assert trajectory.positions[-1] == pytest.approx(run.commands[-1].position, abs=1e-6)


@pytest.mark.parametrize(('period_s', 'most'), [(0.0, 10), (-1.0, 10), (0.02, 0)])
def test_no_period_and_no_point_are_refused(period_s: float, most: int) -> None:
    run = Run()
    run.start()
    with pytest.raises(ValueError, match='period'):
        run.executor.planned_trajectory(run.now_ns, period_s, most)
