# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What the facts of a machine mean for arms and cameras. Pure: judges what machine_facts found.

Every check answers ok, note, problem, or that it was not looked at.
"""

from collections.abc import Iterator

from wla_ros.cli.doctor import CheckResult
from wla_ros.cli.doctor import Level
from wla_ros.cli.machine_facts import CanInterface
from wla_ros.cli.machine_facts import ClockState
from wla_ros.cli.machine_facts import MachineFacts
from wla_ros.nodes.clients.middleware_trial import MiddlewareTrial

_MIB = 2**20
# One 640x480 RGB image with its header does not fit into less.
IMAGE_BYTES = 1_000_000
# The firmware speaks nothing else.
CAN_BITRATE = 1_000_000
# Cameras are 25 ms apart at most, joints interpolate between samples 5 ms apart.
_LARGEST_OFFSET_S = 0.005
# Three cameras at 10 Hz as JPEG and all topics are about 2 MB/s: an hour and ten minutes.
_ROOM_BYTES, _LAST_ROOM_BYTES = 8 * 10**9, 10**9
# Fragments of three images at once, between hosts.
_SOCKET_BYTES = 4 * IMAGE_BYTES


def check_middleware(nodes: MiddlewareTrial, shell: MiddlewareTrial) -> Iterator[CheckResult]:
    """
    Judge what a participant got: one as our nodes start it, one with the shell's environment.

    Drivers started from this shell get what the second one got.
    """
    if nodes.error:
        yield CheckResult(
            subject='middleware',
            level=Level.PROBLEM,
            fact=nodes.error,
            remedy='install that RMW implementation or unset RMW_IMPLEMENTATION',
        )
        return
    fits = nodes.segment_bytes >= IMAGE_BYTES
    if 'fastrtps' not in nodes.identifier:
        yield CheckResult(
            subject='middleware',
            level=Level.NOTE,
            fact=f'{nodes.identifier} starts; what it does with images is not looked at',
            remedy='cameras below their rate: give it room for whole images',
        )
        return
    yield CheckResult(
        subject='middleware',
        level=Level.OK if fits else Level.PROBLEM,
        fact=f'{nodes.identifier}, {_segment(nodes)}',
        remedy='' if fits else 'smaller than one image, most are lost: config/fastdds_local.xml',
    )
    if shell.segment_bytes < IMAGE_BYTES <= nodes.segment_bytes:
        yield CheckResult(
            subject='drivers',
            level=Level.NOTE,
            fact=f'what starts from this shell gets {_segment(shell)}, most images are lost',
            remedy='export FASTDDS_DEFAULT_PROFILES_FILE (Fast DDS 2: FASTRTPS_...) = '
            'fastdds_local.xml of this package for camera drivers as well',
        )


def check_machine(
    facts: MachineFacts,
    *,
    segment_bytes: int,
    participants: int,
    local: bool,
    realtime_priority: int,
) -> Iterator[CheckResult]:
    """
    Judge the machine for `participants` with shared-memory segments of that size.

    `local`: nobody on other hosts; `realtime_priority` is what the executor will ask for.
    """
    yield _check_shared_memory(facts, segment_bytes, participants)
    yield _check_sockets(facts, local=local)
    yield from _check_can(facts.can)
    yield _check_clock(facts.clock, local=local)
    yield _check_priority(facts.realtime_priority, realtime_priority)
    yield _check_disk(facts)


def _check_shared_memory(
    facts: MachineFacts, segment_bytes: int, participants: int
) -> CheckResult:
    subject = 'shared memory'
    if facts.shm_free_bytes is None or not segment_bytes:
        why = 'none is used' if facts.shm_free_bytes is not None else '/dev/shm cannot be read'
        return _not_looked(subject, why)
    # A segment is a file that grows into its size, so those that run count as well.
    room_bytes = facts.shm_free_bytes + facts.shm_segments_bytes
    needed_bytes = segment_bytes * participants
    fact = (
        f'{_mib(facts.shm_free_bytes)} free, {participants} participants with '
        f'{_mib(segment_bytes)} each need {_mib(needed_bytes)}'
    )
    if room_bytes >= needed_bytes and facts.shm_free_bytes >= segment_bytes:
        return CheckResult(subject=subject, level=Level.OK, fact=fact)
    return CheckResult(
        subject=subject,
        level=Level.PROBLEM,
        fact=fact,
        remedy='some get none and send images slowly over UDP: docker run --shm-size=1g, or mount '
        'a larger /dev/shm',
    )


def _check_sockets(facts: MachineFacts, *, local: bool) -> CheckResult:
    subject = 'socket buffers'
    if local:
        return _not_looked(subject, 'only this machine is heard')
    sizes = (facts.receive_buffer_bytes, facts.send_buffer_bytes)
    if None in sizes:
        return _not_looked(subject, '/proc/sys/net/core cannot be read')
    small = min(size for size in sizes if size is not None) < _SOCKET_BYTES
    return CheckResult(
        subject=subject,
        level=Level.NOTE if small else Level.OK,
        fact=f'rmem_max {sizes[0]}, wmem_max {sizes[1]} bytes',
        remedy=f'images from other hosts are lost: sysctl -w net.core.rmem_max={2**26} '
        f'net.core.wmem_max={2**26}'
        if small
        else '',
    )


def _check_can(interfaces: tuple[CanInterface, ...] | None) -> Iterator[CheckResult]:
    if interfaces is None:
        yield _not_looked('CAN', 'asked for with a file of real arms only (without sim_node)')
        return
    if not interfaces:
        yield CheckResult(
            subject='CAN',
            level=Level.NOTE,
            fact='no CAN interface on this machine',
            remedy='plug the adapter in, unless the drivers run on another host',
        )
    for interface in interfaces:
        yield _check_interface(interface)


def _check_interface(interface: CanInterface) -> CheckResult:
    subject, rate = f'CAN {interface.name}', interface.bitrate
    up = f'ip link set {interface.name} up type can bitrate {CAN_BITRATE}'
    if not interface.up:
        return CheckResult(subject=subject, level=Level.PROBLEM, fact='down', remedy=up)
    if interface.state == 'BUS-OFF':
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact='up, but off the bus after errors',
            remedy=f'wiring, termination? then: ip link set {interface.name} down; {up}',
        )
    if rate is None:
        return CheckResult(
            subject=subject,
            level=Level.NOT_LOOKED,
            fact='up; the bitrate cannot be read',
            remedy='install iproute2',
        )
    if rate != CAN_BITRATE:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'up with {rate} bit/s, a Piper speaks {CAN_BITRATE}',
            remedy=f'ip link set {interface.name} down; {up}',
        )
    healthy = interface.state in ('', 'ERROR-ACTIVE')
    return CheckResult(
        subject=subject,
        level=Level.OK if healthy else Level.NOTE,
        fact=f'up, {rate} bit/s, {interface.state or "state unknown"}',
        remedy='' if healthy else 'errors on the bus: wiring, termination, arm powered?',
    )


def _check_clock(clock: ClockState | None, *, local: bool) -> CheckResult:
    subject = 'clock'
    if clock is None:
        return _not_looked(subject, 'neither chrony nor timedatectl answers')
    offset_s = clock.offset_s
    far = offset_s is not None and offset_s > _LARGEST_OFFSET_S
    fact = 'synchronised' if clock.synchronised else 'not synchronised'
    offset = '' if offset_s is None else f', {1e3 * offset_s:.3f} ms off'
    if clock.synchronised and not far:
        return CheckResult(
            subject=subject, level=Level.OK, fact=f'{fact}{offset} ({clock.source})'
        )
    return CheckResult(
        subject=subject,
        level=Level.NOTE if local else Level.PROBLEM,
        fact=f'{fact}{offset} ({clock.source})',
        remedy='stamps of several hosts are compared: run chrony on all of them',
    )


def _check_priority(allowed: int | None, wanted: int) -> CheckResult:
    subject = 'real-time'
    if allowed is None:
        return _not_looked(subject, 'the limit cannot be read')
    fact = f'rtprio up to {allowed}, the executor asks for {wanted}'
    if wanted > 0 and 0 <= allowed < wanted:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=fact,
            remedy=f'rtprio {wanted} in /etc/security/limits.conf, then log in again',
        )
    note = wanted == 0
    return CheckResult(
        subject=subject,
        level=Level.NOTE if note else Level.OK,
        fact=fact,
        remedy='ticks are late beside other work: loop.realtime_priority' if note else '',
    )


def _check_disk(facts: MachineFacts) -> CheckResult:
    subject, free_bytes = 'disk', facts.disk_free_bytes
    if free_bytes is None:
        return _not_looked(subject, f'{facts.disk_folder} cannot be looked at')
    level = Level.OK
    if free_bytes < _ROOM_BYTES:
        level = Level.PROBLEM if free_bytes < _LAST_ROOM_BYTES else Level.NOTE
    return CheckResult(
        subject=subject,
        level=level,
        fact=f'{free_bytes / 1e9:.1f} GB free for bags in {facts.disk_folder}',
        remedy='' if level is Level.OK else 'an hour of recording needs about 8 GB',
    )


def _not_looked(subject: str, why: str) -> CheckResult:
    return CheckResult(subject=subject, level=Level.NOT_LOOKED, fact=why)


def _segment(trial: MiddlewareTrial) -> str:
    if not trial.segment_bytes:
        return 'no shared memory'
    return f'{_mib(trial.segment_bytes)} of shared memory'


def _mib(size_bytes: int) -> str:
    return f'{size_bytes / _MIB:.1f} MiB'
