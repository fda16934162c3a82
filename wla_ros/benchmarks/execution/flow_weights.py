# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Weights of the small flow policy for pass_post: demonstrated in the kinematic simulation, trained
on the CPU, kept in a folder of the caller. The same choices give the same weights.

Composition only.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from wla_ros.base.joints import JointLayout
from wla_ros.base.progress import progress_bar
from wla_ros.base.types import Policy
from wla_ros.benchmarks.post.pass_post import ARM
from wla_ros.benchmarks.post.pass_post import GOAL
from wla_ros.benchmarks.post.pass_post import NEXT
from wla_ros.benchmarks.post.pass_post import POST
from wla_ros.benchmarks.post.post_demonstrations import DT_NS
from wla_ros.benchmarks.post.post_demonstrations import PostDemonstrationConfig
from wla_ros.benchmarks.post.post_demonstrations import post_demonstrations
from wla_ros.sim import arm_settings
from wla_ros.sim.tasks.task_options import PostOptions

# To be raised whenever demonstrations or training change, so that no old weights are taken.
_REVISION = 9
_GRIPPER_M = 0.004  # closed, without pressing
# 14 rows at 30 Hz: a delay of 400 ms and two rows to spare.
_DELAY_ROWS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowChoices:
    """What may vary; plain values."""

    seed: int = 0
    steps: int = 12000
    width: int = 256  # of the network
    prefixed: float = 0.35  # share of training samples with a clean prefix
    rolled: float = 0.3  # with joints newer than objects
    options: PostOptions = field(default_factory=PostOptions)
    demonstrations: PostDemonstrationConfig = field(default_factory=PostDemonstrationConfig)


def flow_weights(cache: Path, choices: FlowChoices | None = None, *, quiet: bool = False) -> Path:
    """
    Return the folder with the weights for `choices` below `cache`, trained if they are not there.

    Training takes about four minutes of one core, shows a progress bar unless `quiet`, and keeps
    the number of threads that torch uses.
    """
    import torch

    from wla_ros.benchmarks.flow.flow_config import FlowConfig
    from wla_ros.benchmarks.flow.flow_training import FlowTraining
    from wla_ros.benchmarks.flow.flow_training import train
    from wla_ros.benchmarks.flow.flow_weights import CONFIG

    choices = choices or FlowChoices()
    training = FlowTraining(
        policy=FlowConfig(
            arm=ARM,
            objects=(POST, GOAL, NEXT),
            base_m=arm_settings.ARM_BASES[ARM],
            tool_offset_m=arm_settings.TCP_OFFSET_M,
            gripper_m=_GRIPPER_M,
            horizon=choices.demonstrations.horizon,
            dt_ns=DT_NS,
            clean_prefix_rows=_DELAY_ROWS,
            rolled_rows=_DELAY_ROWS,
            width=choices.width,
        ),
        steps=choices.steps,
        prefixed=choices.prefixed,
        rolled=choices.rolled,
        seed=choices.seed,
    )
    described = [_REVISION, dataclasses.asdict(choices), dataclasses.asdict(training)]
    key = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]
    folder = cache / f'flow-pass_post-{key}'
    if (folder / CONFIG).exists():
        return folder
    demonstrations = post_demonstrations(choices.demonstrations, choices.options)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so that sums, and with them the weights, are the same everywhere
    try:
        with progress_bar('flow policy', total=training.steps, unit='steps', quiet=quiet) as bar:

            def show(done: int, _total: int, loss: float) -> None:
                bar.update(done - bar.n)
                if done % 100 == 0:
                    bar.set_postfix(loss=f'{loss:.4f}')

            return train(training, demonstrations, folder, progress=show)
    finally:
        torch.set_num_threads(threads)


def flow_policy(weights: Path, layout: JointLayout, *, steps: int = 8) -> Policy:
    """
    Return the policy with the weights in the folder `weights`, sampled in `steps` Euler steps.

    Raises ConfigurationError if they cannot be used.
    """
    from wla_ros.benchmarks.flow.flow_policy import load_flow_policy
    from wla_ros.benchmarks.flow.flow_settings import FlowSettings

    return load_flow_policy(weights, layout, FlowSettings(steps=steps))
