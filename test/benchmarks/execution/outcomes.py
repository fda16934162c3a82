# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Outcomes of episodes that were never run."""

import numpy as np

from wla_ros.benchmarks.execution.benchmark_cell import BenchmarkCell
from wla_ros.benchmarks.execution.benchmark_cell import Conditions
from wla_ros.benchmarks.execution.command_check import QUANTITIES
from wla_ros.benchmarks.execution.episode_outcome import DISTRIBUTIONS
from wla_ros.benchmarks.execution.episode_outcome import EpisodeOutcome
from wla_ros.benchmarks.execution.episode_outcome import binned


def cell(strategy='latest', delay_ms=0, *, policy='flow', task='pass_post', jitter_ms=20, drop=0):
    return BenchmarkCell(
        policy=policy,
        task=task,
        strategy=strategy,
        conditions=Conditions(delay_ms=delay_ms, jitter_ms=jitter_ms, drop_percent=drop),
    )


def outcome(where, seed=0, *, success=True, task_s=4.0, violations=0, values=(0.01, 0.02)):
    key = where if isinstance(where, str) else where.key
    return EpisodeOutcome(
        cell=key,
        seed=seed,
        success=success,
        end_reason='finished',
        judgement='success' if success else 'missed',
        task_s=task_s if success else None,
        waited_s=0.1,
        duration_s=task_s,
        limit_s=10.0,
        splices=len(values),
        chunks_refused=0,
        starvations=0,
        starved_s=0.0,
        commands=100,
        reseeds=0,
        violations={name: violations if name == 'jerk' else 0 for name in QUANTITIES},
        worst_ratio=dict.fromkeys(QUANTITIES, 0.5),
        jerk_rms_rad_s3=3.0,
        distributions={name: binned(np.array(values)) for name in DISTRIBUTIONS},
    )


def episodes(where, *, successes, of, task_s=4.0, spread_s=0.1, **more):
    """Return outcomes by seed; the first `successes` seeds succeed."""
    return {
        where.key: {
            seed: outcome(
                where,
                seed,
                success=seed < successes,
                task_s=task_s + spread_s * (seed % 5),
                **more,
            )
            for seed in range(of)
        }
    }
