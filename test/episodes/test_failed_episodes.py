# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A failed episode says what ended it, and a slow machine is named before anything else."""

import json
from pathlib import Path

import pytest

from wla_ros.bags.writing import BagWriter
from wla_ros.cli.main import result_text
from wla_ros.episodes.from_bag import EpisodeWindow
from wla_ros.episodes.from_bag import RunTopics
from wla_ros.episodes.from_bag import episodes_of_bag
from wla_ros.episodes.machine_pace import MachinePace
from wla_ros.episodes.metrics import measure
from wla_ros.episodes.report import write_report
from wla_ros.robots.profile import load_driver_profile

PROFILE = load_driver_profile(Path(__file__).parents[2] / 'config' / 'drivers' / 'piper_ros.yaml')
CAUSE = 'no chunk for 5.1 s: head stale'
MISSING = 'the cups are 264 mm apart'
WINDOW = EpisodeWindow(
    start_ns=10**9, end_ns=10**10, seed=7, task='stack_cup', instruction='', success=False,
    judgement=MISSING, end_reason='fault', end_message=CAUSE,
)  # fmt: skip
BUSY = MachinePace(
    real_time_factor=0.41, tick_lateness_p99_s=0.02, exposure_to_chunk_p99_s=0.245,
    load_average=6.3, cores=2,
)  # fmt: skip


def test_the_words_of_the_result_stand_in_summary_report_and_table(tmp_path: Path) -> None:
    with BagWriter(tmp_path / 'bag') as writer:
        writer.add_topic('/limited_command', 'sensor_msgs/msg/JointState')
    records = episodes_of_bag(tmp_path / 'bag', (WINDOW,), PROFILE, RunTopics())
    written = write_report(
        tmp_path, title='Run', metrics=[measure(records[0])], records=records, pace=BUSY
    )
    page = written.page.read_text(encoding='utf-8')
    values = json.loads(written.summary.read_text(encoding='utf-8'))
    assert f'fault: {CAUSE}' in page
    assert CAUSE in page.split('class="strip"')[0]  # of the episode as well
    assert values['sources'][0]['failures'] == [
        {'seed': 7, 'end_reason': 'fault', 'message': CAUSE, 'judgement': MISSING}
    ]
    assert f'fault: {CAUSE}; {MISSING}' in result_text(written.summaries)
    head = page[: page.index('</header>')]
    assert 'The machine did not keep up: real-time factor 0.41, load average 6.3 on 2' in head
    assert values['machine']['overloaded'] is True


@pytest.mark.parametrize(
    ('factor', 'tick_s', 'chunk_s', 'overloaded'),
    [
        (1.0, 0.001, 0.04, False),
        (1.0, 0.0, None, False),
        (0.9, 0.0, 0.04, True),
        (1.0, 0.008, 0.04, True),
        (1.0, 0.001, 0.245, True),
    ],
)
def test_a_machine_that_did_not_keep_up_is_named(
    factor: float, tick_s: float, chunk_s: float | None, overloaded: bool
) -> None:
    pace = MachinePace(
        real_time_factor=factor, tick_lateness_p99_s=tick_s, exposure_to_chunk_p99_s=chunk_s,
        load_average=1.0, cores=2,
    )  # fmt: skip
    assert pace.overloaded is overloaded
    assert ('did not keep up' in pace.sentence) is overloaded
    assert f'real-time factor {factor:.2f}' in pace.sentence
