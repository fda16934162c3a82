# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Euler integration, its prefixes and its noise."""

import pytest

torch = pytest.importorskip('torch')

from wla_ros.policies.flow_sampler import CleanPrefix
from wla_ros.policies.flow_sampler import GuidedPrefix
from wla_ros.policies.flow_sampler import discrete_time
from wla_ros.policies.flow_sampler import draw_noise
from wla_ros.policies.flow_sampler import integrate

SHAPE = (2, 6, 3)
TARGET = torch.linspace(-1.0, 1.0, 18).reshape(6, 3)


def towards_target(x_t, time):
    """Return the velocity of the straight flow that ends in TARGET."""
    tau = time[:, -1:, None] / 1000.0
    return (TARGET - x_t) / (1.0 - tau)


@pytest.mark.parametrize('steps', [1, 4, 5, 10, 20])
def test_a_straight_flow_is_integrated_exactly(steps):
    """Steps that divide the buckets, so that discrete times are exact."""
    actions = integrate(towards_target, draw_noise(SHAPE, 0, 'cpu'), steps=steps, buckets=1000)
    torch.testing.assert_close(actions, TARGET.expand(SHAPE), rtol=1e-5, atol=1e-5)


def test_times_are_rounded_down_as_published():
    assert [discrete_time(step, 32, 1000) for step in (0, 1, 2, 31)] == [0, 31, 62, 968]
    assert [discrete_time(step, 10, 1000) for step in range(10)] == list(range(0, 1000, 100))


def test_the_network_sees_the_times_in_order():
    seen = []

    def velocity(x_t, time):
        assert torch.equal(time, time[:1, :1].expand_as(time))
        seen.append(int(time[0, 0]))
        return torch.zeros_like(x_t)

    integrate(velocity, torch.zeros(SHAPE), steps=4, buckets=1000)
    assert seen == [0, 250, 500, 750]


def test_integration_is_in_fp32_whatever_the_network_answers():
    actions = integrate(
        lambda x_t, _time: x_t.bfloat16(), torch.ones(SHAPE).bfloat16(), steps=3, buckets=1000
    )
    assert actions.dtype == torch.float32
    torch.testing.assert_close(actions, torch.full(SHAPE, (4 / 3) ** 3), rtol=1e-2, atol=0.0)


def test_clean_rows_come_back_unchanged_and_carry_the_time_of_data():
    prefix = torch.full((2, 3), 7.0)

    def velocity(x_t, time):
        assert torch.all(x_t[:, :2] == 7.0)
        assert torch.all(time[:, :2] == 1000)
        assert torch.all(time[:, 2:] < 1000)
        return towards_target(x_t, time)

    noise = draw_noise(SHAPE, 1, 'cpu')
    actions = integrate(velocity, noise, steps=5, buckets=1000, prefix=CleanPrefix(rows=prefix))
    assert torch.all(actions[:, :2] == 7.0)
    torch.testing.assert_close(actions[:, 2:], TARGET[2:].expand(2, -1, -1))


def test_an_empty_clean_prefix_changes_nothing():
    noise = draw_noise(SHAPE, 1, 'cpu')
    empty = CleanPrefix(rows=torch.zeros(0, 3))
    plain = integrate(towards_target, noise, steps=5, buckets=1000)
    assert torch.equal(
        integrate(towards_target, noise, steps=5, buckets=1000, prefix=empty), plain
    )


def test_guidance_pulls_rows_by_their_weight_and_leaves_free_rows_alone():
    wanted = torch.full((6, 3), 3.0)
    wanted[4:] = float('nan')  # a free row may hold anything
    weights = torch.tensor([1.0, 1.0, 0.5, 0.1, 0.0, 0.0])
    noise = draw_noise(SHAPE, 2, 'cpu')
    prefix = GuidedPrefix(rows=wanted, weights=weights)
    guided = integrate(towards_target, noise, steps=10, buckets=1000, prefix=prefix)
    plain = integrate(towards_target, noise, steps=10, buckets=1000)
    assert torch.equal(guided[:, 4:], plain[:, 4:])
    distance = (guided - 3.0).abs().mean((0, 2))[:4] / (plain - 3.0).abs().mean((0, 2))[:4]
    # This flow forgets all but the last step, whose weight is beta / steps.
    torch.testing.assert_close(distance, 1.0 - weights[:4] * 5.0 / 10.0)


def test_one_step_of_full_weight_lands_on_the_prefix():
    """With beta = steps = 1 the estimate of the clean rows is moved by its whole error."""
    prefix = GuidedPrefix(rows=torch.full((6, 3), 3.0), weights=torch.ones(6), max_weight=1.0)
    noise = draw_noise(SHAPE, 2, 'cpu')
    actions = integrate(towards_target, noise, steps=1, buckets=1000, prefix=prefix)
    torch.testing.assert_close(actions, torch.full(SHAPE, 3.0))


@pytest.mark.parametrize(
    ('prefix', 'steps', 'message'),
    [
        (GuidedPrefix(rows=TARGET, weights=torch.ones(6), max_weight=6.0), 5, 'overshoots'),
        (GuidedPrefix(rows=TARGET, weights=torch.ones(6), max_weight=float('nan')), 5, 'over'),
        (GuidedPrefix(rows=TARGET[:5], weights=torch.ones(5)), 5, 'does not fit'),
        (CleanPrefix(rows=torch.zeros(7, 3)), 5, 'does not fit'),
        (CleanPrefix(rows=torch.zeros(2, 4)), 5, 'does not fit'),
        (None, 0, 'at least 1'),
    ],
)
def test_impossible_requests_are_refused(prefix, steps, message):
    with pytest.raises(ValueError, match=message):
        integrate(towards_target, torch.zeros(SHAPE), steps=steps, buckets=1000, prefix=prefix)


def test_noise_follows_from_the_seed():
    assert torch.equal(draw_noise(SHAPE, 5, 'cpu'), draw_noise(SHAPE, 5, 'cpu'))
    assert not torch.equal(draw_noise(SHAPE, 5, 'cpu'), draw_noise(SHAPE, 6, 'cpu'))


def test_the_true_jacobian_pulls_through_the_network():
    """x_1 = A x_t for a linear flow, so that the pull on x_t is A^T W (Y - x_1)."""
    mixing = torch.tensor([[0.5, 0.25, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    wanted, weights = torch.full((6, 3), 3.0), torch.tensor([1.0, 0.5, 0.0, 0.0, 0.0, 0.0])
    prefix = GuidedPrefix(rows=wanted, weights=weights, max_weight=1.0, jacobian=True)
    noise = draw_noise(SHAPE, 2, 'cpu')
    with torch.no_grad():
        actions = integrate(
            lambda x_t, _time: x_t @ mixing - x_t, noise, steps=1, buckets=1000, prefix=prefix
        )
    x_1 = noise @ mixing
    pull = (weights[:, None] * (wanted - x_1)) @ mixing.T
    torch.testing.assert_close(actions, x_1 + pull)


@pytest.mark.parametrize('jacobian', [False, True])
def test_columns_without_a_meaning_are_not_guided(jacobian):
    prefix = GuidedPrefix(
        rows=torch.full((6, 3), 3.0), weights=torch.ones(6), columns=2, jacobian=jacobian
    )
    noise = draw_noise(SHAPE, 2, 'cpu')
    with torch.no_grad():
        free = integrate(towards_target, noise, steps=5, buckets=1000)
        guided = integrate(towards_target, noise, steps=5, buckets=1000, prefix=prefix)
    torch.testing.assert_close(guided[..., 2], free[..., 2])
    assert (guided[..., :2] - free[..., :2]).abs().min() > 0.0


def test_the_true_jacobian_needs_gradients():
    prefix = GuidedPrefix(rows=TARGET, weights=torch.ones(6), jacobian=True)
    with torch.inference_mode(), pytest.raises(ValueError, match='no_grad'):
        integrate(towards_target, torch.zeros(SHAPE), steps=5, buckets=1000, prefix=prefix)
