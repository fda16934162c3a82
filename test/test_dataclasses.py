# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Values that cross from one room to another cannot be changed, misspelt or mixed up.

Frozen: who holds a value knows it. Slots: no attribute comes into being by a typing error. Keyword
only: two numbers of the same type are not given in the wrong order.
"""

import dataclasses

import pytest
from test_value_equality import dataclasses_of_the_package

ROOMS = ('base', 'robots', 'observation', 'inference', 'execution')
# State of one object that nobody else holds.
CHANGING = {
    'base.warning_pace._Kind',
    'observation.time_line._Series',
    'execution.feedback._Doubt',
}
# Short values that read as a tuple where they are made.
IN_ORDER = {
    'base.curve.CurveSample',
    'base.joints.JointLayout',
    'base.warning_pace._Kind',
    'observation.time_line._Series',
    'execution.bridge.BridgeFit',
    'execution.bridge.SpliceBridge',
    'execution.feedback._Doubt',
    'execution.joins._Member',
    'execution.limiter.Stop',
    'execution.path._Piece',
    'execution.sources.Step',
}
# Keeps what it has computed once (cached_property), which needs a dictionary.
WITHOUT_SLOTS = {'execution.schedule.ChunkSchedule'}


def without(promise, room):
    """Return the names of the dataclasses of a room that do not keep a promise."""
    return {
        f'{kind.__module__}.{kind.__qualname__}'.removeprefix('wla_ros.')
        for kind in dataclasses_of_the_package([room])
        if not promise(kind)
    }


@pytest.mark.parametrize('room', ROOMS)
def test_values_cannot_be_changed(room):
    assert without(lambda kind: kind.__dataclass_params__.frozen, room) <= CHANGING


@pytest.mark.parametrize('room', ROOMS)
def test_values_have_no_attributes_besides_their_fields(room):
    assert without(lambda kind: '__slots__' in vars(kind), room) <= WITHOUT_SLOTS


@pytest.mark.parametrize('room', ROOMS)
def test_fields_are_given_by_name(room):
    def by_name(kind):
        return all(field.kw_only for field in dataclasses.fields(kind) if field.init)

    assert without(by_name, room) <= IN_ORDER
