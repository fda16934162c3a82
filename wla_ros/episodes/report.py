# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Episodes to one self-contained HTML page and a JSON summary."""

import base64
import json
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from wla_ros.base.whole_file import write_whole
from wla_ros.episodes import plots
from wla_ros.episodes.counters import Equation
from wla_ros.episodes.machine_pace import MachinePace
from wla_ros.episodes.metrics import EpisodeMetrics
from wla_ros.episodes.metrics import joined_durations_ms
from wla_ros.episodes.metrics import measure
from wla_ros.episodes.record import EpisodeRecord
from wla_ros.episodes.record import Picture
from wla_ros.episodes.summary import SourceSummary
from wla_ros.episodes.summary import summarise
from wla_ros.episodes.summary import summary_values

REPORT_NAME, SUMMARY_NAME = 'report.html', 'summary.json'
_STRIP_LENGTH = 8
_JPEG_QUALITY = 88
_STILL_RAD = 0.005
_ENDINGS = {
    'finished': 'the policy was done',
    'solved': 'the task was solved for good',
    'failed': 'the task could not be solved any more',
    'time_limit': 'stopped by the time limit',
    'fault': 'stopped by a fault',
}
# Endings whose message says the same again.
_SAID = ('finished', 'time_limit')


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenReport:
    """Where a report was written, and its numbers."""

    page: Path
    summary: Path
    summaries: tuple[SourceSummary, ...]


def write_report(
    folder: Path,
    *,
    title: str,
    metrics: Sequence[EpisodeMetrics],
    records: Sequence[EpisodeRecord],
    versions: Mapping[str, str] | None = None,
    pace: MachinePace | None = None,
) -> WrittenReport:
    """
    Write report.html and summary.json into `folder`, which is made if needed.

    `metrics` are of all episodes, the main source first; `records` are those to show in detail;
    `pace` is how the machine kept up if they are of a live run.
    Episodes with a record but without metrics are measured here.
    """
    known = {(item.source, item.seed) for item in metrics}
    extra = [measure(item) for item in records if (item.source, item.seed) not in known]
    everything = [*metrics, *extra]
    summaries = summarise(everything)
    folder.mkdir(parents=True, exist_ok=True)
    page, summary = folder / REPORT_NAME, folder / SUMMARY_NAME
    text = render_report(
        title=title, metrics=everything, records=records, versions=versions or {}, pace=pace
    )
    write_whole(page, text)
    values = {
        'title': title,
        'machine': None if pace is None else pace.values(),
        'sources': [summary_values(item) for item in summaries],
    }
    write_whole(summary, json.dumps(values, indent=2))
    return WrittenReport(page=page, summary=summary, summaries=summaries)


def render_report(
    *,
    title: str,
    metrics: Sequence[EpisodeMetrics],
    records: Sequence[EpisodeRecord],
    versions: Mapping[str, str],
    pace: MachinePace | None = None,
) -> str:
    """Return the page. Raises ValueError without any episode."""
    if not metrics:
        raise ValueError('a report needs at least one episode')
    summaries = summarise(metrics)
    main = summaries[0]
    durations = joined_durations_ms(item for item in metrics if item.source == main.source)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    first = records[0] if records else None
    return environment.get_template('report.html.j2').render(
        title=title,
        verdict=_verdict(main, pace),
        tiles=_tiles(main),
        failures=[
            (item.source, failure.seed, failure.cause, failure.judgement)
            for item in summaries
            for failure in item.failures
        ],
        comparison=[_comparison_row(item) for item in summaries],
        episodes=[_episode(record) for record in records],
        latency=_latency(main, durations),
        sums=_sums(main),
        rows=[_metrics_row(item) for item in metrics],
        configuration=sorted(first.configuration.items()) if first else [],
        versions=sorted({**(first.versions if first else {}), **versions}.items()),
    )


def _verdict(summary: SourceSummary, pace: MachinePace | None) -> dict[str, str]:
    successes, episodes = summary.success.successes, summary.success.episodes
    if summary.violated:
        tone, word = 'bad', 'Counters do not add up'
    elif summary.excessive:
        kinds = dict.fromkeys(item.link.partition(' ')[0] for item in summary.excessive)
        tone, word = 'bad', f'Too many {" and ".join(kinds)} were lost'
    elif successes == episodes:
        tone, word = 'good', 'Success' if episodes == 1 else 'All episodes succeeded'
    elif successes == 0:
        tone, word = 'bad', 'Failure'
    else:
        tone, word = 'warn', f'{successes} of {episodes} succeeded'
    times = ''
    if summary.task_mean_s is not None:
        times = f', solved after {summary.task_mean_s:.1f} s on average'
    lost = 'Every image, chunk and command is accounted for.'
    if summary.violated:
        lost = f'{len(summary.violated)} sums do not add up.'
    elif summary.unknown or not summary.equations:
        lost = 'Some counters were not recorded.'
    if summary.losses:
        lost += f' Lost between processes: {_lost(summary)}.'
    plural = 'episode' if episodes == 1 else 'episodes'
    return {
        'tone': tone,
        'word': word,
        'sentence': f'{successes} of {episodes} {summary.source} {plural} succeeded{times}. '
        f'{lost}',
        'machine': '' if pace is None else pace.sentence,
        'machine_tone': 'warn' if pace is not None and pace.overloaded else '',
    }


def _lost(summary: SourceSummary) -> str:
    """Return every link that lost something, in words."""
    return ', '.join(str(item) for item in summary.losses if item.lost) or 'nothing'


def _tiles(summary: SourceSummary) -> list[dict[str, str]]:
    low, high = summary.success.interval
    latency = next((item for item in summary.stages if item.stage == 'exposure_to_chunk'), None)
    complete = summary.success.successes == summary.success.episodes
    tiles = [
        _tile(
            'Success',
            f'{summary.success.successes}/{summary.success.episodes}',
            f'95 % interval {100 * low:.0f} to {100 * high:.0f} %',
            tone='good' if complete else 'bad',
        ),
        _tile(
            'Solved after',
            _number(summary.task_mean_s, 's'),
            f'slowest {_number(summary.task_max_s, "s")}',
        ),
    ]
    if latency is not None:
        tiles.append(
            _tile(
                'Exposure to chunk',
                f'{latency.p50_ms:.0f} ms',
                f'median; p99 {latency.p99_ms:.0f} ms',
            )
        )
    if summary.seam_position_max_rad is not None:
        speed = f'{_small_angle(summary.seam_velocity_max_rad_s or 0.0)}/s'
        tiles.append(
            _tile(
                'Largest seam step',
                _small_angle(summary.seam_position_max_rad),
                f'{speed}, over {summary.chunks} chunks',
            )
        )
    if summary.equations:
        tiles.append(
            _tile(
                'Starvations',
                str(summary.starvations),
                f'{summary.starved_s:.2f} s in all',
                tone='bad' if summary.starvations else '',
            )
        )
        if summary.losses:
            worst = max(summary.losses, key=lambda item: item.share / item.bound)
            tiles.append(
                _tile(
                    'Lost between processes',
                    f'{100 * worst.share:.1f} %',
                    f'of {worst.link}, at most {100 * worst.bound:g} %',
                    tone='bad' if summary.excessive else 'good',
                )
            )
        ok = sum(item.verdict == 'ok' for item in summary.equations)
        tiles.append(
            _tile(
                'Sums that add up',
                f'{ok}/{len(summary.equations)}',
                f'{len(summary.unknown)} not counted' if summary.unknown else 'all counted',
                tone='bad' if summary.violated else 'good',
            )
        )
    return tiles


def _tile(name: str, value: str, more: str, *, tone: str = '') -> dict[str, str]:
    return {'name': name, 'value': value, 'more': more, 'tone': tone}


def _comparison_row(summary: SourceSummary) -> tuple[str, ...]:
    low, high = summary.success.interval
    return (
        summary.source,
        f'{summary.success.successes}/{summary.success.episodes}',
        f'{100 * low:.1f} to {100 * high:.1f} %',
        _number(summary.task_mean_s, 's', digits=2),
        _number(summary.task_max_s, 's', digits=2),
        _number(summary.finished_mean_s, 's', digits=2),
        str(summary.starvations) if summary.equations else '–',
    )


def _episode(record: EpisodeRecord) -> dict[str, Any]:
    figures = []
    if record.changes:
        figures.append(('Timeline', True, plots.timeline_figure(record)))
    if record.commands is not None:
        for arm in record.arms:
            title = f'Joints of the {arm.arm} arm: planned, commanded, measured'
            figures.append((title, _moves(record, arm.arm), plots.joint_figure(record, arm.arm)))
        figures.append(('Commanded velocity', True, plots.velocity_figure(record)))
        figures.append(('Measured less commanded', True, plots.error_figure(record)))
    outcome = 'success' if record.success else f'failed: {record.judgement}'
    solved = '' if record.task_s is None else f', solved after {record.task_s:.1f} s'
    instruction = f'“{record.instruction}” ' if record.instruction else ''
    computed = f' Computed in {record.wall_s:.1f} s.' if record.wall_s else ''
    ending = _ENDINGS.get(record.end_reason, record.end_reason)
    if record.end_message and record.end_reason not in _SAID:
        ending += f' ({record.end_message})'
    return {
        'heading': f'Episode with seed {record.seed}, {record.source}',
        'sentence': f'{instruction}by {record.policy}: {outcome}{solved}, {ending} after '
        f'{record.finished_s or record.duration_s:.1f} s with {len(record.chunks)} chunks.'
        f'{computed}',
        'pictures': [_picture(record, picture) for picture in _strip(record)],
        'figures': [
            {'title': title, 'open': shown, 'data': _base64(data)}
            for title, shown, data in figures
        ],
        'tracking': [
            (
                item.arm,
                f'{1e3 * item.rms_rad:.2f}',
                f'{1e3 * item.max_rad:.2f}',
                f'{1e3 * item.lag_s:.0f}',
                f'{1e3 * item.rms_at_lag_rad:.2f}',
            )
            for item in measure(record).tracking
        ],
    }


def _moves(record: EpisodeRecord, arm: str) -> bool:
    """Whether a joint of `arm` is commanded over more than 5 mrad."""
    place = record.columns_of(arm)
    if record.commands is None or place is None:
        return False
    columns = record.commands.position[:, place.start : place.stop - 1]
    return bool(columns.size and np.ptp(columns, axis=0).max() > _STILL_RAD)


def _strip(record: EpisodeRecord) -> list[Picture]:
    """Return at most eight pictures: the middle of every subtask, else evenly spread."""
    pictures = [item for item in record.pictures if item.stamp_ns >= record.start_ns]
    if len(pictures) <= _STRIP_LENGTH:
        return pictures
    spans = [span for value, span in record.intervals_of('subtask') if value]
    wanted = [(span.start_ns + span.end_ns) // 2 for span in spans]
    if not 4 <= len(wanted) <= _STRIP_LENGTH:
        wanted = np.linspace(record.start_ns, record.end_ns, _STRIP_LENGTH).astype(int).tolist()
    stamps = np.array([item.stamp_ns for item in pictures])
    chosen = sorted({int(np.abs(stamps - time_ns).argmin()) for time_ns in wanted})
    return [pictures[i] for i in chosen]


def _picture(record: EpisodeRecord, picture: Picture) -> dict[str, str]:
    subtask = ''
    for value, span in record.intervals_of('subtask'):
        if span.start_ns <= picture.stamp_ns < span.end_ns:
            subtask = value
    ok, data = cv2.imencode(
        '.jpg', picture.pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    if not ok:
        raise ValueError(f'picture {picture.pixels.shape} cannot be encoded as JPEG')
    return {
        'time': f'{(picture.stamp_ns - record.start_ns) / 1e9:.1f} s',
        'caption': picture.caption or subtask or 'start',
        'data': _base64(data.tobytes()),
    }


def _latency(summary: SourceSummary, durations: Mapping[str, Any]) -> dict[str, Any] | None:
    if not summary.stages:
        return None
    return {
        'source': summary.source,
        'figure': _base64(plots.latency_figure(durations)),
        'rows': [
            (
                item.stage.replace('_', ' '),
                str(item.count),
                f'{item.p50_ms:.2f}',
                f'{item.p95_ms:.2f}',
                f'{item.p99_ms:.2f}',
                f'{item.max_ms:.2f}',
            )
            for item in summary.stages
        ],
    }


def _sums(summary: SourceSummary) -> dict[str, Any] | None:
    if not summary.equations:
        return None
    ok = sum(item.verdict == 'ok' for item in summary.equations)
    sentence = f'{ok} of {len(summary.equations)} sums add up.'
    if summary.unknown:
        sentence += f' {len(summary.unknown)} lack a counter.'
    return {
        'source': summary.source,
        'sentence': sentence,
        'rows': [_sum_row(item) for item in summary.equations],
    }


def _sum_row(equation: Equation) -> dict[str, Any]:
    difference = equation.difference
    return {
        'subject': equation.subject,
        'left_name': equation.left.name.replace('_', ' '),
        'left': _count(equation.left.value),
        'right': [
            {'name': term.name.replace('_', ' '), 'value': _count(term.value)}
            for term in equation.right
        ],
        'verdict': equation.verdict,
        'difference': f' by {difference:+d}' if difference else '',
    }


def _metrics_row(item: EpisodeMetrics) -> tuple[Any, ...]:
    seam = item.seam_position_max_rad
    return (
        item.source,
        item.seed,
        item.success,
        _number(item.task_s, '', digits=2),
        _number(item.finished_s, '', digits=2),
        item.chunks or '–',
        '–' if not item.chunks or item.chunks_refused is None else item.chunks_refused,
        item.starvations if item.equations else '–',
        '–' if seam is None else f'{1e3 * seam:.2g}',
        _number(item.jerk_rms_rad_s3, '', digits=1),
        '–' if item.limit_hits is None else item.limit_hits,
        _number(item.wall_s, '', digits=1),
    )


def _number(value: float | None, unit: str, *, digits: int = 1) -> str:
    return '–' if value is None else f'{value:.{digits}f} {unit}'.strip()


def _small_angle(angle_rad: float) -> str:
    if angle_rad < 1e-6:
        return '< 1 µrad'
    return f'{1e3 * angle_rad:.2g} mrad' if angle_rad >= 1e-4 else f'{1e6 * angle_rad:.2g} µrad'


def _count(value: int | None) -> str:
    return 'not counted' if value is None else f'{value:,}'.replace(',', '\u202f')


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode('ascii')
