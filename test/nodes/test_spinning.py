# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""The executor of the nodes: messages at little cost, and everything else."""

import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest

rclpy = pytest.importorskip('rclpy')

from rclpy.callback_groups import ReentrantCallbackGroup  # noqa: E402 - not without rclpy
from rclpy.context import Context  # noqa: E402
from rclpy.event_handler import SubscriptionEventCallbacks  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import QoSProfile  # noqa: E402
from rclpy.qos import ReliabilityPolicy  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from rclpy.task import Future  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from wla_ros.base.time_credit import Allowance  # noqa: E402
from wla_ros.nodes.spinning import MessagesFirst  # noqa: E402

BOUND_S = 20.0
DEPTH = 100


@pytest.fixture
def node(ros_context: Context) -> Iterator[Node]:
    made = rclpy.create_node('spun', context=ros_context)
    yield made
    made.destroy_node()


@pytest.fixture
def executor(ros_context: Context, node: Node) -> Iterator[MessagesFirst]:
    made = MessagesFirst(context=ros_context)
    made.add_node(node)
    yield made
    made.shutdown()


def spin_until(executor: MessagesFirst, condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < end_s
        executor.spin_once(timeout_sec=0.02)


def connected(executor: MessagesFirst, publisher: Any) -> Any:
    spin_until(executor, lambda: publisher.get_subscription_count() > 0)
    return publisher


def test_messages_cost_no_wait_for_everything_else(
    executor: MessagesFirst, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    node.create_subscription(String, 'text', lambda message: heard.append(message.data), DEPTH)
    publisher = connected(executor, node.create_publisher(String, 'text', DEPTH))
    waits = []
    wait = SingleThreadedExecutor.wait_for_ready_callbacks

    def counted(*arguments: Any, **options: Any) -> Any:
        waits.append(time.monotonic())
        return wait(*arguments, **options)

    monkeypatch.setattr(SingleThreadedExecutor, 'wait_for_ready_callbacks', counted)
    sent = [f'{i}' for i in range(60)]
    for text in sent:
        publisher.publish(String(data=text))
    begun_s = time.monotonic()
    spin_until(executor, lambda: len(heard) == len(sent))
    assert heard == sent
    # Each look at the rest is one wait, or two where something was to do; none for a message.
    looks = (time.monotonic() - begun_s) / 0.02 + 1
    assert len(waits) <= 2 * looks


def test_a_topic_that_has_fallen_behind_catches_up(executor: MessagesFirst, node: Node) -> None:
    heard: list[str] = []
    node.create_subscription(String, 'text', lambda message: heard.append(message.data), DEPTH)
    publisher = connected(executor, node.create_publisher(String, 'text', DEPTH))
    for i in range(40):
        publisher.publish(String(data=f'{i}'))
    time.sleep(0.2)  # all of them wait now
    for _ in range(10):
        executor.spin_once(timeout_sec=0.2)
    assert heard == [f'{i}' for i in range(40)]


def test_subscriptions_timers_services_and_tasks_are_all_served(
    executor: MessagesFirst, node: Node
) -> None:
    told: list[str] = []
    done: Future = Future(executor=executor)

    async def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        await done
        response.success = True
        return response

    def take(message: String, info: Any) -> None:
        assert info['source_timestamp'] > 0
        told.append(message.data)

    node.create_service(Trigger, 'ask', answer, callback_group=ReentrantCallbackGroup())
    client = node.create_client(Trigger, 'ask')
    node.create_subscription(String, 'text', take, DEPTH)
    node.create_timer(0.005, lambda: told.append('timer'))
    publisher = connected(executor, node.create_publisher(String, 'text', DEPTH))
    spin_until(executor, client.service_is_ready)
    future = client.call_async(Trigger.Request())
    publisher.publish(String(data='message'))
    spin_until(executor, lambda: told.count('timer') > 5 and 'message' in told)
    assert not future.done()
    done.set_result(None)
    spin_until(executor, future.done)
    assert future.result().success


def test_a_publisher_that_does_not_match_is_told(executor: MessagesFirst, node: Node) -> None:
    told: list[Any] = []
    strict = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    loose = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    events = SubscriptionEventCallbacks(incompatible_qos=told.append)
    node.create_subscription(String, 'text', lambda _: None, strict, event_callbacks=events)
    executor.spin_once(timeout_sec=0.02)
    node.create_publisher(String, 'text', loose)
    spin_until(executor, lambda: bool(told))


def test_a_node_without_subscriptions_is_served(executor: MessagesFirst, node: Node) -> None:
    told: list[str] = []
    for subscription in list(node.subscriptions):
        node.destroy_subscription(subscription)
    node.create_timer(0.005, lambda: told.append('timer'))
    spin_until(executor, lambda: len(told) > 2)


def test_a_callback_may_destroy_subscriptions(executor: MessagesFirst, node: Node) -> None:
    heard: list[str] = []

    def take(message: String) -> None:
        heard.append(message.data)
        for subscription in list(node.subscriptions):
            node.destroy_subscription(subscription)

    for topic in ('first', 'second'):
        node.create_subscription(String, topic, take, DEPTH)
    publishers = [
        connected(executor, node.create_publisher(String, topic, DEPTH))
        for topic in ('first', 'second')
    ]
    for publisher in publishers:
        publisher.publish(String(data='text'))
    spin_until(executor, lambda: bool(heard))
    for _ in range(5):
        executor.spin_once(timeout_sec=0.02)
    assert heard == ['text']


def test_what_a_callback_raises_is_raised(executor: MessagesFirst, node: Node) -> None:
    def fail(_: String) -> None:
        raise ZeroDivisionError

    node.create_subscription(String, 'text', fail, DEPTH)
    connected(executor, node.create_publisher(String, 'text', DEPTH)).publish(String(data='text'))
    with pytest.raises(ZeroDivisionError):
        spin_until(executor, lambda: False)


def test_a_timer_may_destroy_subscriptions(executor: MessagesFirst, node: Node) -> None:
    """As a lifecycle node does that is cleaned up: what is waited for afterwards is gone."""
    told: list[str] = []

    def destroy() -> None:
        told.append('timer')
        for subscription in list(node.subscriptions):
            node.destroy_subscription(subscription)

    for topic in ('first', 'second'):
        node.create_subscription(String, topic, lambda _: None, DEPTH)
    node.create_timer(0.005, destroy)
    spin_until(executor, lambda: len(told) > 2)


def test_a_subscription_whose_messages_take_too_long_rests_alone(
    ros_context: Context, node: Node
) -> None:
    """Four million names are a tenth of a second of the interpreter; texts are not."""
    rests: list[tuple[str, int]] = []
    allowance = Allowance(share=0.01, burst_ns=50_000_000, free_ns=5_000_000)
    executor = MessagesFirst(
        context=ros_context, allowance=allowance, on_rest=lambda *rest: rests.append(rest)
    )
    executor.add_node(node)
    states: list[Any] = []
    texts: list[Any] = []
    node.create_subscription(JointState, 'states', states.append, 5)
    node.create_subscription(String, 'text', texts.append, DEPTH)
    large = connected(executor, node.create_publisher(JointState, 'states', 5))
    small = connected(executor, node.create_publisher(String, 'text', DEPTH))
    content = serialize_message(JointState(name=['joint'] * 1_000_000))
    for _ in range(4):
        large.publish(content)
    spin_until(executor, lambda: bool(rests))
    taken = len(states)
    assert taken < 4
    ((topic, rest_ns),) = rests
    assert topic == '/states'
    assert rest_ns > 100_000_000
    for i in range(20):
        small.publish(String(data=f'{i}'))
    spin_until(executor, lambda: len(texts) == 20)
    assert len(states) == taken
    spin_until(executor, lambda: len(states) > taken)  # it rests for a while only
    executor.shutdown()
