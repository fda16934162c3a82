"""The trajectory for a controller is what the ticks to come will command."""

import numpy as np
import pytest
from execution.arms import DT_NS
from execution.arms import LIMITS
from execution.arms import PERIOD_NS
from execution.arms import REST
from execution.arms import WIDTH
from execution.arms import Run

from wla_ros.base.types import Mode
from wla_ros.execution.trajectory import PlannedTrajectory

POINT_S = 0.02


def swinging_rows(count: int = 32) -> np.ndarray:
    seconds = np.arange(count)[:, None] * DT_NS * 1e-9
    rows = np.tile(REST, (count, 1))
    return rows + 0.15 * np.sin(2.0 * seconds * (1.0 + 0.1 * np.arange(WIDTH))) * (REST > 0.05)


def commanded_at(run: Run, start_ns: int, times_s: np.ndarray) -> np.ndarray:
    """Tick on and return the commands at the times [n, 3, D]."""
    last = times_s[-1] + PERIOD_NS * 1e-9
    while (run.now_ns - start_ns) * 1e-9 < last:
        run.tick()
    stamps = np.array([command.stamp_ns for command in run.commands])
    chosen = [
        run.commands[int(np.argmin(np.abs(stamps - start_ns - round(time * 1e9))))]
        for time in times_s
    ]
    return np.array([[c.position, c.velocity, c.acceleration] for c in chosen])


def states(trajectory: PlannedTrajectory) -> np.ndarray:
    return np.stack(
        [trajectory.positions, trajectory.velocities, trajectory.accelerations], axis=1
    )


@pytest.mark.parametrize('ticks', [1, 40])
def test_points_are_the_commands_of_the_ticks_to_come_up_to_the_stop(ticks: int) -> None:
    run = Run()
    run.start()
    assert run.offer(swinging_rows()) is None
    run.tick(ticks)
    start_ns = run.now_ns
    trajectory = run.executor.planned_trajectory(start_ns, POINT_S, 1000, exact_s=10.0)
    assert np.allclose(np.diff(trajectory.times_s)[:-30], POINT_S)
    assert np.allclose(
        states(trajectory), commanded_at(run, start_ns, trajectory.times_s), atol=1e-6
    )
    assert not trajectory.velocities[-1].any()
    assert not trajectory.accelerations[-1].any()


def test_exactness_can_end_before_the_plan_and_limits_hold_throughout() -> None:
    run = Run()
    run.start()
    assert run.offer(swinging_rows()) is None
    run.tick()
    start_ns = run.now_ns
    trajectory = run.executor.planned_trajectory(start_ns, POINT_S, 1000, exact_s=0.2)
    exact = trajectory.times_s < 0.2
    expected = commanded_at(run, start_ns, trajectory.times_s[exact])
    assert np.allclose(states(trajectory)[exact], expected, atol=1e-6)
    assert (np.abs(trajectory.velocities) <= LIMITS.velocity * (1.0 + 1e-6)).all()
    assert (np.abs(trajectory.accelerations) <= LIMITS.acceleration * (1.0 + 1e-6)).all()


@pytest.mark.parametrize('most', [1, 5, 40])
def test_a_long_plan_is_cut_to_points_that_end_at_rest(most: int) -> None:
    run = Run()
    run.start()
    assert run.offer(swinging_rows()) is None
    run.tick(60)
    trajectory = run.executor.planned_trajectory(run.now_ns, POINT_S, most, exact_s=0.1)
    assert (np.diff(trajectory.times_s) > 0.0).all()
    assert not trajectory.velocities[-1].any()
    # More points than asked for only where the stop itself takes more.
    stopping = run.executor.planned_trajectory(run.now_ns, POINT_S, 1, exact_s=0.1)
    assert len(trajectory.times_s) <= max(most, len(stopping.times_s))


def test_a_held_arm_is_one_point_at_rest() -> None:
    run = Run()
    run.start()
    assert run.enter(Mode.HOLD) is None
    run.tick()
    trajectory = run.executor.planned_trajectory(run.now_ns, POINT_S, 100, exact_s=1.0)
    assert np.allclose(trajectory.positions, run.commands[-1].position)
    assert len(trajectory.times_s) == 1
    assert not trajectory.velocities.any()
