# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Prompts of tests on the device."""

from wla_ros.policies.wla.model.network import upload
from wla_ros.policies.wla.prompt_plan import ImageOrder
from wla_ros.policies.wla.prompt_plan import plan_prompt


def prompt_of(model, tokens, grids):
    """Return `tokens` [s] with the images `grids` as a batch of one."""
    plan = plan_prompt(tokens, ImageOrder(tuple(grids), 0), model.config)
    return upload([plan], model.device)
