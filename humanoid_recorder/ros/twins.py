"""Whether another recorder is alive under our name.

The graph alone cannot tell: a recorder that was killed stays in it until its lease runs out (20 s with Fast DDS), and
its replacement must not wait for that. A living one publishes its state.
"""

import threading
import time

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future
from std_msgs.msg import String

from humanoid_recorder.ros.qos import LATCHED

_DISCOVERY_S = 0.6
_ANSWER_S = 2.0


def has_living_twin(node: Node, *, state_topic: str) -> bool:
    """Find out whether another node of our name is alive.

    Args:
        node: Ours; it must not have published on the state topic yet.
        state_topic: Fully qualified topic on which a living one publishes its latched state.

    Returns:
        At the latest after 0.6 s when nobody carries the name, 2.6 s when somebody does.
    """
    own = (node.get_name(), node.get_namespace())
    deadline_s = time.monotonic() + _DISCOVERY_S
    while node.get_node_names_and_namespaces().count(own) < 2:
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)  # the graph has no event to wait for
    return _hears_state(node, state_topic)


def _hears_state(node: Node, state_topic: str) -> bool:
    """Listen on the topic, in a context of our own because the node's executor is busy asking."""
    context = Context()
    rclpy.init(context=context, domain_id=node.context.get_domain_id())
    probe = Node(
        "_twin_probe", context=context, enable_rosout=False, start_parameter_services=False, use_global_arguments=False
    )
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(probe)
    heard: Future[bool] = Future(executor=executor)
    heard_once = threading.Event()

    def hear(_message: String) -> None:
        if not heard_once.is_set():
            heard_once.set()
            heard.set_result(True)

    probe.create_subscription(String, state_topic, hear, LATCHED)
    try:
        executor.spin_until_future_complete(heard, timeout_sec=_ANSWER_S)
        return heard.done()
    finally:
        executor.shutdown()
        probe.destroy_node()
        context.try_shutdown()
