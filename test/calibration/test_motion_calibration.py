# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The delay of an arm is that of the motion behind the time it was asked for."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('rclpy')

from wla_ros.calibration import motion  # noqa: E402 - not without rclpy
from wla_ros.calibration.excitation import ExcitationBounds  # noqa: E402
from wla_ros.calibration.excitation import in_turn  # noqa: E402
from wla_ros.calibration.excitation import plan_excitation  # noqa: E402
from wla_ros.calibration.excitation_client import Recording  # noqa: E402
from wla_ros.composition.executor import ExecutorNodeConfiguration  # noqa: E402
from wla_ros.composition.executor import ExecutorParts  # noqa: E402
from wla_ros.composition.executor import load_executor  # noqa: E402
from wla_ros.robots.robot import RobotSection  # noqa: E402

LATENCY_S = 0.06
BEGIN_NS = 10**18
BOUNDS = ExcitationBounds(
    amplitude=0.05, least_amplitude=0.01, velocity=1.0, acceleration=5.0, jerk=100.0
)


def recording(plan, delay_s):
    """Return a run in which the left arm follows `delay_s` behind the stamps of the commands."""
    times_s = np.arange(0.0, plan.duration_s, 0.005)
    feedback = plan.rows(times_s - delay_s)
    stamps = BEGIN_NS + (1e9 * times_s).astype(np.int64)
    return Recording(
        begin_ns=BEGIN_NS,
        command_stamps_ns=stamps,
        commands=plan.rows(times_s),
        feedback_stamps_ns={'left': stamps, 'right': stamps},
        feedback={'left': feedback[:, :7], 'right': feedback[:, 7:]},
    )


def test_the_delay_of_the_feedback_is_the_latency_of_the_arm(capsys):
    configuration = ExecutorNodeConfiguration(robot=RobotSection(driver_profile='ros2_control'))
    parts = load_executor(configuration)
    assert isinstance(parts, ExecutorParts), parts
    sweep = plan_excitation(start=0.0, lower=-1.0, upper=1.0, bounds=BOUNDS, duration_s=4.0)
    plan = in_turn(np.zeros(14), {0: sweep}, rest_s=0.8)
    robot = motion._Robot(parts=parts, joint_latency_s=0.0)
    (change,), complete = motion._evaluate(recording(plan, LATENCY_S), plan, robot, 'arm')
    assert complete
    assert change.key == 'execution.arms.left.action_latency_s'
    assert change.value_s == pytest.approx(LATENCY_S, abs=0.001)
    assert 'left/joint1' in capsys.readouterr().out


def test_an_arm_of_which_nothing_was_heard_is_refused_by_name(capsys):
    parts = load_executor(
        ExecutorNodeConfiguration(robot=RobotSection(driver_profile='piper_ros'))
    )
    sweep = plan_excitation(start=0.0, lower=-1.0, upper=1.0, bounds=BOUNDS, duration_s=4.0)
    plan = in_turn(np.zeros(14), {0: sweep}, rest_s=0.8)
    silent = replace(
        recording(plan, 0.1),
        feedback_stamps_ns={'left': np.zeros(0, dtype=np.int64)},
        feedback={'left': np.zeros((0, 7))},
    )
    robot = motion._Robot(parts=parts, joint_latency_s=0.0)
    assert motion._evaluate(silent, plan, robot, 'arm') == ((), False)
    assert 'few_samples: the feedback has 0 samples' in capsys.readouterr().out
