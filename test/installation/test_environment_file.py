# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The file to source: what it sets, that it may be sourced twice, what it leaves alone."""

import subprocess
from pathlib import Path

import environment_file
import pytest
from ros_source import RosSource

SHOW = (
    'for name in AMENT_PREFIX_PATH CMAKE_PREFIX_PATH LD_LIBRARY_PATH PATH ROS_DISTRO; do '
    'eval "echo $name=\\${$name:-}"; done'
)


def source_it(
    environment: Path, *, prefix: Path | None, times: int = 1, **variables: str
) -> dict[str, str]:
    """Source the file in `sh` and return what the variables are afterwards."""
    ros = RosSource(
        'jazzy' if prefix else 'wheels', prefix, Path('/usr/bin/python3'), '3.12.3', {}
    )
    environment_file.write(environment, ros)
    file = environment / environment_file.FILE_NAME
    command = 'set -eu; ' + f'. "{file}"; ' * times + SHOW
    run = subprocess.run(
        ['sh', '-c', command],
        env={'PATH': '/usr/bin:/bin', **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split('=', 1) for line in run.stdout.splitlines())


@pytest.mark.parametrize('times', [1, 2])
def test_wheels_are_found_through_the_environment(tmp_path, times):
    assert source_it(tmp_path, prefix=None, times=times) == {
        'AMENT_PREFIX_PATH': str(tmp_path),
        'CMAKE_PREFIX_PATH': str(tmp_path),
        'LD_LIBRARY_PATH': '',
        'PATH': f'{tmp_path}/bin:/usr/bin:/bin',
        'ROS_DISTRO': '',
    }


def test_wheels_refuse_a_terminal_with_a_distribution(tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as error:
        source_it(tmp_path, prefix=None, ROS_DISTRO='humble', AMENT_PREFIX_PATH='/opt/ros/humble')
    assert 'humble is sourced' in error.value.stderr
    assert 'make setup' in error.value.stderr


def test_a_sourced_distribution_stays_behind_the_environment(tmp_path):
    shown = source_it(
        tmp_path,
        prefix=Path('/opt/ros/jazzy'),
        AMENT_PREFIX_PATH='/opt/overlay:/opt/ros/jazzy',
        LD_LIBRARY_PATH='/opt/ros/jazzy/lib',
        ROS_DISTRO='jazzy',
    )
    assert shown['AMENT_PREFIX_PATH'] == f'{tmp_path}:/opt/overlay:/opt/ros/jazzy'
    assert shown['LD_LIBRARY_PATH'] == f'{tmp_path}/lib:/opt/ros/jazzy/lib'


def test_the_distribution_is_sourced_where_the_terminal_has_not(tmp_path):
    prefix = tmp_path / 'jazzy'
    prefix.mkdir()
    (prefix / 'setup.sh').write_text(f'export AMENT_PREFIX_PATH={prefix} ROS_DISTRO=jazzy\n')
    shown = source_it(tmp_path, prefix=prefix)
    assert shown['AMENT_PREFIX_PATH'] == f'{tmp_path}:{prefix}'
    assert shown['ROS_DISTRO'] == 'jazzy'


def test_the_file_is_written_anew_only_when_it_changes(tmp_path):
    source_it(tmp_path, prefix=None)
    file = tmp_path / environment_file.FILE_NAME
    before = file.stat().st_mtime_ns
    source_it(tmp_path, prefix=None)
    assert file.stat().st_mtime_ns == before
