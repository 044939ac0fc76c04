"""Reading the graph, and what is installed, over real ROS 2."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.typesys import get_types_from_msg
from std_msgs.msg import Empty, String

from humanoid_recorder.core.qos import Durability, QosOffer, Reliability
from humanoid_recorder.ros.discovery import read_graph
from humanoid_recorder.ros.message_types import message_class, message_type
from humanoid_recorder.ros.qos import LATCHED

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, Poll

PACKAGES = ("std_msgs", "sensor_msgs", "geometry_msgs", "nav_msgs", "diagnostic_msgs", "trajectory_msgs")


def test_publishers_are_seen_with_their_offer_type_and_hash(make_node: "MakeNode", poll: "Poll") -> None:
    reader = make_node("reader")
    weak = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE)
    make_node("driver", namespace="/arm").create_publisher(String, "/news", LATCHED)
    make_node("other").create_publisher(String, "/news", weak)
    poll(lambda: len(getattr(read_graph(reader, "/news".__eq__).get("/news"), "publishers", ())) == 2)
    seen = read_graph(reader, "/news".__eq__)["/news"]
    assert {publisher.node for publisher in seen.publishers} == {"/arm/driver", "/other"}
    assert seen.types == ("std_msgs/msg/String",)
    assert {publisher.type_hash for publisher in seen.publishers} == {message_type("std_msgs/msg/String").type_hash}
    assert set(seen.offers) == {
        QosOffer(Reliability.RELIABLE, Durability.TRANSIENT_LOCAL),
        QosOffer(Reliability.BEST_EFFORT, Durability.VOLATILE),
    }
    assert len({publisher.gid for publisher in seen.publishers}) == 2


def test_what_only_we_publish_or_somebody_only_reads_is_left_out(make_node: "MakeNode", poll: "Poll") -> None:
    ours, theirs = make_node("ours"), make_node("theirs")
    ours.create_publisher(String, "/mine", 1)
    ours.create_publisher(String, "/shared", 1)
    theirs.create_publisher(String, "/shared", 1)
    theirs.create_subscription(Empty, "/wanted", lambda _message: None, 1)
    poll(lambda: "/wanted" in dict(ours.get_topic_names_and_types()))
    poll(lambda: "/shared" in read_graph(ours, lambda _topic: True))
    graph = read_graph(ours, lambda topic: topic in {"/mine", "/shared", "/wanted"})
    assert set(graph) == {"/shared"}
    assert len(graph["/shared"].publishers) == 2


@pytest.mark.parametrize("package", PACKAGES)
def test_every_installed_message_has_a_definition_a_hash_and_a_class_that_agree(package: str) -> None:
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    markers = [Path(prefix) / "share/ament_index/resource_index/rosidl_interfaces" / package for prefix in prefixes]
    listed = next(marker for marker in markers if marker.is_file()).read_text().split()
    messages = [entry for entry in listed if entry.startswith("msg/") and entry.endswith(".msg")]
    names = [f"{package}/msg/{Path(entry).stem}" for entry in messages]
    assert names
    for name in names:
        found = message_type(name)
        fields = list(message_class(name).get_fields_and_field_types().values())
        assert found.has_header == (fields[:1] == ["std_msgs/Header"]), name
        assert found.type_hash.startswith("RIHS01_"), name
        assert name in get_types_from_msg(found.definition, name)
