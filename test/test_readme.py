"""What the README says of parameters, folders and interfaces is what there is."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / 'README.md').read_text(encoding='utf-8')


def test_every_parameter_stands_in_the_readme():
    pytest.importorskip('rclpy')
    from wla_ros.cli.parameters import reference_tables

    for node, table in reference_tables().items():
        assert table in README, f'the table of {node} is out of date: wla_ros parameters {node}'


def test_every_package_has_a_line_in_the_tree():
    packages = [
        path.parent.name for path in sorted((REPOSITORY / 'wla_ros').glob('*/__init__.py'))
    ]
    missing = [name for name in packages if f'\n  {name}/ ' not in README]
    assert packages
    assert not missing


def test_every_shipped_driver_profile_is_named():
    profiles = sorted(path.stem for path in (REPOSITORY / 'config' / 'drivers').glob('*.yaml'))
    assert profiles
    assert not [name for name in profiles if f'`{name}`' not in README]


def test_every_command_is_named():
    from wla_ros.cli.main import COMMANDS

    assert not [name for name, _ in COMMANDS if f'wla_ros {name}' not in README]


def test_local_links_lead_somewhere():
    targets = re.findall(r'\]\((?!https?://|#)([^)]+)\)', README)
    assert targets
    assert not [target for target in targets if not (REPOSITORY / target).exists()]
