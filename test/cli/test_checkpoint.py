# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""`wla_ros checkpoint`: what is created passes inspection, what is broken is told of."""

import json

import pytest

pytest.importorskip('torch')

from wla_ros.cli.main import main  # noqa: E402


@pytest.fixture(scope='module')
def created(tmp_path_factory):
    folder = tmp_path_factory.mktemp('checkpoint') / 'tiny'
    assert main(['checkpoint', 'create', '--size', 'tiny', str(folder)]) == 0
    return folder


def test_a_created_checkpoint_has_no_problems(created, capsys):
    assert main(['checkpoint', 'inspect', str(created), '--hash']) == 0
    printed = capsys.readouterr().out
    for text in (
        '4 layers of 64',
        '3 of 4 decoder layers',
        '164,686 parameters',
        'two arms: six joints and gripper each',
        'piper_random  14 columns: min_max, quantile, mean_std',
        'No problems found',
        'weights sha256',
    ):
        assert text in printed


def test_everything_wrong_is_printed_and_fails(created, tmp_path, capsys):
    broken = tmp_path / 'broken'
    (broken / 'mllm').mkdir(parents=True)
    for file in ('config.json', 'mllm/config.json', 'model.safetensors'):
        (broken / file).write_bytes((created / file).read_bytes())
    config = json.loads((broken / 'config.json').read_text())
    config['max_action_dim'] = 16
    (broken / 'config.json').write_text(json.dumps(config))
    statistics = json.loads((created / 'norm_stats.json').read_text())
    statistics['piper_random']['action']['max'][2] = -9.0
    (broken / 'norm_stats.json').write_text(json.dumps(statistics))
    assert main(['checkpoint', 'inspect', str(broken)]) == 1
    printed = capsys.readouterr().out
    assert 'tokenizer.json is missing' in printed
    assert 'action_encoder.layer1.weight is [32, 14], expected [32, 16]' in printed
    assert 'piper_random.action.min[2]: is -2.967, above max = -9' in printed


def test_a_path_that_does_not_exist_is_one_message(tmp_path, capsys):
    assert main(['checkpoint', 'inspect', str(tmp_path / 'nowhere')]) == 2
    assert 'does not exist' in capsys.readouterr().err


def test_a_tokenizer_of_another_model_is_told_of(created, tmp_path, capsys):
    text = (created / 'mllm/tokenizer.json').read_text().replace('<img7>', '<other>')
    (tmp_path / 'tokenizer.json').write_text(text)
    arguments = ['checkpoint', 'inspect', str(created)]
    assert main([*arguments, '--tokenizer', str(tmp_path / 'tokenizer.json')]) == 1
    assert 'token <img7>: has the number None, the checkpoint says 521' in capsys.readouterr().out


def test_measuring_gives_every_stage_of_every_variant(created, tmp_path, capsys):
    file = tmp_path / 'figures.json'
    arguments = ['measure', str(created), '--device', 'cpu', '--repeats', '3', '--warm-up', '1']
    assert main(['checkpoint', *arguments, '--steps', '2', '4', '--output', str(file)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert json.loads(printed[-1]) == json.loads(file.read_text())
    variants = json.loads(printed[-1])['variants']
    assert set(variants) == {f'{s} steps, {t} tokens' for s in (2, 4) for t in (0, 12)}
    for name, stages in variants.items():
        assert {'preprocess', 'vision', 'prefill', 'action', 'total'} <= set(stages)
        assert ('subtask' in stages) == name.endswith('12 tokens')
        assert all(figure['p50_ms'] <= figure['p99_ms'] for figure in stages.values())


@pytest.mark.parametrize(
    ('options', 'what'),
    [
        (['--steps', '0'], '0 lies below 1'),
        (['--tokens', '-1'], '-1 lies below 0'),
        (['--repeats', '0'], '0 lies below 1'),
        (['--warm-up', 'few'], "'few' is no whole number"),
    ],
)
def test_numbers_that_measure_nothing_are_refused(created, options, what, capsys):
    with pytest.raises(SystemExit):
        main(['checkpoint', 'measure', str(created), *options])
    assert what in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_said_before_measuring(created, tmp_path, capsys):
    for place, what in (('no/x.json', 'there is no folder'), ('.', 'is a folder')):
        output = ['--output', str(tmp_path / place)]
        assert main(['checkpoint', 'measure', str(created), *output]) == 2
        assert what in capsys.readouterr().err


def test_a_measurement_is_printed_and_written_once_per_variant(created, tmp_path, capsys):
    output = tmp_path / 'x.json'
    few = ['--repeats', '1', '--warm-up', '0', '--threads', '1', '--output', str(output)]
    variants = ['--steps', '2', '2', '--tokens', '0']
    assert main(['checkpoint', 'measure', str(created), *few, *variants]) == 0
    printed = capsys.readouterr().out.splitlines()[-1]
    assert output.read_text().strip() == printed
    assert list(json.loads(printed)['variants']) == ['2 steps, 0 tokens']


def test_a_place_that_the_system_refuses_is_one_message(capsys):
    assert main(['checkpoint', 'create', '--size', 'tiny', '/proc/nowhere/x']) == 2
    assert (
        capsys.readouterr().err == 'wla_ros checkpoint: /proc/nowhere: No such file or directory\n'
    )
