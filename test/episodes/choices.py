# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Choices of an evaluation in few words."""

from wla_ros.composition.run import load_run
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.run import EvaluationChoices


def choices(policy='expert', *, cameras=(), settings=None):
    """Return the choices of `policy` on stack_cup with the defaults of the nodes."""
    robot = {'driver_profile': 'piper_ros'}
    nodes = {
        'policy_node': {
            'robot': robot,
            'policy': {'name': policy},
            'cameras': {name: {'topic': name} for name in cameras},
        },
        'executor_node': {'robot': robot},
    }
    run = load_run(nodes, source='test')
    return EvaluationChoices(run=run, settings=settings or EpisodeSettings())
