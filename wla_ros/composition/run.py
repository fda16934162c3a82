# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What one parameter file says of a run without nodes: policy, executor and simulated rig."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.config import load_configuration
from wla_ros.composition.executor import ExecutorNodeConfiguration
from wla_ros.composition.policy import PolicyNodeConfiguration
from wla_ros.sim.config import RigConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfiguration:
    """The sections of the nodes whose parts run."""

    policy: PolicyNodeConfiguration
    executor: ExecutorNodeConfiguration
    rig: RigConfig


def load_run(sections: Mapping[str, Mapping[str, Any]], *, source: str) -> RunConfiguration:
    """
    Return the nested parameters by name of the node as configurations.

    A file for a real robot has no sim_node: the rig then is the default one. Raises
    ConfigurationError naming `source` with the problems of all sections.
    """
    problems: list[Problem] = []

    def loaded(kind: type[Any], node: str, values: Mapping[str, Any]) -> Any:
        try:
            return load_configuration(kind, values, source=source)
        except ConfigurationError as error:
            problems.extend(
                Problem(where=f'{node}: {item.where}', what=item.what, remedy=item.remedy)
                for item in error.problems
            )
            return None

    policy = loaded(PolicyNodeConfiguration, 'policy_node', sections.get('policy_node', {}))
    executor = loaded(
        ExecutorNodeConfiguration, 'executor_node', sections.get('executor_node', {})
    )
    rig = {'task': 'stack_cup', **sections.get('sim_node', {}).get('rig', {})}
    configuration = RunConfiguration(
        policy=policy, executor=executor, rig=loaded(RigConfig, 'sim_node: rig', rig)
    )
    if problems:
        raise ConfigurationError(source, tuple(problems))
    return configuration
