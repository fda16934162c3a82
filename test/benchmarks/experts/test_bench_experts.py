# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import json

from wla_ros.cli.main import main


def test_successes_and_intervals_are_told_and_written(tmp_path, capsys):
    output = tmp_path / 'experts.json'
    arguments = ['--tasks', 'dispose_trash', '--episodes', '2', '--output', str(output)]
    assert main(['bench-experts', *arguments, '--min-success', '1.0']) == 0
    document = json.loads(output.read_text())
    told = document['tasks']['dispose_trash']
    assert (told['successes'], told['episodes'], told['high']) == (2, 2, 1.0)
    assert 0.0 < told['low'] < 0.5
    assert 'dispose_trash: 2/2' in capsys.readouterr().out


def test_a_task_below_the_demanded_share_gives_one(monkeypatch, capsys):
    from wla_ros.benchmarks.experts import bench_experts

    monkeypatch.setattr(bench_experts, 'run_direct_episode', _failed)
    arguments = ['--tasks', 'stack_cup', '--episodes', '3', '--min-success', '0.98']
    assert main(['bench-experts', *arguments]) == 1
    assert 'seed 10001, 4.0 s: dropped' in capsys.readouterr().out


def _failed(seed, **_):
    from wla_ros.sim.expert.direct_run import EpisodeOutcome

    return EpisodeOutcome(
        seed=seed, success=False, finished=False, duration_s=4.0, judgement='dropped'
    )
