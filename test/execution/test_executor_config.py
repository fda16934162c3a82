# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Parameters of the executor fail at load, with all mismatches."""

import pytest
from execution.arms import HOME
from execution.arms import LAYOUT
from execution.arms import LIMITS

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import describe
from wla_ros.base.config import load_configuration
from wla_ros.execution.config import ArmExecution
from wla_ros.execution.config import ExecutorConfig
from wla_ros.execution.executor import ChunkExecutor


def load(values: dict[str, object]) -> ExecutorConfig:
    return load_configuration(ExecutorConfig, values, source='executor.yaml')


def test_an_empty_file_gives_the_defaults() -> None:
    assert load({}) == ExecutorConfig()


def test_nested_values_are_read() -> None:
    config = load(
        {
            'rate_hz': 100,
            'arms': {'left': {'action_latency_s': 0.05, 'home_rad': list(HOME)}},
            'feedback': {'max_age_s': 0.2},
        }
    )
    assert config.period_ns == 10_000_000
    assert config.arm('left').home_rad == HOME
    assert config.arm('right') == ArmExecution()
    assert config.feedback.max_age_s == 0.2


def test_all_mistakes_are_listed() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(
            {
                'bridge': {'min_s': 0.5, 'max_s': 0.1},
                'arms': {'left': {'action_latency_ms': 50, 'home_rad': [0.0, 1.0]}},
                'gate': {'max_start_deviation': 0.2},
                'deviation': {'max_deviation_rad': 0.08, 'resume_reseed_rad': 0.1},
            }
        )
    text = str(caught.value)
    for word in (
        'action_latency_s',
        'max_start_deviation_rad',
        'in rad',
        'bridge.min_s',
    ):
        assert word in text


@pytest.mark.parametrize(
    ('values', 'word'),
    [
        ({'arms': {'left': {'home_rad': [0.0] * 5}}}, 'six|6'),
        ({'deviation': {'max_deviation_rad': 0.08}}, 'resume_reseed_rad'),
        ({'gate': {'min_dt_s': 0.5, 'max_dt_s': 0.1}}, 'min_dt_s'),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    values: dict[str, object], word: str
) -> None:
    with pytest.raises(ConfigurationError, match=word):
        load(values)


def test_what_does_not_fit_the_robot_is_refused_at_construction() -> None:
    config = ExecutorConfig(
        arms={
            'middle': ArmExecution(),
            'left': ArmExecution(home_rad=(0.0, -0.5, 0.5, 0.0, 0.0, 0.0)),
        }
    )
    with pytest.raises(ConfigurationError) as caught:
        ChunkExecutor(config, LAYOUT, LIMITS)
    assert len(caught.value.problems) == 3


def test_latencies_are_per_arm_and_per_gripper() -> None:
    config = ExecutorConfig(
        arms={'right': ArmExecution(action_latency_s=0.1, gripper_latency_s=0.2)}
    )
    assert config.latencies_s(LAYOUT).tolist() == [0.0] * 7 + [0.1] * 6 + [0.2]


def test_every_parameter_is_described() -> None:
    rows = list(describe(ExecutorConfig))
    assert len(rows) > 20
    assert all(row.description for row in rows)
