# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Which build of torch a machine gets: without an NVIDIA card the small one for the CPU.

PyPI's build for Linux brings the CUDA libraries, several gigabytes that such a machine never
loads. The builds for the CPU stand on an index of their own, which may be out of reach; then pip
decides as it always does.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

CPU_INDEX = 'https://download.pytorch.org/whl/cpu'
ANSWER_TIMEOUT_S = 5.0
# either of them exists where the kernel driver of a card is loaded; the second is WSL's
NVIDIA_DEVICES = (Path('/proc/driver/nvidia/version'), Path('/dev/dxg'))


def cpu_requirement(
    constraints: list[str],
    *,
    devices: tuple[Path, ...] = NVIDIA_DEVICES,
    answers: Callable[[str], bool] | None = None,
) -> list[str]:
    """Return the arguments for pip that install the CPU build, none to leave the choice to pip."""
    pins = [line for line in constraints if line.startswith('torch==')]
    if not pins or any(device.exists() for device in devices):
        return []
    if not (answers or _answers)(f'{CPU_INDEX}/torch/'):
        return []
    return [*pins, '--index-url', CPU_INDEX]


def _answers(url: str) -> bool:
    request = urllib.request.Request(url, method='HEAD')
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as response:
            return response.status == 200
    except (OSError, urllib.error.URLError):
        return False
