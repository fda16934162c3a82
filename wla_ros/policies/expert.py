# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policy `expert`: the scripted expert of a task, which needs the object poses of the rig."""

from dataclasses import dataclass

from wla_ros.base.config import parameter
from wla_ros.base.types import Policy
from wla_ros.policies.adapters import PolicyWithCameras
from wla_ros.policies.registry import PolicyContext
from wla_ros.policies.registry import PolicyEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertSettings:
    """The scripted expert; simulation only."""

    task: str = parameter('task of the simulated rig', default='stack_cup')
    by: str = parameter(
        'how it goes about it: plan (from rest to rest) or feedback (a law that says what to do '
        'in any state, as demonstrations need it)',
        choices=('plan', 'feedback'),
        default='plan',
    )


def _make(settings: ExpertSettings, context: PolicyContext) -> Policy:
    from wla_ros.sim.expert.feedback_experts import make_demonstrator
    from wla_ros.sim.expert.plan import make_expert

    # The expert looks at nothing; with cameras it runs the pipeline of a policy that does.
    make = make_demonstrator if settings.by == 'feedback' else make_expert
    expert = make(settings.task, where='policy.expert.task')
    return PolicyWithCameras(expert, context.cameras)


EXPERT = PolicyEntry(settings=ExpertSettings, make=_make, looks=False)
