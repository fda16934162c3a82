# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The policy `wla` by its name: what its file loads, in the kinematics of the arms."""

from functools import partial

from wla_ros.base.geometry import matrix_to_pose7
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Policy
from wla_ros.policies.registry import PolicyContext
from wla_ros.policies.registry import PolicyEntry
from wla_ros.policies.wla.settings import WlaSettings
from wla_ros.robots.piper.forward_kinematics import ZeroConvention
from wla_ros.robots.piper.forward_kinematics import flange_pose


def _make(settings: WlaSettings, context: PolicyContext) -> Policy:
    from wla_ros.policies.wla.loading import load_wla_policy

    offset_m = settings.actions.tool_offset_m

    def tool_pose(zero: ZeroConvention, joints: FloatArray) -> FloatArray:
        return matrix_to_pose7(flange_pose(joints, zero=zero, tool_offset_m=offset_m))

    kinematics = {arm: partial(tool_pose, context.seen_zero(arm)) for arm in context.layout.arms}
    return load_wla_policy(settings, context.layout, kinematics, progress=context.progress)


WLA = PolicyEntry(settings=WlaSettings, make=_make)
