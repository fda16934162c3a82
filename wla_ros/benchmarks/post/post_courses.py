# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where post and goals of many episodes of pass_post are, step by step; the same as in the rig."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wla_ros.base.types import FloatArray
from wla_ros.benchmarks.post.pass_post import POST
from wla_ros.benchmarks.post.pass_post import PassPost
from wla_ros.benchmarks.post.post_law import Scene
from wla_ros.sim.tasks.task_options import PostOptions

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PostCourses:
    """e episodes of t steps with n goals each, seen from above."""

    post: FloatArray  # [e, 2] [m]
    goals: FloatArray  # [e, t, n, 2] [m]
    drifts: FloatArray  # [e, t, n, 2] their velocities [m/s]

    @property
    def passes(self) -> int:
        """The number n of goals."""
        return int(self.goals.shape[2])

    def scene(self, episode: Integers, step: Integers | int, goal: Integers) -> Scene:
        """Return what tools see in `episode` [m] at `step` that are on their way to `goal` [m]."""
        after = np.minimum(goal + 1, self.passes - 1)
        return Scene(
            post=self.post[episode],
            goal=self.goals[episode, step, goal],
            drift=self.drifts[episode, step, goal],
            next_goal=self.goals[episode, step, after],
            next_drift=self.drifts[episode, step, after],
        )


def post_courses(
    options: PostOptions, *, first_seed: int, episodes: int, steps: int, dt_ns: int
) -> PostCourses:
    """Return the courses of `episodes` seeds from `first_seed` on."""
    task = PassPost(options)
    post = np.empty((episodes, 2))
    goals, drifts = np.empty((2, episodes, steps, options.passes, 2))
    for episode in range(episodes):
        course = task.course(first_seed + episode)
        post[episode] = course.drive(0)[POST].pose[:2]
        for step in range(steps):
            goals[episode, step], drifts[episode, step] = course.goals_at(step * dt_ns)
    return PostCourses(post=post, goals=goals, drifts=drifts)
