# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Frames are computed once, by identity; the features are those of computing everything."""

import pytest

torch = pytest.importorskip('torch')

from policies.wla.golden_data import relative_error
from policies.wla.small_checkpoint import small_config
from policies.wla.small_policy import frame
from policies.wla.small_policy import small_model

from wla_ros.base.timing import StageClock
from wla_ros.policies.wla.cameras import Picture
from wla_ros.policies.wla.cameras import Pictures
from wla_ros.policies.wla.prompt_plan import ImageGrid
from wla_ros.policies.wla.prompt_plan import ImageOrder
from wla_ros.policies.wla.sight import Sight

SIDE = 64


class Counting:
    """A network that counts the images it is shown."""

    def __init__(self):
        self._model = small_model(small_config())
        self.shown = []

    def __getattr__(self, name):
        return getattr(self._model, name)

    def see(self, pixels, grids):
        self.shown.append(len(grids))
        return self._model.see(pixels, grids)


def pictures(*frames, side=SIDE):
    grids = (ImageGrid(side // 16, side // 16),) * len(frames)
    return Pictures(tuple(Picture(item, side) for item in frames), ImageOrder(grids, 0))


@pytest.fixture
def network():
    return Counting()


@torch.inference_mode()
def see(sight, network, shown):
    return sight.see(network, shown, StageClock(now_ns=lambda: 0))


def test_a_frame_that_was_seen_is_not_computed_again(network):
    sight = Sight()
    first, second, third = (frame('head', stamp) for stamp in range(3))
    see(sight, network, pictures(first, second))
    again = see(sight, network, pictures(second, third, first))
    see(sight, network, pictures(third, second))
    assert network.shown == [2, 1]
    whole = see(Sight(), network, pictures(second, third, first))
    assert again.grids == whole.grids
    assert relative_error(again.tokens, whole.tokens) < 1e-5
    assert relative_error(again.deepstack[0], whole.deepstack[0]) < 1e-5


def test_the_same_stamp_with_other_pixels_is_another_frame(network):
    sight = Sight()
    dark, bright = frame('head', 0, shade=0), frame('head', 0, shade=255)
    one = see(sight, network, pictures(dark))
    other = see(sight, network, pictures(bright))
    assert network.shown == [1, 1]
    assert relative_error(one.tokens, other.tokens) > 1e-2


def test_another_size_is_computed_for_itself(network):
    sight, shown = Sight(), frame('head', 0)
    see(sight, network, pictures(shown))
    see(sight, network, pictures(shown, side=2 * SIDE))
    assert network.shown == [1, 1]


def test_old_frames_and_those_of_another_episode_are_forgotten(network):
    sight = Sight()
    frames = [frame('head', stamp) for stamp in range(20)]
    for item in frames:
        see(sight, network, pictures(frames[0], item))
    assert len(sight._seen) == 16
    assert len(network.shown) == 20  # the first one is used all the time and stays
    sight.forget()
    see(sight, network, pictures(frames[0]))
    assert network.shown[-1] == 1
    assert len(network.shown) == 21


def test_the_same_frame_twice_is_computed_once(network):
    shown = frame('head', 0)
    features = see(Sight(), network, pictures(shown, shown))
    assert network.shown == [1]
    assert len(features.grids) == 2
