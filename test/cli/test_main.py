"""The command overview: every command exists, mistakes are answered helpfully."""

import importlib.util

import pytest

from wla_ros.cli.main import COMMANDS
from wla_ros.cli.main import main


@pytest.mark.parametrize('name', [name for name, _ in COMMANDS])
def test_every_listed_command_has_a_module(name):
    assert importlib.util.find_spec(f'wla_ros.cli.{name}') is not None


def test_help_lists_every_command(capsys):
    assert main(['--help']) == 0
    text = capsys.readouterr().out
    assert all(name in text for name, _ in COMMANDS)


def test_an_unknown_command_names_the_nearest(capsys):
    assert main(['evalute']) == 2
    assert "did you mean 'evaluate'?" in capsys.readouterr().err
