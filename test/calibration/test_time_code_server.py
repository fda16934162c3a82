# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The page is served, takes over the newest session and reports arrive as they were sent."""

import json
import urllib.error
import urllib.request

import pytest

from wla_ros.calibration import time_code
from wla_ros.calibration.screen import ClockOffset
from wla_ros.calibration.screen import PageError
from wla_ros.calibration.screen import TimeCodeServer
from wla_ros.calibration.screen import page
from wla_ros.calibration.time_code import CodeReading

HOST_NS = 1_700_000_000_000_000_000


@pytest.fixture
def server():
    with TimeCodeServer('127.0.0.1', 0, now_ns=lambda: HOST_NS) as opened:
        yield opened


def get(server, path):
    address = f'http://127.0.0.1:{server.port}/{path}'
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode()


def post(server, body):
    request = urllib.request.Request(
        f'http://127.0.0.1:{server.port}/report', data=body.encode(), method='POST'
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def report(**changes):
    content = {
        'session': 'a',
        'counts': [[0, 1000.0], [1, 1050.0], [2, 1100.0], [3, 1150.0]],
        'trips': [[1000.0, str(HOST_NS), str(HOST_NS + 500_000), 1004.5]],
        'refresh_ms': 16.7,
        **changes,
    }
    return json.dumps(content)


def test_the_page_carries_the_layout_that_is_read(server):
    text = get(server, '')
    assert text == page()
    assert '/*LAYOUT*/null' not in text
    layout = json.loads(text.split('const LAYOUT = ')[1].split(';\n')[0])
    assert layout['counts'] == time_code.COUNTS
    assert len(layout['cells']) == time_code.BITS


def test_the_clock_is_ours(server):
    assert get(server, 'clock') == f'{HOST_NS} {HOST_NS}'


def test_a_report_is_kept_exactly(server):
    assert post(server, report())['replaced'] is False
    offset = server.clock_offset()
    assert offset == ClockOffset(
        offset_ns=HOST_NS + 250_000 - 1_002_250_000, uncertainty_ns=2_000_000
    )
    assert server.refresh_s == pytest.approx(0.0167)
    reading = CodeReading(first=1, last=1)
    between = server.shown_between(reading, HOST_NS + 80_000_000, offset.offset_ns)
    assert between == (offset.offset_ns + 1_050_000_000, offset.offset_ns + 1_100_000_000)


def test_a_report_whose_answer_was_lost_is_taken_once(server):
    post(server, report())
    known = server.counts
    assert known > 1
    post(server, report())
    assert server.counts == known
    reading = CodeReading(first=1, last=1)
    offset = server.clock_offset()
    assert isinstance(server.shown_between(reading, HOST_NS + 80_000_000, offset.offset_ns), tuple)


def test_a_newer_page_takes_over_and_the_older_one_is_told(server):
    post(server, report())
    assert post(server, report(session='b', counts=[[0, 5.0]]))['replaced'] is False
    assert server.counts == 1
    assert post(server, report(counts=[[4, 1200.0]]))['replaced'] is True
    assert server.counts == 1


@pytest.mark.parametrize(
    'body',
    [
        '',
        'no json',
        '[]',
        '{}',
        report(counts=[[1]]),
        report(counts=[[1, 'nan']]),
        report(trips=[[1, 2, 3]]),
        report(refresh_ms=float('inf')),
    ],
)
def test_what_is_no_report_is_refused_and_leaves_nothing(server, body):
    with pytest.raises(urllib.error.HTTPError) as error:
        post(server, body)
    assert error.value.code == 400
    assert server.counts == 0
    assert server.clock_offset().reason == 'no_report'


def test_other_paths_do_not_exist(server):
    with pytest.raises(urllib.error.HTTPError) as error:
        get(server, '../main.py')
    assert error.value.code == 404


def test_a_port_in_use_is_a_user_error(server):
    with pytest.raises(PageError, match=str(server.port)):
        TimeCodeServer('127.0.0.1', server.port, now_ns=lambda: 0)
