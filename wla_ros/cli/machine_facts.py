# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Gathers what a machine gives a robot: shared memory, sockets, CAN, clock, priority and disk.

Reads and asks, judges nothing. What could not be looked at is None, which is not the same as well.
"""

import json
import re
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from wla_ros.nodes.clients.middleware_trial import SHARED_MEMORY
from wla_ros.nodes.clients.middleware_trial import segments

_CAN_TYPE = '280'  # ARPHRD_CAN
_UP = 0x1  # IFF_UP


@dataclass(frozen=True, slots=True, kw_only=True)
class CanInterface:
    """One CAN interface."""

    name: str
    up: bool
    bitrate: int | None = None  # [bit/s]; None if it could not be read
    state: str = ''  # of the controller: ERROR-ACTIVE is healthy


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """What the time daemon says."""

    source: str  # who said it
    synchronised: bool
    offset_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What was found; None was not looked at."""

    shm_free_bytes: int | None = None  # for segments that are still to be made
    shm_segments_bytes: int = 0  # taken by participants that run
    receive_buffer_bytes: int | None = None  # the most a socket may ask for
    send_buffer_bytes: int | None = None
    can: tuple[CanInterface, ...] | None = None
    clock: ClockState | None = None
    realtime_priority: int | None = None  # the highest this user may ask for
    disk_folder: Path = Path()
    disk_free_bytes: int | None = None  # where bags are recorded


def gather(disk_folder: Path, *, with_can: bool) -> MachineFacts:
    """Return the facts of this machine; CAN only where arms may hang on it."""
    return MachineFacts(
        shm_free_bytes=_free(SHARED_MEMORY),
        shm_segments_bytes=sum(segments().values()),
        receive_buffer_bytes=_number(Path('/proc/sys/net/core/rmem_max')),
        send_buffer_bytes=_number(Path('/proc/sys/net/core/wmem_max')),
        can=can_interfaces() if with_can else None,
        clock=clock_state(),
        realtime_priority=resource.getrlimit(resource.RLIMIT_RTPRIO)[0],
        disk_folder=disk_folder,
        disk_free_bytes=_free(_existing(disk_folder)),
    )


def can_interfaces() -> tuple[CanInterface, ...]:
    """Return the CAN interfaces, from `ip` or, where it is missing, from /sys."""
    text = _asked('ip', '-details', '-json', 'link', 'show', 'type', 'can')
    return read_sys_can(Path('/sys/class/net')) if text is None else parse_ip(text)


def clock_state() -> ClockState | None:
    """Return what chrony says, else what timedatectl says, else None."""
    text = _asked('chronyc', 'tracking')
    if text is not None:
        return parse_chrony(text)
    text = _asked('timedatectl', 'show', '--property=NTPSynchronized', '--value')
    if text is None or not text.strip():
        return None
    return ClockState(source='timedatectl', synchronised=text.strip() == 'yes')


def parse_ip(text: str) -> tuple[CanInterface, ...]:
    """Return the interfaces in the answer of `ip -details -json link show type can`."""
    found = []
    for link in json.loads(text or '[]'):
        data = link.get('linkinfo', {}).get('info_data', {})
        if link.get('ifname'):
            found.append(
                CanInterface(
                    name=link['ifname'],
                    up='UP' in link.get('flags', ()),
                    bitrate=data.get('bittiming', {}).get('bitrate'),
                    state=data.get('state', ''),
                )
            )
    return tuple(found)


def read_sys_can(folder: Path) -> tuple[CanInterface, ...]:
    """Return the interfaces of type CAN below `folder`; bitrates are not to be read there."""
    found = []
    for link in sorted(folder.glob('*')):
        try:
            if (link / 'type').read_text(encoding='utf-8').strip() == _CAN_TYPE:
                flags = int((link / 'flags').read_text(encoding='utf-8'), 16)
                found.append(CanInterface(name=link.name, up=bool(flags & _UP)))
        except OSError:
            continue
    return tuple(found)


def parse_chrony(text: str) -> ClockState:
    """Return what `chronyc tracking` says."""
    offset = re.search(r'^System time\s*:\s*([\d.e-]+) seconds', text, re.MULTILINE)
    leap = re.search(r'^Leap status\s*:\s*(.+)$', text, re.MULTILINE)
    return ClockState(
        source='chrony',
        synchronised=leap is not None and 'not synchronised' not in leap[1].lower(),
        offset_s=float(offset[1]) if offset else None,
    )


def _asked(*command: str) -> str | None:
    """Return what a command prints, None if it is not there or does not answer well."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=5, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _existing(folder: Path) -> Path:
    """Return the folder or the nearest one above it that exists."""
    return next((path for path in (folder, *folder.parents) if path.is_dir()), Path('/'))
