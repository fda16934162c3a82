# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Camera calibration over ROS and HTTP: a fake camera sees the screen of a fake page."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

pytest.importorskip('rclpy')

from calibration.screen import Screen  # noqa: E402 - not without rclpy
from calibration.screen import picture  # noqa: E402
from nodes.graph import BIMANUAL  # noqa: E402
from nodes.graph import Graph  # noqa: E402
from rclpy.qos import qos_profile_sensor_data  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from wla_ros.nodes.images import image_message  # noqa: E402

LATENCY_S = 0.07
LAG_S = 0.02
EXPOSURE_S = 0.006
PERIOD_S = 0.0313


class FakePage:
    """A page whose clock began with the test; reports all it will ever draw at once."""

    def __init__(self, port: int, screen: Screen) -> None:
        self._address = f'http://127.0.0.1:{port}/'
        self._screen = screen
        self._trips: list = []
        self.begin_ns = time.time_ns()

    def _now_ms(self) -> float:
        return (time.time_ns() - self.begin_ns) / 1e6

    def open(self) -> bool:
        """Load the page if it is served by now."""
        try:
            urllib.request.urlopen(self._address, timeout=5).close()
        except urllib.error.URLError:
            return False
        return True

    def report(self) -> str:
        """Measure a round trip, report, and return the status shown."""
        sent = self._now_ms()
        with urllib.request.urlopen(self._address + 'clock', timeout=5) as reply:
            received, replied = reply.read().decode().split()
        self._trips.append([sent, received, replied, self._now_ms()])
        counts = [[i, 1e3 * drawn_s] for i, drawn_s in enumerate(self._screen.drawn_s)]
        body = {'session': 's', 'counts': counts, 'trips': self._trips, 'refresh_ms': 16.7}
        request = urllib.request.Request(self._address + 'report', json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=5) as reply:
            return str(json.loads(reply.read())['status'])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_the_latency_of_a_camera_is_measured_and_written(graph: Graph, tmp_path: Path) -> None:
    file = tmp_path / 'cell.yaml'
    shutil.copyfile(BIMANUAL, file)
    screen = Screen(lag_s=LAG_S, seconds=10.0)
    exposures_s = [1.0 + PERIOD_S * i for i in range(120)]
    pictures = [
        picture(screen.shown(middle_s - EXPOSURE_S / 2, middle_s + EXPOSURE_S / 2), seed=i)
        for i, middle_s in enumerate(exposures_s)
    ]
    camera = graph.probe.create_publisher(
        Image, 'camera/left_wrist/image_raw', qos_profile_sensor_data
    )
    port = free_port()
    page = FakePage(port, screen)
    command = [sys.executable, '-m', 'wla_ros.cli.main', 'calibrate', 'camera', str(file)]
    options = ['--cameras', 'left_wrist', '--seconds', '2', '--port', str(port)]
    options += ['--display-lag-s', str(LAG_S), '--timeout', '60', '--write', str(file)]
    with (tmp_path / 'output').open('w+') as output:
        run = subprocess.Popen(
            [*command, *options], stdout=output, stderr=subprocess.STDOUT, cwd=tmp_path
        )
        try:
            graph.wait_until(page.open, 'the page')
            page.report()
            graph.wait_until(lambda: camera.get_subscription_count() > 0, 'the subscription')
            for middle_s, pixels in zip(exposures_s, pictures, strict=True):
                stamp = page.begin_ns + round(1e9 * (middle_s + LATENCY_S))
                camera.publish(image_message(pixels, stamp_ns=stamp, frame_id='camera'))
                shown_at = time.monotonic()
                graph.wait_until(lambda at=shown_at: time.monotonic() > at + PERIOD_S, 'time')
            assert run.wait(timeout=60) == 0, output.seek(0) or output.read()
        finally:
            run.kill()
        output.seek(0)
        text = output.read()
    section = yaml.safe_load(file.read_text())['/**/policy_node']['ros__parameters']
    written = section['synchronisation']['cameras']['left_wrist']['latency_s']
    assert written == pytest.approx(LATENCY_S, abs=0.006), text
    assert section['synchronisation']['cameras']['head']['latency_s'] == 0.0
