# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What docs/extending.md tells people to write works as it stands there, outside the package."""

import dataclasses
import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from wla_ros.base import registry
from wla_ros.base.config import ConfigurationError
from wla_ros.base.reasons import STRATEGY_MISMATCH
from wla_ros.cli.configuration import read_run
from wla_ros.cli.main import main
from wla_ros.composition.executor import ExecutorNodeConfiguration
from wla_ros.composition.executor import require_executor
from wla_ros.composition.policy import require_policy
from wla_ros.episodes.links import EpisodeSettings
from wla_ros.episodes.run import EvaluationChoices
from wla_ros.episodes.run import run_virtual
from wla_ros.inference.strategy import StrategyConfig
from wla_ros.nodes.parameter_file import resolve_parameter_file
from wla_ros.robots.encoding import encode_command
from wla_ros.robots.robot import RobotSection
from wla_ros.robots.robot import require_robot

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'extending.md'
QUICK = ['--episodes', '1', '--jobs', '1', '--cameras', '']


def blocks(title: str, language: str) -> list[str]:
    """Return the code of `language` in a section of the page."""
    section = (
        PAGE.read_text(encoding='utf-8').partition(f'\n## {title}\n')[2].partition('\n## ')[0]
    )
    found = re.findall(rf'^```{language}\n(.*?)^```', section, re.MULTILINE | re.DOTALL)
    assert found, title
    return found


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Return a function that puts the package of a section on the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(title):
        for code in blocks(title, 'python'):
            name = code.partition('\n')[0].removeprefix('# ')
            (tmp_path / name).write_text(code, encoding='utf-8')
            monkeypatch.delitem(sys.modules, name.removesuffix('.py'), raising=False)
        table = '\n'.join(blocks(title, 'toml'))
        table = re.sub(r'\[project\.entry-points\."(.+)"\]', r'[\1]', table).replace('"', '')
        metadata = tmp_path / 'mine-1.0.dist-info'
        metadata.mkdir()
        (metadata / 'METADATA').write_text('Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n')
        (metadata / 'entry_points.txt').write_text(table)
        registry._table.cache_clear()
        return tmp_path

    yield install
    registry._table.cache_clear()


def evaluated(capsys, *arguments):
    """Return exit code, JSON values and messages of `wla_ros evaluate`."""
    code = main(['evaluate', *QUICK, *arguments])
    printed = capsys.readouterr()
    last = printed.out.splitlines()[-1:] or ['{}']
    return code, json.loads(last[0]) if code != 2 else {}, printed.err


def test_a_policy_of_another_package_moves_the_arms(outside, capsys):
    outside('A policy')
    code, values, _ = evaluated(capsys, '--policy', 'sway', '--time-limit-s', '1')
    assert code == 0
    assert values['policy'] == 'sway'
    assert not values['sources'][0]['sums']['violated']


def test_its_parameters_are_those_of_its_own_file(outside, tmp_path, capsys):
    outside('A policy')
    shipped = read_run('bimanual', {})
    assert shipped.policy.policy.name == 'expert'
    file = tmp_path / 'mine.yaml'
    yaml = blocks('A policy', 'yaml')[0]
    robot = '    robot: {driver_profile: piper_ros}\n'
    file.write_text(f'{yaml}{robot}executor_node:\n  ros__parameters:\n{robot}')
    run = read_run(str(file), {})
    record = run_virtual(
        EvaluationChoices(run=run, settings=EpisodeSettings(time_limit_ns=2_600_000_000)),
        0,
        pictures=False,
    )
    swing_rad = np.ptp(record.arms[0].position[:, 0])
    assert 0.15 < swing_rad < 0.25  # 0.2 rad after half a period of 5 s
    code, _, said = evaluated(
        capsys,
        '--policy',
        'sway',
        '--policy.sway.amplitude_rad',
        '3',
        '--policy.sway.perod_s',
        '2',
    )
    assert code == 2
    assert 'policy.sway.amplitude_rad: 3.0 lies outside [0, 0.5] rad' in said
    assert "policy.sway.perod_s: unknown key (did you mean 'period_s', in s?)" in said


def test_a_package_that_breaks_is_named_by_whoever_asks_for_it_alone(outside, capsys):
    folder = outside('A policy')
    (folder / 'sway.py').write_text('import there_is_no_such_package\n')
    assert evaluated(capsys, '--policy', 'hold', '--time-limit-s', '0.5')[0] == 0
    code, _, said = evaluated(capsys, '--policy', 'sway')
    assert code == 2
    assert "policy.name: 'sway': No module named 'there_is_no_such_package'" in said


@pytest.mark.skipif(importlib.util.find_spec('torch') is None, reason='needs torch')
def test_a_checkpoint_is_evaluated_from_a_parameter_file(tmp_path, capsys):
    folder = tmp_path / 'tiny'
    assert main(['checkpoint', 'create', '--size', 'tiny', str(folder)]) == 0
    capsys.readouterr()
    text = resolve_parameter_file('bimanual').read_text(encoding='utf-8')
    settings = (
        f'name: wla\n      wla: {{checkpoint: {folder}, device: cpu, steps: 5, threads: 1}} #'
    )
    file = tmp_path / 'robot.yaml'
    file.write_text(text.replace('name: expert', settings), encoding='utf-8')
    given = ['--episodes', '1', '--jobs', '1', '--time-limit-s', '0.3', '--params', str(file)]
    given += ['--render', 'small', '--strategy', 'sync']
    assert main(['evaluate', *given]) == 0
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (values['policy'], values['render']) == ('wla', 'small')
    assert not values['sources'][0]['sums']['violated']
    few = ['--repeats', '1', '--warm-up', '0', '--steps', '5', '--tokens', '0']
    assert main(['checkpoint', 'measure', '--params', str(file), *few]) == 0
    assert main(['checkpoint', 'inspect', '--params', str(file)]) == 0


def test_a_name_that_nobody_registers_lists_those_there_are():
    with pytest.raises(
        ConfigurationError, match=r"there is no policy 'sway' \(one of expert.*hold.*wla"
    ):
        read_run('bimanual', {'policy.name': 'sway'})


def test_a_strategy_of_another_package_joins_the_chunks(outside, capsys):
    outside('A strategy')
    code, values, _ = evaluated(
        capsys, '--strategy', 'gentle', '--time-limit-s', '1', '--delay-ms', '100'
    )
    assert code == 0
    assert values['strategy'] == 'gentle'
    assert not values['sources'][0]['sums']['violated']
    joined = []
    for name in ('latest', 'gentle'):
        run = read_run('bimanual', {'strategy.name': name})
        settings = EpisodeSettings(time_limit_ns=1_000_000_000)
        record = run_virtual(EvaluationChoices(run=run, settings=settings), 0, pictures=False)
        joined.append(record.commands.position)
    assert not np.array_equal(*joined)


def test_an_executor_that_does_not_know_the_way_to_join_is_refused(outside):
    outside('A strategy')
    run = read_run('bimanual', {'policy.name': 'hold', 'strategy.name': 'gentle'})
    now_ns = 1_000_000_000
    for theirs, reason in (('gentle', None), ('auto', STRATEGY_MISMATCH)):
        session = require_policy(run.policy, source='test').make_session()
        strategy = StrategyConfig(name=theirs)
        configuration = dataclasses.replace(run.executor, strategy=strategy)
        executor = require_executor(configuration, source='test').make_executor()
        refusal = session.accept_plan(executor.execution_plan(now_ns), now_ns)
        assert (refusal and refusal.reason) == reason, theirs


def test_a_task_of_another_package_is_placed_and_judged(outside, capsys):
    outside('A task')
    code, values, _ = evaluated(
        capsys, '--task', 'keep_block', '--policy', 'hold', '--time-limit-s', '0.5'
    )
    assert code == 0
    assert values['task'] == 'keep_block'
    assert values['sources'][0]['successes'] == 1


@pytest.fixture
def profile(tmp_path):
    """Return the path of the profile of the page, and its text."""
    text = blocks('A driver', 'yaml')[0]
    path = tmp_path / text.partition('\n')[0].removeprefix('# ')
    path.write_text(text, encoding='utf-8')
    return path, text


def test_a_driver_is_a_file_anywhere(profile):
    path, _ = profile
    robot = RobotSection(driver_profile=str(path))
    parts = require_executor(ExecutorNodeConfiguration(robot=robot), source='test')
    assert parts.make_executor().snapshot(0).mode.mode.name == 'HOLD'
    arm = parts.robot.profile.arm('arm')
    sent = encode_command(arm, np.arange(7) * 0.01, np.zeros(7))
    assert len(sent.position) == 6


def test_an_arm_of_seven_joints_is_refused_by_name(profile):
    path, text = profile
    names = ', '.join(f'joint{i}' for i in range(1, 8))
    path.write_text(text.replace('mapping: index', f'joint_names: [{names}]'), encoding='utf-8')
    with pytest.raises(ConfigurationError, match='joint_names'):
        require_robot(RobotSection(driver_profile=str(path)), source='test')
