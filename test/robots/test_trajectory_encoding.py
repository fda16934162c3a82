"""A planned motion becomes points of a controller, all of it or none."""

import numpy as np
import pytest
from robots import drivers

from wla_ros.base.types import Refusal
from wla_ros.robots.encoding import EncodedTrajectory
from wla_ros.robots.encoding import encode_command
from wla_ros.robots.encoding import encode_trajectory

ARM = drivers.profile('ros2_control').arm('left')
POSITION = np.array(
    [[0.1, 1.2, -0.9, 0.4, -0.5, 0.6, 0.05], [0.2, 1.1, -0.8, 0.3, -0.4, 0.5, 0.04]]
)
RATES = np.arange(14.0).reshape(2, 7) / 10.0


def test_points_are_encoded_as_single_commands_are_with_their_rates() -> None:
    encoded = encode_trajectory(ARM, POSITION, RATES, -RATES)
    assert isinstance(encoded, EncodedTrajectory)
    assert encoded.names == tuple(f'left_joint{i}' for i in range(1, 8))
    for row, position in zip(encoded.position, POSITION, strict=True):
        single = encode_command(ARM, position)
        assert not isinstance(single, Refusal)
        assert np.allclose(row, single.position)
    half = np.array([1.0] * 6 + [0.5])  # joint7 is the travel of one finger
    assert np.allclose(encoded.velocity, RATES * half)
    assert np.allclose(encoded.acceleration, -RATES * half)


def test_a_gripper_beyond_its_range_is_clamped_and_rests_there() -> None:
    position = POSITION.copy()
    position[:, -1] = -0.01, 0.2
    encoded = encode_trajectory(ARM, position, RATES, RATES)
    assert isinstance(encoded, EncodedTrajectory)
    assert np.allclose(encoded.position[:, -1], [0.0, 0.035])
    assert not encoded.velocity[:, -1].any()
    assert not encoded.acceleration[:, -1].any()


@pytest.mark.parametrize('field', [0, 1, 2])
@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_one_number_that_is_not_finite_refuses_all_points(field: int, value: float) -> None:
    fields = [POSITION.copy(), RATES.copy(), RATES.copy()]
    fields[field][1, 3] = value
    refusal = encode_trajectory(ARM, *fields)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'non_finite_command'
    assert 'left/joint4 in point 1' in refusal.detail


def test_implausible_angles_and_wrong_shapes_are_refused() -> None:
    far = POSITION.copy()
    far[0, 2] = 45.0
    refusal = encode_trajectory(ARM, far, RATES, RATES)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == 'implausible_command'
    for wrong in ((POSITION, RATES[:1], RATES), (POSITION[:0], RATES[:0], RATES[:0])):
        refusal = encode_trajectory(ARM, *wrong)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == 'malformed_command'
