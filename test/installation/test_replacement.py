# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The environment that works survives whatever happens while the next one is made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import replacement
from replacement import Replacement

# renames and deletions of one whole change, of one that fails, and one more than either has
STEPS = range(8)


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs, no handler either."""


def is_whole(environment: Path) -> bool:
    return (environment / 'proved').exists()


def make(folder: Path, name: str, *, proved: bool) -> None:
    """Make an environment and what was compiled for it, both signed with `name`."""
    for place in (folder / '.venv', folder / 'build/cmake'):
        place.mkdir(parents=True)
        (place / 'name').write_text(name)
    if proved:
        (folder / '.venv/proved').touch()


def names(folder: Path) -> tuple[str, str]:
    return tuple((folder / place / 'name').read_text() for place in ('.venv', 'build/cmake'))


@pytest.fixture
def change(tmp_path) -> Replacement:
    make(tmp_path, 'old', proved=True)
    return Replacement(tmp_path / '.venv', tmp_path / 'build/cmake', is_whole)


def test_a_proved_environment_replaces_the_old_one(tmp_path, change):
    with change.under_way():
        make(tmp_path, 'new', proved=True)
    assert names(tmp_path) == ('new', 'new')
    assert not (tmp_path / '.venv.previous').exists()


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize('far', [False, True])
def test_one_that_fails_leaves_the_old_one_with_its_build(tmp_path, change, error, far):
    def fail() -> None:
        with change.under_way():
            if far:
                make(tmp_path, 'new', proved=False)
            raise error

    pytest.raises(error, fail)
    assert names(tmp_path) == ('old', 'old')
    assert is_whole(tmp_path / '.venv')
    assert not (tmp_path / '.venv.previous').exists()


@pytest.mark.parametrize('proved', [False, True])
@pytest.mark.parametrize('step', STEPS)
def test_after_a_kill_at_any_step_the_next_run_has_one_whole_environment(
    tmp_path, change, monkeypatch, step, proved
):
    left = step

    def before(action):
        def counted(*arguments, **options):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return action(*arguments, **options)

        return counted

    with monkeypatch.context() as patched:
        patched.setattr(Path, 'rename', before(Path.rename))
        patched.setattr(shutil, 'rmtree', before(shutil.rmtree))
        try:
            with change.under_way():
                make(tmp_path, 'new', proved=proved)
                if not proved:
                    raise RuntimeError
        except (Killed, RuntimeError):
            pass
    change.settle()
    assert len(set(names(tmp_path))) == 1
    assert is_whole(tmp_path / '.venv')
    assert not (tmp_path / '.venv.previous').exists()
    assert not (tmp_path / '.venv' / replacement.BUILD_ASIDE).exists()
    assert not change.settle()


def test_a_killed_process_is_settled_by_the_next(tmp_path, change, root):
    code = (
        'import os, pathlib, signal, sys; from replacement import Replacement\n'
        'folder = pathlib.Path(sys.argv[1])\n'
        "whole = lambda path: (path / 'proved').exists()\n"
        "with Replacement(folder / '.venv', folder / 'build/cmake', whole).under_way():\n"
        "    (folder / '.venv').mkdir()\n"
        '    os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    environ = {**os.environ, 'PYTHONPATH': str(root / 'config/build')}
    killed = subprocess.run([sys.executable, '-c', code, str(tmp_path)], env=environ, check=False)
    assert killed.returncode == -9
    assert not is_whole(tmp_path / '.venv')
    assert change.settle()
    assert names(tmp_path) == ('old', 'old')


def test_a_first_environment_is_nothing_to_settle(tmp_path):
    assert not Replacement(tmp_path / '.venv', tmp_path / 'build/cmake', is_whole).settle()
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_an_environment_elsewhere_is_replaced_and_what_it_leads_to_stays(tmp_path):
    make(tmp_path / 'elsewhere', 'old', proved=True)
    (tmp_path / '.venv').symlink_to(tmp_path / 'elsewhere/.venv')
    change = Replacement(tmp_path / '.venv', tmp_path / 'build/cmake', is_whole)
    with change.under_way():
        make(tmp_path, 'new', proved=True)
    assert names(tmp_path) == ('new', 'new')
    assert is_whole(tmp_path / 'elsewhere/.venv')
