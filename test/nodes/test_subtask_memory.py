# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The subtask memory over ROS: latched, edited by services, and alive after a crash."""

import signal
from typing import Any

import pytest

pytest.importorskip('rclpy')

from nodes.graph import BIMANUAL  # noqa: E402
from nodes.graph import Graph  # noqa: E402
from nodes.rig_probe import PATIENT_POLICY  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from wla_ros.base.memory import SubtaskMemory as Memory  # noqa: E402
from wla_ros.msg import Subtask  # noqa: E402
from wla_ros.msg import SubtaskMemory  # noqa: E402
from wla_ros.nodes import qos  # noqa: E402
from wla_ros.nodes.policy.memory import memory_message  # noqa: E402
from wla_ros.srv import EditSubtaskMemory  # noqa: E402
from wla_ros.srv import GetSubtaskMemory  # noqa: E402
from wla_ros.srv import SetInstruction  # noqa: E402

Edit = EditSubtaskMemory.Request


class MemoryProbe:
    """A policy node and what it says about its memory."""

    def __init__(self, graph: Graph, **parameters: Any) -> None:
        self.graph = graph
        self.memories: list[SubtaskMemory] = graph.collect(
            SubtaskMemory, 'subtask_memory', qos.LATCHED
        )
        self.subtasks: list[Subtask] = graph.collect(Subtask, 'subtask', qos.LATCHED)
        self.node = graph.start_active('policy_node', BIMANUAL, {**PATIENT_POLICY, **parameters})

    def edit(self, operation: int, text: str = '', **fields: Any) -> Any:
        return self.graph.call(
            EditSubtaskMemory,
            'policy_node/edit_subtask_memory',
            operation=operation,
            text=text,
            **fields,
        )

    def instruct(self, instruction: str, *, keep_memory: bool = False) -> None:
        response = self.graph.call(
            SetInstruction,
            'policy_node/set_instruction',
            instruction=instruction,
            keep_memory=keep_memory,
        )
        assert response.success

    def wait_for(self, condition: Any, what: str) -> None:
        self.graph.wait_until(
            lambda: bool(self.memories) and bool(condition(self.memories[-1])), what
        )


def done(memory: SubtaskMemory) -> list[str]:
    return [subtask.text for subtask in memory.completed]


def test_a_memory_becomes_a_message_with_everything_it_knows() -> None:
    memory = Memory().begun('tidy', 1).predicted('a. b.', 2).predicted('b. c.', 3).kept_late(4)
    message = memory_message(memory)
    assert (message.instruction, message.revision) == ('tidy', memory.revision)
    assert done(message) == ['a.']
    assert (message.current.text, message.current.late) == ('b.', True)
    assert message.upcoming == ['c.']
    assert message.completed[0].ended.nanosec == 3
    assert message.header.stamp.nanosec == 4
    assert memory_message(Memory()).current.id == 0


def test_people_set_append_roll_back_clear_and_read_the_memory(graph: Graph) -> None:
    probe = MemoryProbe(graph)
    assert probe.edit(Edit.SET, 'pick the cup').success
    response = probe.edit(Edit.SET, 'place it. let go.')
    assert done(response.memory) == ['pick the cup.']
    assert response.memory.current.text == 'place it.'
    assert response.memory.current.source == 'operator'
    assert response.memory.upcoming == ['let go.']
    probe.edit(Edit.APPEND, 'look around')
    probe.wait_for(lambda m: done(m) == ['pick the cup.', 'look around.'], 'the published memory')
    graph.wait_until(lambda: probe.subtasks[-1].text == 'place it.', 'the published subtask')

    probe.edit(Edit.ROLL_BACK, steps=2)
    read = graph.call(GetSubtaskMemory, 'policy_node/get_subtask_memory').memory
    assert (done(read), read.current.text) == ([], 'pick the cup.')
    cleared = probe.edit(Edit.CLEAR).memory
    assert (done(cleared), cleared.current.id) == ([], 0)

    for refused in (
        probe.edit(Edit.SET, ' . '),
        probe.edit(Edit.ROLL_BACK, steps=1),
        probe.edit(77),
        probe.edit(Edit.SET, 'x', revision=cleared.revision + 5),
    ):
        assert not refused.success
        assert refused.message
        assert refused.memory.revision == cleared.revision


def test_another_instruction_begins_a_new_memory_unless_asked_otherwise(graph: Graph) -> None:
    probe = MemoryProbe(graph)
    probe.instruct('tidy')
    probe.edit(Edit.SET, 'pick the cup')
    probe.instruct('tidy the table', keep_memory=True)
    probe.wait_for(
        lambda m: m.instruction == 'tidy the table' and m.current.text == 'pick the cup.',
        'the kept memory',
    )
    probe.instruct('stack')
    probe.wait_for(lambda m: m.instruction == 'stack' and m.current.id == 0, 'the new memory')
    talker = graph.probe.create_publisher(String, 'set_instruction', 10)
    probe.edit(Edit.SET, 'pick the cup')
    graph.wait_until(lambda: talker.get_subscription_count() == 1, 'the topic')
    talker.publish(String(data='lay the table'))
    probe.wait_for(
        lambda m: m.instruction == 'lay the table' and m.current.id == 0, 'the memory of the topic'
    )


def test_a_crashed_node_resumes_its_memory_and_another_task_does_not(graph: Graph) -> None:
    file = graph.folder / 'ros_home' / 'wla_ros' / 'policy_node.subtasks.json'  # as shipped
    probe = MemoryProbe(graph)
    probe.instruct('tidy')
    probe.edit(Edit.SET, 'pick the cup')
    probe.edit(Edit.SET, 'place it')
    graph.wait_until(lambda: file.exists() and 'place it.' in file.read_text(), 'the file')
    probe.node.stop(signal.SIGKILL)
    graph.nodes.remove(probe.node)
    # A question to the dead node would never be answered: its lease has to run out first.
    graph.wait_until(
        lambda: 'policy_node' not in graph.probe.get_node_names(), 'the end of the lease', 60.0
    )

    again = MemoryProbe(graph)
    again.wait_for(
        lambda m: m.instruction == 'tidy' and m.current.source == 'restored', 'the restored memory'
    )
    assert done(again.memories[-1]) == ['pick the cup.']
    assert again.memories[-1].current.text == 'place it.'
    again.node.stop()

    other = MemoryProbe(graph, instruction='stack')
    other.wait_for(
        lambda m: m.instruction == 'stack' and not m.completed and m.current.id == 0,
        'an empty memory',
    )


def test_a_memory_that_cannot_be_read_is_said_and_not_replaced(graph: Graph) -> None:
    place = graph.folder / 'memory.json'
    place.mkdir()
    probe = MemoryProbe(graph, **{'memory.file': str(place)})
    assert probe.edit(Edit.SET, 'pick the cup').success
    assert probe.node.stop() == 0
    assert f'not restored and not saved: {place}: Is a directory' in probe.node.output()
    assert list(graph.folder.glob('memory.*')) == [place]
