# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What cannot be evaluated is said before anything runs, and nothing that ran is lost."""

import json
import pickle

import pytest

from wla_ros.base.config import ConfigurationError
from wla_ros.cli.main import main
from wla_ros.episodes.run import results_of
from wla_ros.nodes.parameter_file import resolve_parameter_file

QUICK = ['--episodes', '1', '--jobs', '1', '--time-limit-s', '0.5', '--cameras', '']


@pytest.mark.parametrize(
    ('arguments', 'what'),
    [
        (['--strategy', 'rtx'], "'rtx' is no strategy; there are sync, latest"),
        (['--strategy', 'sync+rtc'], 'contradicts itself'),
        (['--strategy', 'rtc'], 'policy expert cannot be guided'),
        (['--strategy', 'sync', '--rows', '500'], '500 rows are executed of chunks that have 32'),
        (['--task', 'fold', '--cameras', 'head,chest'], "--task: 'fold' is unknown"),
        (['--task', 'fold', '--cameras', 'head,chest'], "--cameras: 'chest' is unknown"),
        (['--driver-profile', 'pipper'], "no profile 'pipper'"),
        (['--policy', 'replay'], 'policy.replay.bag: is empty'),
        (['--policy', 'mine'], "policy.name: there is no policy 'mine' (one of expert"),
        (['--policy.wla.chekpoint', 'x'], "did you mean 'checkpoint'"),
        (['--polcy.name', 'x'], "'polcy' is unknown"),
    ],
)
def test_choices_that_do_not_fit_are_named(arguments, what, capsys):
    assert main(['evaluate', *arguments]) == 2
    captured = capsys.readouterr()
    assert what in captured.err
    assert 'virtual' not in captured.err  # no bar of a run that never began


@pytest.mark.parametrize(
    ('arguments', 'what'),
    [
        (['--rows', '-1'], '-1 lies below 0'),
        (['--seed', '-5'], '-5 lies below 0'),
        (['--latency-ms', '-5'], '-5 lies outside 0 .. 60000'),
        (['--jitter-ms', 'nan'], 'nan lies outside'),
        (['--time-limit-s', '0'], '0 lies outside'),
        (['--episodes', 'many'], "'many' is no whole number"),
    ],
)
def test_a_number_outside_of_its_range_is_refused(arguments, what, capsys):
    with pytest.raises(SystemExit) as ended:
        main(['evaluate', *arguments])
    assert ended.value.code == 2
    assert what in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_said_before_the_episodes(tmp_path, capsys):
    file = tmp_path / 'file'
    file.write_text('kept')
    assert main(['evaluate', *QUICK, '--report', str(file)]) == 2
    assert f'--report: {file} is no folder' in capsys.readouterr().err
    assert file.read_text() == 'kept'


def test_a_strategy_by_name_runs_and_the_last_line_is_json(capsys):
    assert main(['evaluate', *QUICK, '--strategy', 'sync', '--delay-ms', '100']) == 0
    values = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert values['strategy'] == 'sync'
    assert values['sources'][0]['episodes'] == 1


def test_ctrl_c_ends_a_command_without_a_traceback(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr('wla_ros.cli.evaluate.run_episodes', interrupted)
    assert main(['evaluate', *QUICK]) == 130
    assert 'wla_ros evaluate: stopped' in capsys.readouterr().err


def test_an_error_of_a_worker_process_says_what_it_said_there():
    with pytest.raises(ConfigurationError, match='nowhere: 1 problem') as caught:
        list(results_of(resolve_parameter_file, ['nowhere', 'nowhere'], jobs=2))
    assert caught.value.problems[0].where == 'parameter file'
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)


def test_results_come_for_all_items_with_any_number_of_jobs():
    assert sorted(results_of(abs, range(-20, 0), jobs=2)) == list(range(1, 21))
    assert list(results_of(abs, [-1, 2], jobs=1)) == [1, 2]
