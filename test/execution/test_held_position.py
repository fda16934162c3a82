# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""When the place where arms are held gives way to where they are."""

import numpy as np
import pytest
from execution.arms import LAYOUT
from execution.arms import MS
from execution.arms import REST
from execution.arms import START_NS
from execution.arms import WIDTH

from wla_ros.execution.command import HeldPosition
from wla_ros.execution.config import DeviationConfig
from wla_ros.execution.supervision import DeviationMonitor

CONFIG = DeviationConfig(max_deviation_rad=0.5, resume_reseed_rad=0.1, settle_s=0.25)
ANSWER_NS = 50 * MS
SETTLED_NS = 300 * MS  # settle_s and the answer
LEFT_JOINTS, LEFT_GRIPPER = list(range(6)), 6
BOTH = set(LAYOUT.arms)


class Hold:
    """Arms held at REST since START_NS, of which the left one is measured elsewhere."""

    def __init__(self) -> None:
        self.monitor = DeviationMonitor(CONFIG, LAYOUT)
        self.held = HeldPosition(CONFIG, LAYOUT, ANSWER_NS)
        self.held.take(REST, START_NS)
        self.now_ns = START_NS

    def measure(self, off_rad: float, *, for_ns: int = SETTLED_NS) -> np.ndarray:
        """Let the left arm be `off_rad` from the held position over `for_ns`, as measured."""
        measured = REST.copy()
        measured[: LEFT_GRIPPER + 1] += off_rad
        for stamp_ns in (self.now_ns, self.now_ns + for_ns):
            stamps = dict.fromkeys(LAYOUT.arms, stamp_ns)
            self.monitor.update(stamp_ns, self.held.position, measured, stamps)
        self.now_ns += for_ns
        return measured

    def follow(self, measured: np.ndarray, **arms: set[str]) -> tuple[str, ...]:
        nobody = {'faulty': set(), 'released': set(), 'silent': set(), 'steady': BOTH}
        return self.held.follow(self.monitor, measured, self.now_ns, **{**nobody, **arms})

    def at_rest_place(self) -> bool:
        return np.array_equal(self.held.position, REST)


def test_a_lasting_deviation_moves_the_joints_of_its_arm_and_no_gripper() -> None:
    hold = Hold()
    measured = hold.measure(0.2)
    before = hold.held.position
    assert hold.follow(measured) == ()
    np.testing.assert_array_equal(hold.held.position[LEFT_JOINTS], measured[LEFT_JOINTS])
    np.testing.assert_array_equal(hold.held.position[LEFT_GRIPPER:], REST[LEFT_GRIPPER:])
    np.testing.assert_array_equal(before, REST)  # what others hold is not written to


@pytest.mark.parametrize(('off_rad', 'moved'), [(0.0999, False), (0.11, True), (-0.11, True)])
def test_sag_moves_nothing(off_rad: float, moved: bool) -> None:
    hold = Hold()
    measured = hold.measure(off_rad)
    measured[1:7] = REST[1:7]
    hold.follow(measured)
    assert hold.at_rest_place() != moved


@pytest.mark.parametrize(('lasting_ns', 'moved'), [(SETTLED_NS, True), (SETTLED_NS - 1, False)])
def test_a_deviation_counts_when_it_has_lasted_as_long_as_arms_take_to_settle(
    lasting_ns: int, moved: bool
) -> None:
    hold = Hold()
    hold.held.rests_since(START_NS - SETTLED_NS)
    hold.follow(hold.measure(0.2, for_ns=lasting_ns))
    assert hold.at_rest_place() != moved


@pytest.mark.parametrize(('since_ns', 'moved'), [(START_NS, True), (START_NS + 1, False)])
def test_arms_that_have_just_come_to_rest_are_given_time(since_ns: int, moved: bool) -> None:
    hold = Hold()
    hold.held.rests_since(since_ns)
    hold.follow(hold.measure(0.2))
    assert hold.at_rest_place() != moved


def second_deviation(off_rad: float, **arms: set[str]) -> bool:
    """Return whether a second deviation in the same hold is taken over."""
    hold = Hold()
    hold.follow(hold.measure(0.2))
    first = hold.held.position.copy()
    measured = REST.copy()
    measured[LEFT_JOINTS] = first[LEFT_JOINTS] + off_rad
    for _ in range(2):
        hold.now_ns += SETTLED_NS
        stamps = dict.fromkeys(LAYOUT.arms, hold.now_ns)
        hold.monitor.update(hold.now_ns, first, measured, stamps)
    hold.follow(measured, **arms)
    return not np.array_equal(hold.held.position, first)


def test_a_sound_arm_is_taken_over_once_per_hold() -> None:
    """Taking over what gravity does each time would let the arm sink."""
    assert not second_deviation(0.2)
    assert not second_deviation(0.2, faulty={'right'})


def test_a_faulty_arm_and_one_that_is_far_are_taken_over_as_often_as_needed() -> None:
    assert second_deviation(0.2, faulty={'left'})
    assert second_deviation(0.6)


@pytest.mark.parametrize('end', ['release', 'interrupt'])
def test_motion_ends_a_hold_and_an_interruption_does_not(end: str) -> None:
    hold = Hold()
    hold.follow(hold.measure(0.2))
    getattr(hold.held, end)()
    assert hold.held.position is None
    hold.held.take(REST, hold.now_ns)
    hold.monitor.reset()
    hold.follow(hold.measure(0.2))
    assert hold.at_rest_place() == (end == 'interrupt')


def test_while_the_arms_move_nothing_is_taken_over() -> None:
    hold = Hold()
    measured = hold.measure(0.2)
    hold.held.release()
    assert hold.follow(measured, silent=BOTH) == ()
    assert hold.held.position is None


@pytest.mark.parametrize('arms', [{}, {'silent': {'left'}}, {'released': {'left'}}])
def test_an_arm_whose_samples_do_not_agree_moves_nothing(arms: dict[str, set[str]]) -> None:
    hold = Hold()
    assert hold.follow(hold.measure(0.2), steady={'right'}, **arms) == ()
    assert hold.at_rest_place()


def test_an_arm_that_is_moved_by_hand_has_its_command_where_it_is_at_once() -> None:
    hold = Hold()
    measured = hold.measure(0.101, for_ns=0)
    assert hold.follow(measured, released={'left'}) == ('left',)
    np.testing.assert_array_equal(hold.held.position[LEFT_JOINTS], measured[LEFT_JOINTS])
    near = Hold()
    assert near.follow(near.measure(0.1 - 1e-9, for_ns=0), released={'left'}) == ()
    assert near.at_rest_place()


def test_an_arm_that_was_sent_nothing_begins_where_it_is_however_near() -> None:
    hold = Hold()
    measured = hold.measure(0.001, for_ns=0)
    assert hold.follow(measured, silent={'left'}) == ('left',)
    np.testing.assert_array_equal(hold.held.position[LEFT_JOINTS], measured[LEFT_JOINTS])


@pytest.mark.parametrize('steady', [BOTH, {'right'}])
def test_one_arm_does_not_wait_for_the_other(steady: set[str]) -> None:
    hold = Hold()
    measured = np.array(REST)
    measured[7:13] += 0.2
    for stamp_ns in (START_NS, START_NS + SETTLED_NS):
        hold.monitor.update(stamp_ns, REST, measured, dict.fromkeys(LAYOUT.arms, stamp_ns))
    hold.now_ns += SETTLED_NS
    assert hold.follow(measured, steady=steady) == ()
    np.testing.assert_array_equal(hold.held.position[7:13], measured[7:13])
    assert len(hold.held.position) == WIDTH
