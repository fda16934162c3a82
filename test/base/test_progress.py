# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the output is no terminal, progress is one line per stage."""

import re
from pathlib import Path

import pytest

from wla_ros.base.progress import StageLine
from wla_ros.base.progress import progress_bar

COMMANDS = Path(__file__).parents[2] / 'wla_ros'


def test_a_bar_is_one_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar('virtual', total=1000, unit='episodes') as bar:
        for done in range(1000):
            bar.set_postfix_str(f'{done} done')
            bar.update()
    assert capsys.readouterr().err == 'virtual: 1000 episodes\n'


def test_a_run_is_one_line_per_stage_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with StageLine() as line:
        for episode in (1, 2):
            for stage in ('homing', 'running'):
                for tick in range(100):
                    line.show(f'episode {episode}/2  {stage:<9}', f'{tick:5.1f} s')
    assert capsys.readouterr().err.splitlines() == [
        f'episode {episode}/2  {stage}' for episode in (1, 2) for stage in ('homing', 'running')
    ]


def test_no_command_has_a_bar_of_its_own() -> None:
    users = [
        str(path.relative_to(COMMANDS))
        for path in sorted(COMMANDS.rglob('*.py'))
        if re.search(r'^\s*(from|import) tqdm', path.read_text(encoding='utf-8'), re.MULTILINE)
    ]
    assert users == ['base/progress.py']
