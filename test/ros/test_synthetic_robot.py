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

from humanoid_recorder.core.errors import SessionError, SpecError
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
poses: [{topic: head, rate_hz: 72, start_after_s: 2}]
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
    """The raw messages of a robot in a namespace that sent for one second.

    Readers are there before it, and it waits 2 s before it sends; yet DDS now and then takes longer to match a reader,
    which then misses the first messages.
    """
    messages: dict[str, list[bytes]] = {topic: [] for topic in STREAMS}
    reader = make_node("reader", namespace="/g1")
    for topic, (message_class, _, _) in STREAMS.items():
        reader.create_subscription(message_class, topic, messages[topic].append, 2000, raw=True)
    report = tmp_path / "report.json"
    robot = start_node(
        MODULE, "-p", f"config:={one_of_each}", "-p", "duration_s:=3", "-p", f"report:={report}", namespace="/g1"
    )
    poll(lambda: robot.process.poll() is not None)
    assert robot.wait() == 0, robot.output
    sent = {topic: account["sent"] for topic, account in json.loads(report.read_text()).items()}
    assert sent == {f"/g1/{topic}": rate_hz for topic, (_, _, rate_hz) in STREAMS.items()}
    poll(lambda: all(received_all(messages[topic], STREAMS[topic]) for topic in STREAMS))
    return messages


def received_all(messages: list[bytes], stream: tuple[type[Any], str, int]) -> bool:
    message_class, _, rate_hz = stream
    return bool(messages) and number_of(deserialize_message(messages[-1], message_class).header.frame_id) == rate_hz - 1


def test_every_message_arrives_numbered_without_a_hole_and_stamped_exactly_periodically(
    received: dict[str, list[bytes]],
) -> None:
    starts_ns = set()
    for topic, (message_class, _, rate_hz) in STREAMS.items():
        headers = [deserialize_message(data, message_class).header for data in received[topic]]
        numbers = [number_of(header.frame_id) for header in headers]
        assert numbers == list(range(rate_hz - len(headers), rate_hz)), topic
        starts_ns |= {
            header.stamp.sec * 10**9 + header.stamp.nanosec - number * 10**9 // rate_hz
            for number, header in zip(range(rate_hz - len(headers), rate_hz), headers, strict=True)
        }
    assert len(starts_ns) == 1


def test_strict_readers_and_message_classes_find_every_value_in_its_place(
    received: dict[str, list[bytes]],
) -> None:
    for types in (get_typestore(Stores.ROS2_JAZZY), get_typestore(Stores.ROS2_KILTED)):
        for topic, (_, message_type, _) in STREAMS.items():
            for data in received[topic]:
                exact = bytes(types.serialize_cdr(types.deserialize_cdr(data, message_type), message_type))
                # On the wire a payload is padded to whole words; nothing else may follow the message.
                assert data == exact + bytes(-len(exact) % 4), topic

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
    assert number_in_jpeg(bytes(camera.data)) == number_of(camera.header.frame_id)
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
        "robot_description_topic: null\n"
        "wrenches:\n"
        "- {topic: /alive, rate_hz: 100}\n"
        "- {topic: /dead, rate_hz: 100, silent: true, reliability: best_effort}\n"
    )
    report = tmp_path / "report.json"
    reader = make_node("reader")
    alive: list[bytes] = []
    reader.create_subscription(WrenchStamped, "/alive", alive.append, 100, raw=True)
    robot = start_node(MODULE, "-p", f"config:={path}", "-p", f"report:={report}")
    poll(lambda: len(alive) > 10 and reader.count_publishers("/dead") == 1)
    (dead,) = reader.get_publishers_info_by_topic("/dead")
    assert dead.qos_profile.reliability is ReliabilityPolicy.BEST_EFFORT
    _stop(robot)
    account = json.loads(report.read_text())
    assert account["/dead"] == {"sent": 0, "first_ns": None, "last_ns": None}
    assert account["/alive"]["sent"] >= len(alive)


def test_a_wrong_file_ends_it_with_the_line_and_no_traceback(tmp_path: Path, start_node: "StartNode") -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("wrenches:\n- {topic: /wrench, rate_hz: 100, framee: x}\n")
    robot = start_node(MODULE, "-p", f"config:={path}")
    assert robot.wait() == SpecError.exit_code
    assert f"{path}:2" in robot.output
    assert "Traceback" not in robot.output


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_sent(
    tmp_path: Path, start_node: "StartNode"
) -> None:
    robot = start_node(MODULE, "-p", f"report:={tmp_path / 'missing' / 'report.json'}")
    assert robot.wait() == SessionError.exit_code
    assert "cannot be written" in robot.output
    assert "Traceback" not in robot.output
    assert "publishing" not in robot.output


def _keep(texts: dict[str, str], topic: str) -> Callable[[String], None]:
    return lambda message: texts.update({topic: message.data})


def _stop(robot: "NodeProcess") -> None:
    robot.signal(signal.SIGTERM)
    assert robot.wait() == 0, robot.output
