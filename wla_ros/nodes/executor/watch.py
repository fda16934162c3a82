# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Who else is on the topics of the executor: looked at while it runs, told to ChunkExecutor.

Owns the claim on the command topics and the words for people. What is wrong `judge_topic` says,
what follows for the arms ChunkExecutor.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from wla_ros.base.reasons import SEVERAL_PUBLISHERS
from wla_ros.base.reasons import WAITING_FOR_DISCOVERY
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import Refusal
from wla_ros.execution.executor import ChunkExecutor
from wla_ros.execution.graph import Claim
from wla_ros.execution.graph import CommandClaim
from wla_ros.execution.graph import GraphCondition
from wla_ros.nodes.arms import ArmStatusInputs
from wla_ros.nodes.diagnostics import ERROR
from wla_ros.nodes.diagnostics import OK
from wla_ros.nodes.diagnostics import WARN
from wla_ros.nodes.diagnostics import ComponentState
from wla_ros.nodes.graph import CHUNKS
from wla_ros.nodes.graph import command_uses
from wla_ros.nodes.graph import feedback_uses
from wla_ros.nodes.graph import judge
from wla_ros.nodes.lifecycle import LifecycleNodeBase
from wla_ros.robots.robot import Robot

_PERIOD_S = 0.25  # while the command topics are claimed
_PERIODS_PER_LOOK = 4  # then once a second


class ExecutorWatch:
    """Looks in the thread that spins the node; `start` before commands are wanted."""

    def __init__(
        self,
        node: LifecycleNodeBase[Any],
        executor: ChunkExecutor,
        lock: threading.RLock,
        *,
        robot: Robot,
        form: str,
        statuses: ArmStatusInputs,
        discovery_s: float,
        open_outputs: Callable[[], None],
    ) -> None:
        """
        Watch for `executor`, guarded by `lock`; `open_outputs` creates the command publishers.

        Each time `discovery_s` without another publisher pass before that, and before the first
        command.
        """
        self._node = node
        self._executor = executor
        self._lock = lock
        self._statuses = statuses
        self._feedback = feedback_uses(robot)
        self._commands = command_uses(robot, form=form)
        self._claim = CommandClaim(seconds_to_ns(discovery_s))
        self._discovery_s = discovery_s
        self._open_outputs = open_outputs
        self._published = False
        self._turn = 0
        self._told = ''
        self._condition = GraphCondition()
        node.every(_PERIOD_S, self._on_timer)

    def start(self) -> None:
        """Claim the command topics: nothing is sent until they are ours."""
        self._claim.begin(published=self._published)
        self.look()

    def look(self) -> None:
        """Look at the graph and tell the executor."""
        node = self._node
        commands = [
            found
            for use in self._commands
            for found in judge(node, use, allowed=int(self._published))
        ]
        foreign = [found for found in commands if found.reason == SEVERAL_PUBLISHERS]
        claim = self._claim.update(time.monotonic_ns(), foreign=bool(foreign))
        if claim is not Claim.WAITING and not self._published:
            self._open_outputs()
            self._published = True
        feedback = [found for use in self._feedback for found in judge(node, use)]
        # Several sources are no problem of the arms: autonomy is given to one session.
        sources = node.count_publishers(CHUNKS.topic)
        others = [found for found in judge(node, CHUNKS) if found.reason != SEVERAL_PUBLISHERS]
        statuses = [found for problems in self._statuses.judge().values() for found in problems]
        problems = [*commands, *feedback, *statuses, *others]
        if claim is not Claim.OWNED and not foreign:
            problems.append(self._waiting())
        self._tell(
            GraphCondition(
                problem=_joined(problems),
                blind='; '.join(found.detail for found in feedback),
                silent=claim is not Claim.OWNED,
                chunk_sources=sources,
            )
        )

    def component(self) -> ComponentState:
        """Return the state for diagnostics."""
        problem, sources = self._condition.problem, self._condition.chunk_sources
        if problem is not None:
            waiting = problem.reason == WAITING_FOR_DISCOVERY
            level, message = WARN if waiting else ERROR, f'{problem.reason}: {problem.detail}'
        elif sources > 1:
            level, message = WARN, f'{sources} publishers of action chunks'
        else:
            level, message = OK, 'one publisher on every topic, types agree'
        return ComponentState(
            name='graph', level=level, message=message, values={'chunk_sources': sources}
        )

    def _waiting(self) -> Refusal:
        return Refusal(
            reason=WAITING_FOR_DISCOVERY,
            detail='commands wait until nobody else was on their topics for '
            f'{self._discovery_s:g} s, before and after this node publishes there',
        )

    def _tell(self, condition: GraphCondition) -> None:
        self._condition = condition
        with self._lock:
            self._executor.accept_graph(condition)
        problem = condition.problem
        text = '' if problem is None else f'{problem.reason}: {problem.detail}'
        if text == self._told:
            return
        self._told = text
        logger = self._node.get_logger()
        if problem is None:
            logger.info('every topic has one publisher; commands are sent')
        elif problem.reason == WAITING_FOR_DISCOVERY:
            logger.info(text)
        else:
            silent = '; nothing is commanded, this node looks again' if condition.silent else ''
            logger.error(f'the arms must not move: {text}{silent}')

    def _on_timer(self) -> None:
        if not self._node.active:
            return
        self._turn += 1
        if self._claim.state is not Claim.OWNED or self._turn % _PERIODS_PER_LOOK == 0:
            self.look()


def _joined(problems: list[Refusal]) -> Refusal | None:
    """Return all problems under the name of the first."""
    if not problems:
        return None
    detail = '; '.join(dict.fromkeys(found.detail for found in problems))
    return Refusal(reason=problems[0].reason, detail=detail)
