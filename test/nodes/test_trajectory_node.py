"""The executor node in front of joint_trajectory_controllers, over ROS."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy')

from nodes.graph import BIMANUAL  # noqa: E402 - not without rclpy
from nodes.graph import Graph  # noqa: E402
from nodes.graph import patient  # noqa: E402
from nodes.rig_probe import PATIENT_EXECUTOR  # noqa: E402
from nodes.rig_probe import REST  # noqa: E402
from nodes.rig_probe import RigProbe  # noqa: E402
from nodes.trajectory_controller import TrajectoryController  # noqa: E402
from nodes.trajectory_controller import quintic  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402
from trajectory_msgs.msg import JointTrajectory  # noqa: E402

from wla_ros.msg import ControlMode  # noqa: E402
from wla_ros.msg import ExecutorStatus  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.nodes.messages import duration_ns  # noqa: E402
from wla_ros.nodes.messages import stamp_ns  # noqa: E402
from wla_ros.nodes.messages import time_message  # noqa: E402
from wla_ros.robots.piper.limits import ACCELERATION_RAD_S2  # noqa: E402
from wla_ros.robots.piper.limits import VELOCITY_RAD_S  # noqa: E402
from wla_ros.srv import SetControlMode  # noqa: E402

ARMS = ('left', 'right')
# One finger travels half the opening.
POSITION = np.array([*REST[:6], REST[6] / 2.0])
PARAMETERS = {
    **PATIENT_EXECUTOR,
    'robot.driver_profile': 'ros2_control',
    'output': 'trajectory',
    # The probe and the node share two cores.
    'trajectory.lead_s': 0.1,
}


class ControllerProbe:
    """Two controllers and a joint_state_broadcaster inside the probe."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.rig = RigProbe(graph)
        self.messages: dict[str, list[Any]] = {arm: [] for arm in ARMS}
        self.controllers = {
            arm: TrajectoryController(self.names(arm), POSITION, self.rig.now_ns, blends=False)
            for arm in ARMS
        }
        for arm in ARMS:
            graph.probe.create_subscription(
                JointTrajectory,
                f'{arm}_arm_controller/joint_trajectory',
                lambda message, arm=arm: self._receive(arm, message),
                patient(qos.COMMAND),
            )
        self._states = graph.probe.create_publisher(JointState, 'joint_states', qos.SENSOR_OUTPUT)
        self._random = np.random.default_rng(0)
        graph.probe.create_timer(0.01, self._update)

    @staticmethod
    def names(arm: str) -> tuple[str, ...]:
        return tuple(f'{arm}_joint{i}' for i in range(1, 8))

    def engage(self) -> None:
        response = self.graph.call(
            SetControlMode, 'executor_node/set_mode', mode=ControlMode.AUTONOMY, reason='test'
        )
        assert response.success, response.message
        self.rig.wait_for_mode(ControlMode.AUTONOMY)

    def _receive(self, arm: str, message: Any) -> None:
        self.messages[arm].append(message)
        self.controllers[arm].receive(message, self.rig.now_ns)

    def _update(self) -> None:
        now_ns = self.rig.now_ns
        states = np.concatenate([each.update(now_ns)[0] for each in self.controllers.values()])
        states[[5, 12]] += 1e-6 * self._random.standard_normal(2)
        message = JointState(
            name=[name for arm in ARMS for name in self.names(arm)],
            position=states.tolist(),
            velocity=[0.0] * 14,
        )
        message.header.stamp = time_message(now_ns)
        self._states.publish(message)


def waypoints(message: Any) -> list[tuple[int, np.ndarray]]:
    """Return time and state [3, k] of every point."""
    start_ns = stamp_ns(message.header.stamp)
    return [
        (
            start_ns + duration_ns(point.time_from_start),
            np.array([point.positions, point.velocities, point.accelerations]),
        )
        for point in message.points
    ]


def sampled(way: list[tuple[int, np.ndarray]], time_ns: int) -> np.ndarray:
    """Return the state [3, k] that a controller commands on its way."""
    for first, second in zip(way, way[1:], strict=False):
        if first[0] <= time_ns < second[0]:
            return quintic(first, second, time_ns)[:3]
    assert time_ns >= way[-1][0]
    return way[-1][1]


def test_every_trajectory_continues_the_one_before_and_a_stop_ends_at_rest(graph: Graph) -> None:
    graph.start_active('executor_node', BIMANUAL, PARAMETERS)
    probe = ControllerProbe(graph)
    rig = probe.rig
    rig.wait_for_state(ExecutorStatus.HOLDING)
    probe.engage()
    for sequence in range(6):
        sent = len(probe.messages['left'])
        rig.send(rig.chunk(rig.moving_rows(0.3), sequence=sequence))
        graph.wait_until(lambda n=sent: len(probe.messages['left']) > n, 'a trajectory')
    rig.wait_for_state(ExecutorStatus.TRACKING)
    assert graph.call(Trigger, 'executor_node/estop').success
    rig.wait_for_state(ExecutorStatus.HOLDING)
    settled, ticks = rig.status.commands_published, rig.status.ticks
    graph.wait_until(lambda: rig.status.ticks > ticks + 100, 'a hundred ticks at rest')

    assert rig.status.commands_published <= settled + 1  # at rest there is nothing to say
    graph.wait_until(
        lambda: (
            len(probe.messages['left'])
            == len(probe.messages['right'])
            == rig.status.commands_published
        ),
        'every trajectory that was sent',
    )
    messages = probe.messages['left']
    stamps = [stamp_ns(message.header.stamp) for message in messages]
    assert stamps == sorted(set(stamps))
    assert [stamp_ns(m.header.stamp) for m in probe.messages['right']] == stamps
    way = [(0, np.array([POSITION, np.zeros(7), np.zeros(7)]))]
    for message in messages:
        start_ns, points = stamp_ns(message.header.stamp), waypoints(message)
        way = [(start_ns, sampled(way, start_ns)), *points]
        # What does not go on from there asks for more than the limits up to the first point.
        for time_ns in range(start_ns, points[0][0], 1_000_000):
            _, velocity, acceleration = sampled(way, time_ns)
            assert np.abs(velocity[:6]).max() <= 1.05 * VELOCITY_RAD_S
            assert np.abs(acceleration[:6]).max() <= 1.05 * ACCELERATION_RAD_S2
    end = np.array(messages[-1].points[-1].positions)
    assert 0.0 < end[0] - POSITION[0] < 0.5
    assert np.allclose(end[1:], POSITION[1:], atol=1e-3)
    status = rig.status
    assert status.mode == ControlMode.ESTOP
    assert status.commands_published == len(messages)
    assert status.ticks == (
        status.commands_published + status.commands_thinned + status.ticks_not_ready
    )


def test_a_driver_that_takes_no_trajectories_is_refused_at_start(graph: Graph) -> None:
    node = graph.start('executor_node', BIMANUAL, {'output': 'trajectory'})
    assert node.wait() == 2
    assert 'output: the driver of arm left takes no trajectories' in node.output()
