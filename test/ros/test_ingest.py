"""What every ingest must do, over real DDS: the same tests for each implementation."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from rclpy.context import Context
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import String

from humanoid_recorder.core.errors import RosError, TypeUnavailableError
from humanoid_recorder.core.graph import Link
from humanoid_recorder.core.qos import Durability, QosRequest, Reliability
from humanoid_recorder.core.samples import Arrival
from humanoid_recorder.ros.executor_ingest import ExecutorIngest
from humanoid_recorder.ros.ingest import Batch, Ingest, Subscription
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.ros.wait_set_ingest import WaitSetIngest

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, Poll

RELIABLE = QosRequest(Reliability.RELIABLE, Durability.VOLATILE, 1000)
JOINTS = Subscription(2, "/joints", "sensor_msgs/msg/JointState", RELIABLE)
DEEP = QoSProfile(depth=1000)


class Sink:
    """Collects what an ingest delivers."""

    def __init__(self) -> None:
        self.arrivals: dict[int, list[Arrival]] = defaultdict(list)
        self.threads: set[int] = set()
        self.failures: list[Exception] = []
        self.fail_with: Exception | None = None
        self.lost: Counter[int] = Counter()
        self.drained_until_ns = 0

    def accept(self, batches: Sequence[Batch]) -> None:
        self.threads.add(threading.get_ident())
        if self.fail_with is not None:
            raise self.fail_with
        for channel_id, arrivals in batches:
            self.arrivals[channel_id].extend(arrivals)

    def middleware_lost(self, channel_id: int, messages: int) -> None:
        self.lost[channel_id] += messages

    def drained(self, until_ns: int) -> None:
        self.drained_until_ns = until_ns

    def ingest_failed(self, error: Exception) -> None:
        self.failures.append(error)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture(params=[WaitSetIngest, ExecutorIngest])
def ingest(request: pytest.FixtureRequest, ros_context: Context, sink: Sink) -> Iterator[Ingest]:
    node = Node("_ingest", context=ros_context, enable_rosout=False, start_parameter_services=False)
    ingest: Ingest = request.param(node, sink)
    ingest.start()
    yield ingest
    ingest.stop()
    node.destroy_node()


@pytest.fixture
def talker(make_node: "MakeNode") -> Node:
    return make_node("talker")


def connected(publisher: Any, *, readers: int = 1) -> Callable[[], bool]:
    return lambda: publisher.get_subscription_count() == readers


def joint_state(number: int) -> JointState:
    return JointState(name=["left_knee_joint"], position=[float(number)], velocity=[0.5])


def test_every_message_arrives_once_in_order_with_its_number_and_times(
    ingest: Ingest, sink: Sink, talker: Node, poll: "Poll"
) -> None:
    publisher = talker.create_publisher(JointState, "/joints", DEEP)
    ingest.subscribe(JOINTS)
    poll(connected(publisher))
    before_ns = talker.get_clock().now().nanoseconds
    for number in range(500):
        publisher.publish(joint_state(number))
    poll(lambda: len(sink.arrivals[2]) >= 500)
    after_ns = talker.get_clock().now().nanoseconds

    arrivals = sink.arrivals[2]
    assert [arrival.sequence for arrival in arrivals] == list(range(1, 501))
    assert all(before_ns <= arrival.source_ns <= arrival.received_ns <= after_ns for arrival in arrivals)
    assert len({arrival.publisher for arrival in arrivals}) == 1


def test_the_bytes_are_exact_cdr_that_a_strict_reader_takes(
    ingest: Ingest, sink: Sink, talker: Node, poll: "Poll"
) -> None:
    publisher = talker.create_publisher(JointState, "/joints", DEEP)
    ingest.subscribe(JOINTS)
    poll(connected(publisher))
    publisher.publish(joint_state(7))
    poll(lambda: sink.arrivals[2])

    message: Any = get_typestore(Stores.ROS2_JAZZY).deserialize_cdr(
        sink.arrivals[2][0].data, "sensor_msgs/msg/JointState"
    )
    assert (message.name, message.position[0]) == (["left_knee_joint"], 7.0)


def test_publishers_are_told_apart_or_all_are_unknown(
    ingest: Ingest, sink: Sink, make_node: "MakeNode", poll: "Poll"
) -> None:
    publishers = [make_node(name).create_publisher(JointState, "/joints", DEEP) for name in ("one", "two")]
    ingest.subscribe(JOINTS)
    for publisher in publishers:
        poll(connected(publisher))
        publisher.publish(joint_state(1))
    poll(lambda: len(sink.arrivals[2]) == 2)

    assert [arrival.sequence for arrival in sink.arrivals[2]] == [1, 1]
    gids = {arrival.publisher for arrival in sink.arrivals[2]}
    assert gids == {None} or len(gids) == 2


def test_a_flush_delivers_what_was_received_before_it(
    ingest: Ingest, sink: Sink, talker: Node, poll: "Poll", make_node: "MakeNode"
) -> None:
    publisher = talker.create_publisher(JointState, "/joints", DEEP)
    witness: list[bytes] = []
    make_node("witness").create_subscription(JointState, "/joints", witness.append, DEEP, raw=True)
    ingest.subscribe(JOINTS)
    poll(connected(publisher, readers=2))
    for number in range(100):
        publisher.publish(joint_state(number))
    # In one process a publisher hands over to its readers before publish() returns, so all 100 wait to be taken.
    received_ns = time.monotonic_ns()
    ingest.flush()
    poll(lambda: sink.drained_until_ns >= received_ns)  # at once, but on a busy computer
    assert len(sink.arrivals[2]) == 100


def test_what_was_received_before_the_time_of_a_drain_has_been_delivered(
    ingest: Ingest, sink: Sink, talker: Node, poll: "Poll"
) -> None:
    publisher = talker.create_publisher(JointState, "/joints", DEEP)
    ingest.subscribe(JOINTS)
    poll(connected(publisher))
    for number in range(100):
        publisher.publish(joint_state(number))
    poll(lambda: len(sink.arrivals[2]) >= 100)
    received_ns = time.monotonic_ns()
    poll(lambda: sink.drained_until_ns > received_ns)
    assert sink.drained_until_ns <= time.monotonic_ns()
    assert len(sink.arrivals[2]) == 100


def test_messages_are_delivered_in_one_thread_that_is_not_the_callers(
    ingest: Ingest, sink: Sink, talker: Node, poll: "Poll"
) -> None:
    publisher = talker.create_publisher(JointState, "/joints", DEEP)
    ingest.subscribe(JOINTS)
    poll(connected(publisher))
    publisher.publish(joint_state(1))
    poll(lambda: sink.arrivals[2])
    assert len(sink.threads) == 1
    assert threading.get_ident() not in sink.threads


def test_a_second_subscription_on_a_channel_replaces_the_first(
    ingest: Ingest, sink: Sink, talker: Node, poll: "Poll"
) -> None:
    publisher = talker.create_publisher(JointState, "/joints", DEEP)
    ingest.subscribe(JOINTS)
    ingest.subscribe(JOINTS)
    poll(connected(publisher))
    publisher.publish(joint_state(1))
    ingest.flush()
    poll(lambda: sink.arrivals[2])
    assert len(sink.arrivals[2]) == 1


def test_a_channel_may_change_its_type_but_two_types_on_one_topic_are_refused(
    ingest: Ingest, sink: Sink, talker: Node, poll: "Poll"
) -> None:
    ingest.subscribe(JOINTS)
    other = Subscription(3, "/joints", "sensor_msgs/msg/Imu", RELIABLE)
    with pytest.raises(RosError, match="/joints cannot be subscribed as sensor_msgs/msg/Imu"):
        ingest.subscribe(other)
    ingest.subscribe(Subscription(2, "/joints", "sensor_msgs/msg/Imu", RELIABLE))
    publisher = talker.create_publisher(Imu, "/joints", DEEP)
    poll(connected(publisher))
    publisher.publish(Imu())
    poll(lambda: sink.arrivals[2])
    assert len(sink.arrivals[2]) == 1


def test_after_the_end_of_a_channel_nothing_of_it_comes_and_its_topic_may_have_another_type(
    ingest: Ingest, sink: Sink, talker: Node, poll: "Poll"
) -> None:
    publisher = talker.create_publisher(JointState, "/joints", DEEP)
    ingest.subscribe(JOINTS)
    poll(connected(publisher))
    publisher.publish(joint_state(1))
    poll(lambda: sink.arrivals[2])
    ingest.unsubscribe(2)
    poll(connected(publisher, readers=0))
    talker.destroy_publisher(publisher)
    ingest.subscribe(Subscription(3, "/joints", "sensor_msgs/msg/Imu", RELIABLE))
    other = talker.create_publisher(Imu, "/joints", DEEP)
    poll(connected(other))
    other.publish(Imu())
    poll(lambda: sink.arrivals[3])
    assert (len(sink.arrivals[2]), len(sink.arrivals[3])) == (1, 1)


def test_publishers_that_are_connected_are_counted_and_one_that_is_refused_is_told_with_the_policy(
    ingest: Ingest, sink: Sink, talker: Node, make_node: "MakeNode", poll: "Poll"
) -> None:
    ingest.subscribe(JOINTS)
    strong = talker.create_publisher(JointState, "/joints", DEEP)
    poll(lambda: ingest.links().get(2) == Link(publishers=1, refused_policy=""))
    weak = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    quiet = PublisherEventCallbacks(use_default_callbacks=False)
    make_node("weak").create_publisher(JointState, "/joints", weak, event_callbacks=quiet)
    poll(lambda: ingest.links()[2] == Link(publishers=1, refused_policy="RELIABILITY"))
    talker.destroy_publisher(strong)
    poll(lambda: ingest.links()[2] == Link(publishers=0, refused_policy="RELIABILITY"))
    ingest.flush()
    assert sink.lost == {}


def test_a_type_that_is_not_installed_is_named(ingest: Ingest) -> None:
    with pytest.raises(TypeUnavailableError, match="unitree_hg/msg/LowState is not installed"):
        ingest.subscribe(Subscription(2, "/lowstate", "unitree_hg/msg/LowState", RELIABLE))


def test_latched_messages_from_before_the_subscription_arrive(
    ingest: Ingest, sink: Sink, talker: Node, poll: "Poll"
) -> None:
    latched = QosRequest(Reliability.RELIABLE, Durability.TRANSIENT_LOCAL, 100)
    talker.create_publisher(String, "/robot_description", LATCHED).publish(String(data="<robot/>"))
    ingest.subscribe(Subscription(4, "/robot_description", "std_msgs/msg/String", latched))
    poll(lambda: sink.arrivals[4])
    assert b"<robot/>" in sink.arrivals[4][0].data


def test_an_error_in_the_sink_is_reported_and_does_not_hang_the_callers(
    ingest: Ingest, sink: Sink, talker: Node, poll: "Poll"
) -> None:
    publisher = talker.create_publisher(JointState, "/joints", DEEP)
    ingest.subscribe(JOINTS)
    poll(connected(publisher))
    sink.fail_with = ValueError("no room")
    publisher.publish(joint_state(1))
    poll(lambda: sink.failures)
    assert str(sink.failures[0]) == "no room"


def test_an_executor_that_spins_other_nodes_takes_nothing_away(
    ingest: Ingest, sink: Sink, make_node: "MakeNode", poll: "Poll"
) -> None:
    heard: list[bytes] = []
    talker = make_node("talker")
    make_node("listener").create_subscription(JointState, "/joints", heard.append, DEEP, raw=True)
    publisher = talker.create_publisher(JointState, "/joints", DEEP)
    ingest.subscribe(JOINTS)
    poll(connected(publisher, readers=2))
    for number in range(200):
        publisher.publish(joint_state(number))
    poll(lambda: len(heard) == 200 and len(sink.arrivals[2]) == 200)
    assert [arrival.data for arrival in sink.arrivals[2]] == heard


def test_a_hundred_and_fifty_topics_all_arrive(ingest: Ingest, sink: Sink, talker: Node, poll: "Poll") -> None:
    publishers = [talker.create_publisher(String, f"/topic_{number}", 10) for number in range(150)]
    for number, _publisher in enumerate(publishers):
        ingest.subscribe(Subscription(number + 2, f"/topic_{number}", "std_msgs/msg/String", RELIABLE))
    for publisher in publishers:
        poll(connected(publisher))
        publisher.publish(String(data="here"))
    poll(lambda: len(sink.arrivals) == 150)
    assert all(len(arrivals) == 1 for arrivals in sink.arrivals.values())


def test_a_stopped_ingest_may_be_stopped_again_and_refuses_subscriptions(ingest: Ingest) -> None:
    ingest.stop()
    ingest.stop()
    with pytest.raises(RosError):
        ingest.subscribe(JOINTS)
    with pytest.raises(RosError):
        ingest.unsubscribe(2)
    with pytest.raises(RosError):
        ingest.flush()
