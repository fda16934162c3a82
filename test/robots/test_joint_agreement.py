# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A sudden change is believed when enough samples in a row agree on it, and no sooner."""

import dataclasses

import numpy as np
import pytest

from wla_ros.base.types import JointSample
from wla_ros.base.types import Refusal
from wla_ros.robots.joint_agreement import Continuity
from wla_ros.robots.joint_agreement import JointAgreement

MS = 1_000_000


def at(angle: float, time_ms: int) -> JointSample:
    position = np.full(7, angle)
    return JointSample(
        arm='left',
        stamp_ns=time_ms * MS,
        receive_ns=time_ms * MS,
        position=position,
        velocity=np.zeros(7),
        effort=np.zeros(7),
    )


def verdicts(needed: int, story: list[tuple[float, int]]) -> list[str]:
    """Return '.', 'x' or '!' for continues, refused and changed; what is believed follows."""
    agreement = JointAgreement(samples=needed, max_speed_rad_s=20.0)
    believed, found = at(0.0, 0), []
    for angle, time_ms in story:
        sample = at(angle, time_ms)
        verdict = agreement.judge(believed, sample)
        if isinstance(verdict, Refusal):
            found.append('x')
            continue
        found.append('.' if verdict is Continuity.CONTINUES else '!')
        believed = sample
    return found


@pytest.mark.parametrize(
    ('needed', 'angles', 'expected'),
    [
        (2, (0.0, 1.0, 0.0, 1.0, 0.0), '.x.x.'),  # alternating sources: the first one stays
        (2, (1.0, 1.0, 1.0), 'x!.'),
        (3, (1.0, 1.0, 1.0, 1.0), 'xx!.'),
        (3, (1.0, 1.0, 0.0, 1.0, 1.0, 1.0), 'xx.xx!'),
        (3, (1.0, 2.0, 1.0, 2.0, 2.0, 2.0), 'xxxxx!'),  # what disagrees is no second opinion
        (2, (0.1, 0.2, 0.3), '...'),
    ],
)
def test_a_change_needs_samples_that_agree(
    needed: int, angles: tuple[float, ...], expected: str
) -> None:
    story = [(angle, 5 * (i + 1)) for i, angle in enumerate(angles)]
    assert ''.join(verdicts(needed, story)) == expected


def test_the_same_message_again_is_no_second_opinion() -> None:
    """A driver publishes one CAN stamp twice now and then."""
    assert verdicts(2, [(1.0, 5), (1.0, 5), (1.0, 4), (0.0, 10)]) == ['x', 'x', 'x', '.']


def test_without_anything_believed_the_first_sample_is() -> None:
    agreement = JointAgreement(samples=2, max_speed_rad_s=20.0)
    wrong = at(1.0, 5)
    assert isinstance(agreement.judge(at(0.0, 0), wrong), Refusal)
    assert agreement.judge(None, wrong) is Continuity.CONTINUES
    later = dataclasses.replace(wrong, stamp_ns=10 * MS)
    assert isinstance(agreement.judge(at(0.0, 0), later), Refusal)  # the suspect was forgotten
