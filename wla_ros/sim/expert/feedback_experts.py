# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The feedback experts by task, as entry points."""

from wla_ros.base import registry
from wla_ros.sim.expert.dispose_trash_law import DisposeTrashLaw
from wla_ros.sim.expert.feedback_expert import FeedbackExpert
from wla_ros.sim.expert.press_button_law import PressButtonLaw
from wla_ros.sim.expert.stack_cup_law import StackCupLaw


def stack_cup() -> FeedbackExpert:
    """Return the demonstrator of stack_cup."""
    return FeedbackExpert(StackCupLaw())


def dispose_trash() -> FeedbackExpert:
    """Return the demonstrator of dispose_trash."""
    return FeedbackExpert(DisposeTrashLaw())


def press_button() -> FeedbackExpert:
    """Return the demonstrator of press_button, and its expert."""
    return FeedbackExpert(PressButtonLaw())


def make_demonstrator(task: str, *, where: str = '') -> FeedbackExpert:
    """
    Return the expert that labels any state of `task`, which the parameter `where` names.

    Raises ConfigurationError naming the demonstrators there are.
    """
    expert: FeedbackExpert = registry.load(registry.DEMONSTRATORS, task, where=where)()
    return expert
