"""What the doctor makes of what it heard."""

import numpy as np
import pytest

pytest.importorskip('rclpy')

from wla_ros.cli.graph_check import check_graph
from wla_ros.cli.software_check import Level
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.synchronisation import CameraSync
from wla_ros.core.synchronisation import SynchronisationConfig
from wla_ros.robots.piper.arm_status import decode_arm_status
from wla_ros.robots.piper.limits import piper_limits
from wla_ros.ros.graph_probe import GraphRecord
from wla_ros.ros.graph_probe import StreamRecord

LAYOUT = JointLayout(arms=('left',))
POSE = np.array([0.1, 0.5, -0.6, 0.0, 0.7, 0.0, 0.05])


def stream(rate_hz, *, age_s=0.002, publishers=1, count=50):
    record = StreamRecord('a_topic', publishers=publishers)
    for index in range(count):
        stamp = 10**18 + round(index * 1e9 / rate_hz)
        record.take(stamp, stamp + round(age_s * 1e9))
    return record


def joints(**changes):
    record = stream(changes.pop('rate_hz', 200.0), **changes)
    record.positions = [POSE for _ in record.stamps_ns]
    return record


def camera(**changes):
    record = stream(changes.pop('rate_hz', 30.0), **changes)
    record.pixels = np.full((480, 640, 3), 90, np.uint8)
    record.encoding = 'rgb8'
    return record


def status(arm_status=0):
    return decode_arm_status(
        arm='left',
        ctrl_mode=1,
        arm_status=arm_status,
        mode_feedback=1,
        teach_status=0,
        motion_status=0,
        err_code=0,
        angle_limit=(False,) * 6,
        communication_error=(False,) * 6,
    )


def problems(*, joint=None, image=None, condition=None, commanders=1):
    found = GraphRecord(
        joints={'left': joint or joints()},
        cameras={'head': image or camera()},
        conditions={'left': condition or status()},
        command_publishers={'left': commanders},
        nodes=('policy_node',),
    )
    synchronisation = SynchronisationConfig(cameras={'head': CameraSync(rate_hz=30.0)})
    results = check_graph(found, LAYOUT, piper_limits(LAYOUT), synchronisation)
    return [result for result in results if result.level is Level.PROBLEM]


def test_a_healthy_robot_has_no_problems():
    assert problems() == []


@pytest.mark.parametrize(
    ('changes', 'subject'),
    [
        ({'joint': joints(rate_hz=40.0)}, 'left joints'),
        ({'joint': joints(age_s=3600.0)}, 'left joints'),
        ({'joint': joints(publishers=2)}, 'left joints'),
        ({'joint': StreamRecord('joint_states_left')}, 'left joints'),
        ({'image': camera(rate_hz=12.0)}, 'camera head'),
        ({'image': camera(age_s=-5.0)}, 'camera head'),
        ({'image': StreamRecord('camera/head/image_raw', publishers=1)}, 'camera head'),
        ({'condition': status(arm_status=7)}, 'left status'),
        ({'commanders': 2}, 'left commands'),
    ],
)
def test_each_fault_is_a_problem_with_a_remedy(changes, subject):
    (problem,) = problems(**changes)
    assert problem.subject == subject
    assert problem.remedy


def test_degrees_are_called_degrees():
    record = joints()
    record.positions = [np.degrees(POSE) for _ in record.stamps_ns]
    assert any('degrees' in problem.remedy for problem in problems(joint=record))


def test_a_black_picture_is_a_problem():
    record = camera()
    record.pixels = np.zeros((480, 640, 3), np.uint8)
    (problem,) = problems(image=record)
    assert 'black' in problem.fact
