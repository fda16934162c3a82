# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the doctor makes of a machine."""

import json
from pathlib import Path

import pytest

from wla_ros.cli.doctor import Level
from wla_ros.cli.machine_check import check_machine
from wla_ros.cli.machine_check import check_middleware
from wla_ros.cli.machine_facts import CanInterface
from wla_ros.cli.machine_facts import ClockState
from wla_ros.cli.machine_facts import MachineFacts
from wla_ros.cli.machine_facts import parse_chrony
from wla_ros.cli.machine_facts import parse_ip
from wla_ros.cli.machine_facts import read_sys_can
from wla_ros.nodes.clients.middleware_trial import MiddlewareTrial

MIB = 2**20
GOOD = {
    'shm_free_bytes': 8000 * MIB,
    'receive_buffer_bytes': 2**26,
    'send_buffer_bytes': 2**26,
    'can': (CanInterface(name='can0', up=True, bitrate=1_000_000, state='ERROR-ACTIVE'),),
    'clock': ClockState(source='chrony', synchronised=True, offset_s=2e-5),
    'realtime_priority': 98,
    'disk_folder': Path('/bags'),
    'disk_free_bytes': 10**12,
}
CHRONY = """Reference ID    : C0A80001 (server)
Stratum         : 3
System time     : 0.000012345 seconds slow of NTP time
Last offset     : -0.000004321 seconds
Leap status     : {leap}
"""


def found(*, local=False, wanted=50, **changes):
    """Return level, subject and fact of every result that is not ok."""
    results = check_machine(
        MachineFacts(**{**GOOD, **changes}),
        segment_bytes=16 * MIB,
        participants=4,
        local=local,
        realtime_priority=wanted,
    )
    return {item.subject: item for item in results if item.level is not Level.OK}


def can(**changes):
    values = {'name': 'can0', 'up': True, 'bitrate': 1_000_000, 'state': 'ERROR-ACTIVE'}
    return (CanInterface(**{**values, **changes}),)


def test_a_good_machine_is_ok_throughout():
    assert found() == {}


@pytest.mark.parametrize(
    ('changes', 'subject', 'word'),
    [
        ({'shm_free_bytes': 63 * MIB}, 'shared memory', '--shm-size'),
        ({'shm_free_bytes': 10 * MIB, 'shm_segments_bytes': 54 * MIB}, 'shared memory', 'UDP'),
        ({'can': can(up=False)}, 'CAN can0', 'ip link set can0 up type can bitrate 1000000'),
        ({'can': can(bitrate=500_000)}, 'CAN can0', 'bitrate 1000000'),
        ({'can': can(state='BUS-OFF')}, 'CAN can0', 'termination'),
        ({'clock': ClockState(source='timedatectl', synchronised=False)}, 'clock', 'chrony'),
        (
            {'clock': ClockState(source='chrony', synchronised=True, offset_s=0.02)},
            'clock',
            'chrony',
        ),
        ({'realtime_priority': 0}, 'real-time', 'limits.conf'),
        ({'disk_free_bytes': 5 * 10**8}, 'disk', '8 GB'),
    ],
)
def test_each_lack_is_a_problem_with_its_remedy(changes, subject, word):
    ((name, result),) = found(**changes).items()
    assert (name, result.level) == (subject, Level.PROBLEM)
    assert word in result.remedy


@pytest.mark.parametrize(
    ('changes', 'subject'),
    [
        ({'receive_buffer_bytes': 212_992}, 'socket buffers'),
        ({'can': ()}, 'CAN'),
        ({'can': can(state='ERROR-PASSIVE')}, 'CAN can0'),
        ({'disk_free_bytes': 3 * 10**9}, 'disk'),
        ({'wanted': 0}, 'real-time'),
    ],
)
def test_what_may_be_meant_so_is_a_note(changes, subject):
    ((name, result),) = found(**changes).items()
    assert (name, result.level) == (subject, Level.NOTE)


@pytest.mark.parametrize(
    ('changes', 'subject'),
    [
        ({'shm_free_bytes': None}, 'shared memory'),
        ({'receive_buffer_bytes': None}, 'socket buffers'),
        ({'can': None}, 'CAN'),
        ({'can': can(bitrate=None, state='')}, 'CAN can0'),
        ({'clock': None}, 'clock'),
        ({'realtime_priority': None}, 'real-time'),
        ({'disk_free_bytes': None}, 'disk'),
        ({'local': True}, 'socket buffers'),
    ],
)
def test_what_could_not_be_looked_at_is_never_ok(changes, subject):
    ((name, result),) = found(**changes).items()
    assert (name, result.level) == (subject, Level.NOT_LOOKED)


FULL = MiddlewareTrial(identifier='rmw_fastrtps_cpp', segment_bytes=16 * MIB)
SMALL = MiddlewareTrial(identifier='rmw_fastrtps_cpp', segment_bytes=MIB // 2)


@pytest.mark.parametrize(
    ('nodes', 'shell', 'levels'),
    [
        (FULL, FULL, [Level.OK]),
        (FULL, SMALL, [Level.OK, Level.NOTE]),
        (SMALL, SMALL, [Level.PROBLEM]),
        (MiddlewareTrial(identifier='rmw_fastrtps_cpp'), SMALL, [Level.PROBLEM]),
        (MiddlewareTrial(identifier='rmw_zenoh_cpp'), FULL, [Level.NOTE]),
        (MiddlewareTrial(error='exit code 102: no such library'), FULL, [Level.PROBLEM]),
    ],
)
def test_a_middleware_is_ok_if_a_participant_got_room_for_images(nodes, shell, levels):
    results = list(check_middleware(nodes, shell))
    assert [result.level for result in results] == levels
    assert all(result.remedy for result in results if result.level is not Level.OK)


def test_the_answer_of_ip_is_read():
    bitrate = {'bittiming': {'bitrate': 1_000_000}, 'state': 'ERROR-ACTIVE'}
    answer = [
        {'ifname': 'can0', 'flags': ['NOARP', 'UP'], 'linkinfo': {'info_data': bitrate}},
        {'ifname': 'can1', 'flags': ['NOARP'], 'linkinfo': {'info_kind': 'can'}},
        {},
    ]
    first, second = parse_ip(json.dumps(answer))
    assert first == can()[0]
    assert second == CanInterface(name='can1', up=False)
    assert parse_ip('') == ()


def test_can_interfaces_are_found_without_ip(tmp_path):
    for name, kind, flags in (
        ('can0', '280', '0x40080'),
        ('can1', '280', '0x41'),
        ('lo', 772, '1'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'type').write_text(f'{kind}\n')
        (tmp_path / name / 'flags').write_text(f'{flags}\n')
    assert read_sys_can(tmp_path) == (
        CanInterface(name='can0', up=False),
        CanInterface(name='can1', up=True),
    )


def test_the_answer_of_chrony_is_read():
    good = parse_chrony(CHRONY.format(leap='Normal'))
    assert good == ClockState(source='chrony', synchronised=True, offset_s=1.2345e-5)
    assert not parse_chrony(CHRONY.format(leap='Not synchronised')).synchronised
    assert not parse_chrony('').synchronised
