# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
How a topic is used, and what must be true of it on the graph: one publisher, one message type.

Types are compared by name, and by the hash of their fields where the graph tells it: some
middlewares connect types of equal structure, others say nothing when names differ, and two hosts
may have two versions of one package. Publishers are counted by endpoint, so two nodes of the same
name are two, and so are two publishers of one process. Knows no ROS.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass

from wla_ros.base.reasons import SEVERAL_PUBLISHERS
from wla_ros.base.reasons import TYPE_MISMATCH
from wla_ros.base.types import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One publisher or subscription on the graph."""

    node: str  # '/namespace/name'
    type_name: str  # 'package/msg/Type'
    type_hash: str = ''  # of the fields of the type; '' where the middleware tells none (Humble)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicEnds:
    """Everybody on a topic."""

    publishers: Sequence[Endpoint] = ()
    subscriptions: Sequence[Endpoint] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicUse:
    """What a node does with a topic."""

    topic: str  # as configured, before namespace and remapping
    what: str  # for people: 'joint feedback of left'
    type_name: str  # the type this side uses; '' if none of the driver's types is installed
    output: bool = False  # this side publishes, others subscribe


def judge_topic(
    use: TopicUse, ends: TopicEnds, *, allowed: int = 1, type_hash: str = ''
) -> tuple[Refusal, ...]:
    """
    Return what is wrong with `ends` for `use`: several_publishers, type_mismatch, or nothing.

    `allowed` publishers may be there: the one source of an input; of an output the publishers of
    this side, 0 before it has one. No publisher at all is not judged here: ages tell that.
    `type_hash` is of the fields that the type has on this side, '' if that is not known.
    """
    problems = []
    publishers = ends.publishers
    if len(publishers) > allowed:
        names = ', '.join(sorted(end.node for end in publishers))
        expected = f'{allowed} may be' if allowed else 'none may be before this node'
        problems.append(
            Refusal(
                reason=SEVERAL_PUBLISHERS,
                detail=f'{use.what}: {len(publishers)} publishers on {use.topic} ({names}), '
                f'{expected}: stop the others',
            )
        )
    others = ends.subscriptions if use.output else publishers
    wrong = sorted({end.type_name for end in others} - {use.type_name})
    if wrong:
        nodes = ', '.join(sorted({end.node for end in others if end.type_name in wrong}))
        verb = 'is read' if use.output else 'is published'
        ours = f'this node uses {use.type_name}' if use.type_name else 'this node cannot load it'
        problems.append(
            Refusal(
                reason=TYPE_MISMATCH,
                detail=f'{use.what}: {use.topic} {verb} as {", ".join(wrong)} by {nodes}, {ours}; '
                'source the messages of the driver, check driver_profile and robot.simulated',
            )
        )
    problems += _other_versions(use, others, type_hash)
    return tuple(problems)


def _other_versions(
    use: TopicUse, others: Sequence[Endpoint], type_hash: str
) -> Iterator[Refusal]:
    """Yield the problem that `others` have other fields under the name of our type, if so."""
    nodes = {
        end.node
        for end in others
        if type_hash and end.type_name == use.type_name and end.type_hash not in ('', type_hash)
    }
    if nodes:
        package = use.type_name.partition('/')[0]
        yield Refusal(
            reason=TYPE_MISMATCH,
            detail=f'{use.what}: {use.topic} has other fields in {use.type_name} at '
            f'{", ".join(sorted(nodes))}: install the same version of {package} on both hosts',
        )
