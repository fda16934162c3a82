# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The stop under a flood is measured with the real executor."""

import json

import pytest

pytest.importorskip('rclpy')

from wla_ros.cli.main import main  # noqa: E402 - not without rclpy


@pytest.mark.ros
def test_a_stop_under_a_flood_is_measured(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    output = tmp_path / 'stop.json'
    arguments = ['--stops', '2', '--floods', 'large', '--output', str(output)]
    assert main(['bench-stop', *arguments]) == 0
    printed = capsys.readouterr().out.splitlines()[-1]
    result = json.loads(printed)
    assert result == json.loads(output.read_text())
    measured = result['floods']['large']
    assert 0.0 < measured['p50_ms'] <= measured['p99_ms'] <= measured['max_ms']
    assert 0.0 < measured['mode_p50_ms'] <= measured['mode_p99_ms']
    assert 0.0 < measured['bare_p50_ms'] <= measured['bare_p99_ms']
    assert measured['chunks'] > 0
