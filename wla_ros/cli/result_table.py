"""Results of episodes as a table for a terminal."""

from collections.abc import Sequence

import numpy as np

from wla_ros.evaluation.episode_summary import SourceSummary

_COLUMNS = '{:<9}{:>9}{:>16}{:>12}{:>12}{:>14}{:>14}{:>15}{:>9}{:>9}'
_HEADER = (
    'source', 'success', '95 % interval', 'solved s', 'finished s',
    'chunk p50 ms', 'chunk p99 ms', 'splice p99 ms', 'starved', 'sums ok',
)  # fmt: skip


def result_text(summaries: Sequence[SourceSummary]) -> str:
    """
    Return the table, every failed episode, and what the first source lost.

    That are its sums that are off and its losses between processes.
    """
    failures = [
        f'  {item.source} seed {failure.seed} failed, {failure.cause}; {failure.judgement}'
        for item in summaries
        for failure in item.failures
    ]
    violations = [
        f'  sum violated: {equation.subject} {equation.left.name} by {equation.difference}'
        for equation in summaries[0].violated
    ]
    losses = [
        f'  lost between processes: {loss}'
        + (f', more than {100 * loss.bound:g} %' if loss.excessive else '')
        for loss in summaries[0].losses
        if loss.lost
    ]
    if summaries[0].losses and not losses:
        losses = ['  lost between processes: nothing']
    return '\n'.join([result_table(summaries), *failures, *violations, *losses])


def result_table(summaries: Sequence[SourceSummary]) -> str:
    """Return one line per source: success, times, delays from exposure to chunk and splice."""
    lines = [_COLUMNS.format(*_HEADER)]
    for item in summaries:
        low, high = item.success.interval
        chunk = next((stage for stage in item.stages if stage.stage == 'exposure_to_chunk'), None)
        sums = sum(equation.verdict == 'ok' for equation in item.equations)
        lines.append(
            _COLUMNS.format(
                item.source,
                f'{item.success.successes}/{item.success.episodes}',
                f'{100 * low:.1f}..{100 * high:.1f} %',
                _text(item.task_mean_s),
                _text(item.finished_mean_s),
                _text(None if chunk is None else chunk.p50_ms),
                _text(None if chunk is None else chunk.p99_ms),
                _text(float(np.percentile(item.delays_ms, 99)) if item.delays_ms.size else None),
                item.starvations if item.equations else '-',
                f'{sums}/{len(item.equations)}' if item.equations else '-',
            )
        )
    return '\n'.join(lines)


def _text(value: float | None) -> str:
    return '-' if value is None else f'{value:.2f}'
