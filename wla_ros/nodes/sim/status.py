# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The state of the sim node as diagnostics: pacing, drivers, cameras."""

from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np

from wla_ros.base.types import FloatArray
from wla_ros.nodes.diagnostics import ERROR
from wla_ros.nodes.diagnostics import OK
from wla_ros.nodes.diagnostics import WARN
from wla_ros.nodes.diagnostics import ComponentState
from wla_ros.nodes.sim.arms import ArmTopicCounts
from wla_ros.nodes.sim.cameras import ImageCounts
from wla_ros.sim.rig import RigCounts


def sim_components(
    counts: RigCounts,
    images: Mapping[str, ImageCounts],
    *,
    topics: Mapping[str, ArmTopicCounts],
    slipped_s: float,
    real_time_factor: float,
    ignored_commands: Mapping[str, int],
    render_ms: FloatArray,
    failure: str,
) -> Iterator[ComponentState]:
    """
    Yield the components.

    `real_time_factor` is of the time since the last report, `render_ms` the newest rendering
    times. `ignored_commands` came by arm while the rig did not listen: just after a reset, or
    inactive.
    """
    values: dict[str, object] = {'slipped_s': slipped_s, 'real_time_factor': real_time_factor}
    if render_ms.size:
        p50, p99 = np.percentile(render_ms, (50, 99))
        values.update(render_p50_ms=float(p50), render_p99_ms=float(p99))
    yield ComponentState(
        name='rig',
        level=ERROR if failure else WARN if slipped_s > 0.0 else OK,
        message=failure
        or (
            f'{slipped_s:.3f} s slipped, real-time factor {real_time_factor:.2f}'
            if slipped_s > 0.0
            else 'in real time'
        ),
        values=values,
    )
    for arm, count in counts.arms.items():
        refused = {
            f'refused_{reason}': number
            for reason, number in sorted(count.commands_refused.items())
        }
        yield ComponentState(
            name=f'driver {arm}',
            level=WARN if refused else OK,
            message='' if count.last_refusal is None else count.last_refusal.detail,
            values={
                'commands_received': count.commands_received,
                'commands_applied': count.commands_applied,
                'commands_flushed': count.commands_flushed,
                'commands_waiting': count.commands_waiting,
                'commands_ignored': ignored_commands[arm],
                'commands_missed': _known(topics[arm].commands_missed),
                'commands_unheard': _known(topics[arm].commands_unheard),
                **refused,
                'joint_states': topics[arm].joint_states,
                'published': count.published,
                'delivered': count.delivered,
                'feedback_implausible': count.feedback_implausible,
            },
        )
    for camera, image in images.items():
        exposed = counts.cameras[camera]
        yield ComponentState(
            name=f'camera {camera}',
            level=WARN if image.skipped else OK,
            message=f'{image.skipped} images skipped' if image.skipped else '',
            values={
                'exposed': exposed.exposed,
                'dropped_by_fault': exposed.dropped,
                'flushed_at_reset': exposed.flushed,
                'waiting': exposed.waiting,
                'published': image.published,
                'unwatched': image.unwatched,
                'skipped': image.skipped,
            },
        )


def _known(count: int | None) -> int | str:
    return 'unknown' if count is None else count
