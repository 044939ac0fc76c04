"""The synthetic robot over real DDS."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, JointState, Joy
from std_msgs.msg import String

from humanoid_recorder.sim.synthetic_numbering import number_in_jpeg, number_of

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, NodeProcess, Poll, StartNode

MODULE = "humanoid_recorder.nodes.synthetic_robot"
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
ONE_OF_EACH = """
joint_states: [{topic: joint_states, rate_hz: 200, start_after_s: 2, joints: [left_knee_joint, right_knee_joint]}]
wrenches: [{topic: wrench, rate_hz: 500, start_after_s: 2, frame: wrist}]
touch_arrays: [{topic: touch, rate_hz: 50, start_after_s: 2, rows: 3, columns: 5}]
imus: [{topic: imu, rate_hz: 200, start_after_s: 2}]
cameras:
  - {topic: camera/compressed, info_topic: camera/camera_info, name: camera, rate_hz: 30, start_after_s: 2,
     width: 160, height: 120, loop_frames: 4}
  - {topic: raw/image, name: raw, encoding: raw, rate_hz: 10, start_after_s: 2, width: 160, height: 120, loop_frames: 2}
poses: [{topic: head, rate_hz: 72, start_after_s: 2, reliability: best_effort}]
joys: [{topic: joy, rate_hz: 72, start_after_s: 2, axes: 3, buttons: 2}]
"""
STREAMS: dict[str, tuple[type[Any], str, int]] = {
    "joint_states": (JointState, "sensor_msgs/msg/JointState", 200),
    "wrench": (WrenchStamped, "geometry_msgs/msg/WrenchStamped", 500),
    "touch": (Image, "sensor_msgs/msg/Image", 50),
    "imu": (Imu, "sensor_msgs/msg/Imu", 200),
    "camera/compressed": (CompressedImage, "sensor_msgs/msg/CompressedImage", 30),
    "camera/camera_info": (CameraInfo, "sensor_msgs/msg/CameraInfo", 30),
    "raw/image": (Image, "sensor_msgs/msg/Image", 10),
    "head": (PoseStamped, "geometry_msgs/msg/PoseStamped", 72),
    "joy": (Joy, "sensor_msgs/msg/Joy", 72),
}


@pytest.fixture
def one_of_each(tmp_path: Path) -> Path:
    path = tmp_path / "one_of_each.yaml"
    path.write_text(ONE_OF_EACH)
    return path


@pytest.fixture
def received(
    one_of_each: Path, tmp_path: Path, make_node: "MakeNode", poll: "Poll", start_node: "StartNode"
) -> dict[str, list[bytes]]:
    """The raw messages of a robot in a namespace that ran for one second after all readers were there."""
    messages: dict[str, list[bytes]] = {topic: [] for topic in STREAMS}
    reader = make_node("reader", namespace="/g1")
    for topic, (message_class, _, _) in STREAMS.items():
        reliability = ReliabilityPolicy.BEST_EFFORT if topic == "head" else ReliabilityPolicy.RELIABLE
        qos = QoSProfile(depth=2000, reliability=reliability)
        reader.create_subscription(message_class, topic, messages[topic].append, qos, raw=True)
    report = tmp_path / "report.json"
    robot = start_node(
        MODULE, "-p", f"config:={one_of_each}", "-p", "duration_s:=3", "-p", f"report:={report}", namespace="/g1"
    )
    poll(lambda: robot.process.poll() is not None)
    assert robot.wait() == 0, robot.output
    sent = {topic: account["sent"] for topic, account in json.loads(report.read_text()).items()}
    assert sent == {f"/g1/{topic}": rate_hz for topic, (_, _, rate_hz) in STREAMS.items()}
    poll(lambda: all(len(messages[topic]) == sent[f"/g1/{topic}"] for topic in STREAMS))
    return messages


def test_every_message_arrives_numbered_without_a_hole_and_stamped_exactly_periodically(
    received: dict[str, list[bytes]],
) -> None:
    starts_ns = set()
    for topic, (message_class, _, rate_hz) in STREAMS.items():
        headers = [deserialize_message(data, message_class).header for data in received[topic]]
        assert [number_of(header.frame_id) for header in headers] == list(range(rate_hz)), topic
        stamps_ns = [header.stamp.sec * 10**9 + header.stamp.nanosec for header in headers]
        starts_ns.add(stamps_ns[0])
        assert [stamp_ns - stamps_ns[0] for stamp_ns in stamps_ns] == [
            number * 10**9 // rate_hz for number in range(rate_hz)
        ], topic
    assert len(starts_ns) == 1


def test_a_strict_reader_accepts_every_message(received: dict[str, list[bytes]]) -> None:
    for types in (get_typestore(Stores.ROS2_JAZZY), get_typestore(Stores.ROS2_KILTED)):
        for topic, (_, message_type, _) in STREAMS.items():
            for data in received[topic]:
                exact = bytes(types.serialize_cdr(types.deserialize_cdr(data, message_type), message_type))
                # On the wire a payload is padded to whole words; nothing else may follow the message.
                assert data == exact + bytes(-len(exact) % 4), topic


def test_values_are_where_the_message_classes_expect_them(received: dict[str, list[bytes]]) -> None:
    def first(topic: str) -> Any:
        return deserialize_message(received[topic][0], STREAMS[topic][0])

    joints = first("joint_states")
    assert joints.name == ["left_knee_joint", "right_knee_joint"]
    assert len(joints.position) == len(joints.velocity) == len(joints.effort) == 2
    touch = first("touch")
    assert (touch.height, touch.width, touch.encoding, touch.step, len(touch.data)) == (3, 5, "32FC1", 20, 60)
    imu = first("imu")
    assert sum(value**2 for value in (imu.orientation.x, imu.orientation.y, imu.orientation.z, imu.orientation.w)) == (
        pytest.approx(1.0)
    )
    assert imu.angular_velocity_covariance[0] > 0
    camera = first("camera/compressed")
    assert camera.format == "jpeg"
    assert number_in_jpeg(bytes(camera.data)) == 0
    info = first("camera/camera_info")
    assert (info.width, info.height, info.distortion_model, len(info.d)) == (160, 120, "plumb_bob", 5)
    assert info.k[2] == info.p[2] == 80.0
    raw = first("raw/image")
    assert (raw.encoding, raw.step, len(raw.data)) == ("rgb8", 480, 160 * 120 * 3)
    joy = first("joy")
    assert (len(joy.axes), list(joy.buttons)) == (3, [1, 0])


def test_the_description_and_the_account_reach_a_reader_that_comes_late(
    one_of_each: Path, make_node: "MakeNode", poll: "Poll", start_node: "StartNode"
) -> None:
    robot = start_node(MODULE, "-p", f"config:={one_of_each}")
    robot.wait_for("publishing 9 streams")
    texts: dict[str, str] = {}
    reader = make_node("late_reader")
    for topic in ("robot_description", "synthetic_robot/sent"):
        reader.create_subscription(String, topic, _keep(texts, topic), LATCHED)
    poll(lambda: len(texts) == 2)
    assert '<joint name="left_knee_joint" type="revolute">' in texts["robot_description"]
    assert set(json.loads(texts["synthetic_robot/sent"])) == {f"/{topic}" for topic in STREAMS}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_two_seconds_with_a_report(
    tmp_path: Path, start_node: "StartNode", number: signal.Signals
) -> None:
    report = tmp_path / "report.json"
    robot = start_node(MODULE, "-p", f"report:={report}")
    robot.wait_for("publishing 16 streams")
    robot.signal(number)
    assert robot.wait(timeout_s=2.0) == 0, robot.output
    account = json.loads(report.read_text())
    assert len(account) == 16
    assert all(stream["sent"] >= 1 and stream["last_ns"] >= stream["first_ns"] for stream in account.values())
    assert f"ended ({number.name})" in robot.output
    assert "Traceback" not in robot.output


def test_a_silent_topic_is_advertised_but_nothing_comes(
    tmp_path: Path, make_node: "MakeNode", poll: "Poll", start_node: "StartNode"
) -> None:
    path = tmp_path / "silent.yaml"
    path.write_text(
        "wrenches:\n- {topic: /alive, rate_hz: 100}\n- {topic: /dead, rate_hz: 100, silent: true}\n"
        "robot_description_topic: null\n"
    )
    report = tmp_path / "report.json"
    reader = make_node("reader")
    alive: list[bytes] = []
    reader.create_subscription(WrenchStamped, "/alive", alive.append, 100, raw=True)
    robot = start_node(MODULE, "-p", f"config:={path}", "-p", f"report:={report}")
    poll(lambda: len(alive) > 10 and reader.count_publishers("/dead") == 1)
    _stop(robot)
    account = json.loads(report.read_text())
    assert account["/dead"] == {"sent": 0, "first_ns": None, "last_ns": None}
    assert account["/alive"]["sent"] >= len(alive)


def test_a_wrong_file_ends_it_with_the_line_and_no_traceback(tmp_path: Path, start_node: "StartNode") -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("wrenches:\n- {topic: /wrench, rate_hz: 100, framee: x}\n")
    robot = start_node(MODULE, "-p", f"config:={path}")
    assert robot.wait() == 1
    assert f"{path}:2" in robot.output
    assert "Traceback" not in robot.output


def _keep(texts: dict[str, str], topic: str) -> Callable[[String], None]:
    return lambda message: texts.update({topic: message.data})


def _stop(robot: "NodeProcess") -> None:
    robot.signal(signal.SIGTERM)
    assert robot.wait() == 0, robot.output
