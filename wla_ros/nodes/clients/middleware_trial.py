# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Starts the middleware once and says what came of it: tried in a process of its own, never read.

A middleware that is not installed ends the process that asks for it. What of shared memory a
participant gets is seen by the segment that it makes.

  python -m wla_ros.nodes.clients.middleware_trial          prints one line of JSON
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path

SHARED_MEMORY = Path('/dev/shm')
# Fast DDS 3 and 2 name their segments so; the small ones of the ports have a name of their own.
_SEGMENTS = ('fastdds_*', 'fastrtps_*')
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MiddlewareTrial:
    """What one participant got."""

    identifier: str = ''  # of the RMW implementation that answered
    segment_bytes: int = 0  # of shared memory; 0 if it made none
    error: str = ''  # why there was no participant


def try_middleware(environment: Mapping[str, str]) -> MiddlewareTrial:
    """Return what a participant of a new process with `environment` gets."""
    command = [sys.executable, '-m', 'wla_ros.nodes.clients.middleware_trial']
    try:
        # Not from the folder of a checkout: its wla_ros has no messages.
        done = subprocess.run(
            command,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            cwd='/',
        )
    except subprocess.TimeoutExpired:
        return MiddlewareTrial(error=f'no participant within {_TIMEOUT_S:g} s')
    if done.returncode == 0:
        return MiddlewareTrial(**json.loads(done.stdout.splitlines()[-1]))
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return MiddlewareTrial(error=f'exit code {done.returncode}: {(lines or ["no message"])[0]}')


def segments() -> dict[str, int]:
    """Return the shared-memory segments of participants on this machine and their sizes."""
    found: dict[str, int] = {}
    for pattern in _SEGMENTS:
        for path in SHARED_MEMORY.glob(pattern):
            try:
                found[path.name] = path.stat().st_blocks * 512  # what it really takes
            except OSError:
                continue  # its participant ended meanwhile
    return {name: size for name, size in found.items() if size and 'port' not in name}


def main() -> int:
    """Make a participant and print what it got; raises what the middleware raises."""
    import rclpy
    from rclpy.utilities import get_rmw_implementation_identifier

    before = segments()
    rclpy.init()
    node = rclpy.create_node('wla_ros_middleware_trial', enable_rosout=False)
    pid = os.getpid()
    mine = [
        size for name, size in segments().items() if name not in before and _is_open(name, pid)
    ]
    trial = MiddlewareTrial(
        identifier=get_rmw_implementation_identifier(), segment_bytes=max(mine, default=0)
    )
    sys.stdout.write(json.dumps(asdict(trial)) + '\n')
    node.destroy_node()
    rclpy.shutdown()
    return 0


def _is_open(name: str, pid: int) -> bool:
    """Return whether this process has mapped the segment: others may start at the same time."""
    try:
        return name in Path(f'/proc/{pid}/maps').read_text(encoding='utf-8')
    except OSError:
        return True


if __name__ == '__main__':
    raise SystemExit(main())
