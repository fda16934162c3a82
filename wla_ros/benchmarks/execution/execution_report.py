# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Writes figures, a summary, and the marked sections of a page; records ways for a figure."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wla_ros.base.progress import progress_bar
from wla_ros.base.types import FloatArray
from wla_ros.base.whole_file import write_whole
from wla_ros.benchmarks.execution import benchmark_plots
from wla_ros.benchmarks.execution.benchmark_page import motion_section
from wla_ros.benchmarks.execution.benchmark_page import pairs_section
from wla_ros.benchmarks.execution.benchmark_page import summary_values
from wla_ros.benchmarks.execution.benchmark_page import sweep_section
from wla_ros.benchmarks.execution.benchmark_page import trouble_section
from wla_ros.benchmarks.execution.benchmark_page import verdict_section
from wla_ros.benchmarks.execution.benchmark_page import with_sections
from wla_ros.benchmarks.execution.benchmark_table import BenchmarkTable
from wla_ros.benchmarks.execution.benchmark_verdict import best_asynchronous
from wla_ros.benchmarks.execution.execution_episode import EpisodeParts
from wla_ros.benchmarks.execution.execution_episode import run_record
from wla_ros.benchmarks.execution.path_figure import path_figure
from wla_ros.benchmarks.execution.path_figure import read_paths
from wla_ros.benchmarks.execution.path_figure import tool_path
from wla_ros.benchmarks.execution.path_figure import write_paths
from wla_ros.benchmarks.execution.task_variant import task_variant
from wla_ros.benchmarks.post import pass_post
from wla_ros.robots.piper.kinematics import PiperKinematics
from wla_ros.sim import arm_settings

# The delay at which the claims are made and seams are compared.
_DELAY_MS = 200
_PATHS = 'paths.json'
_PATH_SEEDS = range(24)


def write_report(folder: Path, table: BenchmarkTable) -> list[Path]:
    """Write the figures and summary.json into `folder`; return their paths."""
    written = []
    pictures = figures(table)
    if (folder / _PATHS).exists():
        pictures['paths'] = path_figure(
            read_paths(folder / _PATHS),
            post=pass_post.POST,
            post_radius_m=pass_post.POST_RADIUS_M,
            goal=pass_post.GOAL,
        )
    for name, picture in pictures.items():
        path = folder / f'{name}.png'
        write_whole(path, picture)
        written.append(path)
    summary = folder / 'summary.json'
    write_whole(summary, json.dumps(summary_values(table), indent=1) + '\n')
    return [*written, summary]


def record_paths(folder: Path, table: BenchmarkTable, parts: EpisodeParts) -> None:
    """
    Run some episodes of pass_post and write where the tool went: latest, crossfade, the best.

    The policy is flow if it was run, else the expert.
    """
    scene = next(
        (
            (policy, task)
            for policy, task in sorted(table.scenes, key=lambda item: item[0] != 'flow')
            if task_variant(task).task == pass_post.PassPost.name
        ),
        None,
    )
    best = None if scene is None else best_asynchronous(table, *scene, _DELAY_MS)
    if scene is None or best is None:
        return
    kinematics = PiperKinematics(
        tool_offset_m=arm_settings.TCP_OFFSET_M, base=base_of(pass_post.ARM)
    )
    names = dict.fromkeys(('latest', 'crossfade', best.cell.strategy))
    episodes = [(name, seed) for name in names for seed in _PATH_SEEDS]
    paths = []
    bar = progress_bar('ways around the post', total=len(episodes), unit='episodes')
    for name, seed in episodes:
        bar.update()
        cell = dataclasses.replace(best.cell, strategy=name)
        paths.append(
            tool_path(
                run_record(parts, cell, seed),
                arm=pass_post.ARM,
                kinematics=kinematics,
                strategy=name,
                delay_ms=_DELAY_MS,
            )
        )
    write_paths(folder / _PATHS, paths)


def base_of(arm: str) -> FloatArray:
    """Return the pose [4, 4] of the base of a simulated arm in the world."""
    base: FloatArray = np.eye(4)
    base[:3, 3] = arm_settings.ARM_BASES[arm]
    return base


def figures(table: BenchmarkTable) -> dict[str, bytes]:
    """Return every figure by the name of its file."""
    pictures = {
        'success': benchmark_plots.success_figure(table),
        'time': benchmark_plots.time_figure(table),
    }
    for policy in dict.fromkeys(policy for policy, _ in table.scenes):
        at_delay = any(
            at.delay_ms == _DELAY_MS
            for scene in table.scenes
            for at in table.sweep(*scene)
            if scene[0] == policy
        )
        if at_delay:
            pictures[f'seams_{policy}'] = benchmark_plots.seam_figure(table, policy, _DELAY_MS)
        if any(table.troubled(*scene) for scene in table.scenes if scene[0] == policy):
            pictures[f'trouble_{policy}'] = benchmark_plots.trouble_figure(table, policy)
    return pictures


def write_page(
    page: Path, folder: Path, table: BenchmarkTable, described: Mapping[str, Any]
) -> list[Path]:
    """
    Put the results into the marked sections of `page` and the figures beside it.

    Figures that were written into `folder` are copied, so that page and folder agree.
    """
    written = [page]
    for picture in sorted(folder.glob('*.png')):
        path = page.parent / f'{page.stem}_{picture.name}'
        write_whole(path, picture.read_bytes())
        written.append(path)
    text = with_sections(page.read_text(encoding='utf-8'), sections(table, described))
    write_whole(page, text)
    return written


def sections(table: BenchmarkTable, described: Mapping[str, Any]) -> dict[str, str]:
    """Return the marked sections by name."""
    parts: dict[str, list[str]] = {'delays': [], 'trouble': [], 'motion': [], 'pairs': []}
    for policy, task in table.scenes:
        title = f'Policy `{policy}`, task `{task}`:'
        for name, text in (
            ('delays', sweep_section(table, policy, task)),
            ('trouble', trouble_section(table, policy, task)),
            ('motion', motion_section(table, policy, task, _DELAY_MS)),
            ('pairs', pairs_section(table, policy, task, _DELAY_MS)),
        ):
            if text:
                parts[name] += [title, '', text, '']
    versions = ', '.join(f'{key} {value}' for key, value in described['versions'].items())
    episodes = sum(item.success.episodes for item in table.cells.values())
    run = (
        f'{episodes:,} episodes in {len(table.cells)} cells, first seed '
        f'{described["first_seed"]}; {versions}.'
    )
    return {
        'run': run,
        'verdict': verdict_section(table),
        **{name: '\n'.join(lines) for name, lines in parts.items()},
    }
