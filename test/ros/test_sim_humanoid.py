"""The simulated humanoid over real DDS."""

import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, WrenchStamped
from PIL import Image as Picture
from rcl_interfaces.srv import SetParameters
from rclpy.client import Client
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, JointState, Joy
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.core.cdr import peek_header_stamp_ns
from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.spec.profile import RobotProfile

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, NodeProcess, Poll, StartNode

MODULE = "humanoid_recorder.nodes.sim_humanoid"
PROFILE = Path(__file__).parents[2] / "config" / "robots" / "g1_sim.yaml"
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
CLASSES: dict[str, type[Any]] = {
    "sensor_msgs/msg/JointState": JointState,
    "geometry_msgs/msg/WrenchStamped": WrenchStamped,
    "sensor_msgs/msg/Image": Image,
    "sensor_msgs/msg/Imu": Imu,
    "sensor_msgs/msg/CompressedImage": CompressedImage,
    "sensor_msgs/msg/CameraInfo": CameraInfo,
    "geometry_msgs/msg/PoseStamped": PoseStamped,
    "sensor_msgs/msg/Joy": Joy,
}
MS = 1_000_000


class Listener:
    """Takes the raw messages of topics, and the state."""

    def __init__(self, node: Node, poll: "Poll", topics: dict[str, type[Any]]) -> None:
        self.node, self.poll = node, poll
        self.messages: dict[str, list[bytes]] = {topic: [] for topic in topics}
        self.state: dict[str, Any] = {}
        for topic, message_class in topics.items():
            node.create_subscription(message_class, topic, self.messages[topic].append, 2000, raw=True)
        node.create_subscription(String, "sim_humanoid/state", self._take_state, LATCHED)
        self._reset: Client[Any, Any] = node.create_client(Trigger, "sim_humanoid/reset")
        self._set: Client[Any, Any] = node.create_client(SetParameters, "sim_humanoid/set_parameters")

    def stamps_ns(self, topic: str) -> list[int]:
        return [peek_header_stamp_ns(data) or 0 for data in self.messages[topic]]

    def more(self, topic: str, count: int) -> list[bytes]:
        """Forget what came, and wait for that many messages."""
        self.messages[topic].clear()
        self.poll(lambda: len(self.messages[topic]) >= count)
        return list(self.messages[topic])

    def reset(self) -> dict[str, Any]:
        self._reset.wait_for_service(20.0)
        future = self._reset.call_async(Trigger.Request())
        self.poll(future.done)
        response = future.result()
        assert response is not None
        assert response.success
        result: dict[str, Any] = json.loads(response.message)
        return result

    def set(self, name: str, value: Any) -> str:
        """Set a parameter; return why not, or nothing."""
        self._set.wait_for_service(20.0)
        parameter = Parameter(name, value=value).to_parameter_msg()
        future = self._set.call_async(SetParameters.Request(parameters=[parameter]))
        self.poll(future.done)
        response = future.result()
        assert response is not None
        reason: str = response.results[0].reason
        assert response.results[0].successful == (not reason)
        return reason

    def _take_state(self, message: String) -> None:
        self.state = json.loads(message.data)


@pytest.fixture
def start(start_node: "StartNode") -> Callable[..., "NodeProcess"]:
    """Starts the robot, which ends by itself when the tests are killed."""

    def begin(*parameters: str, namespace: str = "") -> "NodeProcess":
        arguments = [
            part for parameter in (f"stop_with_parent:={os.getpid()}", *parameters) for part in ("-p", parameter)
        ]
        return start_node(MODULE, *arguments, namespace=namespace)

    return begin


@pytest.fixture
def listen(make_node: "MakeNode", poll: "Poll") -> Callable[..., Listener]:
    def make(topics: dict[str, type[Any]], *, namespace: str = "") -> Listener:
        return Listener(make_node("listener", namespace=namespace), poll, topics)

    return make


def keep(found: dict[str, Any], topic: str) -> Callable[[Any], None]:
    return lambda message: found.update({topic: message.data})


def stop(robot: "NodeProcess") -> None:
    robot.signal(signal.SIGTERM)
    assert robot.wait(timeout_s=4.0) == 0, robot.output
    assert "Traceback" not in robot.output


def declared() -> dict[str, tuple[str, float]]:
    """Topic, type and rate of what the profile says of a robot that lifts a box; commands are at 100 Hz."""
    streams = RobotProfile.load(PROFILE).streams_to_record()
    rates = {stream.topic: (stream.type, float(stream.rate_hz)) for stream in streams if stream.rate_hz}
    return (
        rates
        | {"/joint_commands": ("sensor_msgs/msg/JointState", 100.0)}
        | {"/mocap/box": ("geometry_msgs/msg/PoseStamped", 120.0)}
    )


def test_every_stream_of_the_profile_comes_at_its_rate_stamped_when_measured_and_exact(
    listen: Callable[..., Listener], poll: "Poll", start: Callable[..., "NodeProcess"]
) -> None:
    streams = declared()
    listener = listen({topic.removeprefix("/"): CLASSES[kind] for topic, (kind, _) in streams.items()}, namespace="/g1")
    robot = start(namespace="/g1")
    messages = listener.messages
    poll(lambda: all(len(messages[topic.removeprefix("/")]) > 2 * rate for topic, (_, rate) in streams.items()))
    stop(robot)
    types = get_typestore(Stores.ROS2_KILTED)
    for topic, (kind, rate_hz) in streams.items():
        data, stamps = messages[topic.removeprefix("/")], listener.stamps_ns(topic.removeprefix("/"))
        gaps_ms = np.diff(stamps) / MS
        # The physics steps every millisecond, so stamps are the first step not before the time of the rate; what a
        # slow computer gave up, or a late picture, would make a gap longer, never shorter.
        assert set(gaps_ms % 1) == {0.0}, topic
        assert gaps_ms.min() >= int(1000 / rate_hz), topic
        assert gaps_ms.min() <= -(-1000 // rate_hz), topic
        exact = bytes(types.serialize_cdr(types.deserialize_cdr(data[-1], kind), kind))
        assert data[-1] == exact + bytes(-len(exact) % 4), topic


def test_what_is_measured_has_the_shape_and_units_that_were_promised(
    listen: Callable[..., Listener], poll: "Poll", start: Callable[..., "NodeProcess"]
) -> None:
    topics = {
        "joint_states": JointState,
        "joint_commands": JointState,
        "left_hand/touch": Image,
        "left_wrist/wrench": WrenchStamped,
        "imu/data": Imu,
        "head_camera/color/image_raw/compressed": CompressedImage,
        "mocap/box": PoseStamped,
    }
    listener = listen(topics)
    robot = start()
    poll(lambda: all(len(messages) > 10 for messages in listener.messages.values()))
    last = {topic: deserialize_message(listener.messages[topic][-1], kind) for topic, kind in topics.items()}
    stop(robot)
    joints, commands = last["joint_states"], last["joint_commands"]
    names = RobotProfile.load(PROFILE).robot.joints
    assert tuple(joints.name) == tuple(commands.name) == names
    assert len(joints.position) == len(joints.velocity) == len(joints.effort) == len(commands.position) == 43
    assert (last["left_hand/touch"].encoding, last["left_hand/touch"].height) == ("32FC1", 7)
    force = last["left_wrist/wrench"].wrench.force
    assert 2.0 < np.hypot(np.hypot(force.x, force.y), force.z) < 60.0
    assert last["imu/data"].linear_acceleration.z == pytest.approx(9.81, abs=0.3)
    picture = Picture.open(io.BytesIO(bytes(last["head_camera/color/image_raw/compressed"].data)))
    assert (picture.format, picture.size) == ("JPEG", (320, 240))
    assert 0.7 < last["mocap/box"].pose.position.z < 1.2


def test_the_description_the_state_and_the_success_reach_a_reader_that_comes_late(
    make_node: "MakeNode", poll: "Poll", start: Callable[..., "NodeProcess"]
) -> None:
    robot = start("task:=carry_tray", "seed:=5", "cameras:=['']")
    robot.wait_for("messages a second")
    found: dict[str, Any] = {}
    reader = make_node("late")
    for topic, kind in (("robot_description", String), ("sim_humanoid/state", String), ("sim_humanoid/success", Bool)):
        reader.create_subscription(
            kind, topic, lambda message, topic=topic: found.update({topic: message.data}), LATCHED
        )
    poll(lambda: len(found) == 3)
    stop(robot)
    assert '<joint name="left_knee_joint" type="revolute">' in found["robot_description"]
    state = json.loads(found["sim_humanoid/state"])
    assert (state["task"], state["seed"], state["success"], state["pictures"]) == ("carry_tray", 5, False, "none")
    assert state["real_time_factor"] >= 0
    assert found["sim_humanoid/success"] is False


def test_a_reset_takes_the_seed_and_the_same_seed_gives_the_same_motion(
    listen: Callable[..., Listener], start: Callable[..., "NodeProcess"], poll: "Poll"
) -> None:
    listener = listen({"mocap/box": PoseStamped, "joint_commands": JointState})
    robot = start("cameras:=['']")
    runs = []
    for seed in (3, 4, 3):
        assert listener.set("seed", seed) == ""
        assert listener.reset() == {"task": "lift_box", "seed": seed}
        commands = [
            tuple(deserialize_message(data, JointState).position) for data in listener.more("joint_commands", 150)
        ]
        box = deserialize_message(listener.more("mocap/box", 5)[-1], PoseStamped).pose.position
        runs.append((set(commands), (round(box.x, 4), round(box.y, 4))))
    stop(robot)
    # The first commands after a reset may have gone by; what two runs have in common is equal to the last bit.
    assert len(runs[0][0] & runs[2][0]) > 50
    assert len(runs[0][0] & runs[1][0]) <= 20
    assert runs[0][1] == runs[2][1] != runs[1][1]


def test_without_the_operator_it_takes_commands_and_refuses_wrong_ones(
    listen: Callable[..., Listener], poll: "Poll", start: Callable[..., "NodeProcess"]
) -> None:
    listener = listen({"joint_states": JointState})
    publisher = listener.node.create_publisher(JointState, "joint_commands", 10)
    robot = start("operator:=false", "cameras:=['']")

    def elbow() -> float:
        if not listener.messages["joint_states"]:
            return 0.0
        state = deserialize_message(listener.messages["joint_states"][-1], JointState)
        return float(state.position[list(state.name).index("left_elbow_joint")])

    def command(name: str) -> bool:
        publisher.publish(JointState(name=[name], position=[-0.8]))
        return abs(elbow() + 0.8) < 0.02

    poll(lambda: command("left_elbow_joint"))
    poll(lambda: command("left_elbo_joint") and "unknown joint 'left_elbo_joint'" in robot.output)
    stop(robot)
    assert robot.output.count("a command was refused") == 1


def test_faults_are_switched_on_and_off_while_it_runs_and_wrong_ones_are_refused(
    listen: Callable[..., Listener], poll: "Poll", start: Callable[..., "NodeProcess"]
) -> None:
    head, left, right = (f"{name}_camera/color/image_raw/compressed" for name in ("head", "left_wrist", "right_wrist"))
    topics = {"joint_states": JointState, "imu/data": Imu, "operator/head": PoseStamped}
    listener = listen(topics | dict.fromkeys((head, left, right), CompressedImage))
    robot = start("faults:=['clock_offset:operator_head:1.7s']")
    poll(lambda: all(listener.messages.values()) and listener.state)

    joints, ahead = listener.stamps_ns("joint_states")[-1], listener.stamps_ns("operator/head")[-1]
    assert ahead - joints == pytest.approx(1700 * MS, abs=500 * MS)

    assert "Did you mean 'frozen_camera'?" in listener.set("faults", ["frozen_cam:head"])
    assert "cannot have wrench_bias" in listener.set("faults", ["wrench_bias:imu"])
    assert "not negative" in listener.set("seed", -1)
    assert listener.state["faults"] == ["clock_offset:operator_head"]

    assert listener.set("faults", ["frozen_camera:head", "silent:imu"]) == ""
    listener.more(head, 5)  # those that were under way
    frozen = [bytes(deserialize_message(data, CompressedImage).data) for data in listener.more(head, 10)]
    assert len(set(frozen)) == 1
    assert len(set(listener.stamps_ns(head))) == len(listener.messages[head])
    listener.messages["imu/data"].clear()
    moving = {bytes(deserialize_message(data, CompressedImage).data) for data in listener.more(left, 10)}
    assert len(moving) > 1
    assert listener.messages["imu/data"] == []

    assert listener.set("faults", [""]) == ""
    listener.more("imu/data", 10)
    listener.more(head, 5)
    assert len(set(listener.more(head, 10))) > 1
    poll(lambda: listener.state["faults"] == [])
    stop(robot)


def test_a_restarted_publisher_comes_back_as_another_one(
    listen: Callable[..., Listener], poll: "Poll", start: Callable[..., "NodeProcess"]
) -> None:
    listener = listen({"joint_states": JointState})
    robot = start("cameras:=['']")
    listener.more("joint_states", 10)

    def publishers() -> set[bytes]:
        infos = listener.node.get_publishers_info_by_topic("joint_states")
        return {bytes(info.endpoint_gid) for info in infos}

    before = publishers()
    assert listener.set("faults", ["publisher_restart:joints:1s"]) == ""
    poll(lambda: not publishers())
    poll(lambda: publishers())
    assert len(before) == 1
    assert not before & publishers()
    listener.more("joint_states", 10)
    stop(robot)


@pytest.mark.parametrize(
    ("parameter", "complaint"),
    [
        ("task:=lift_bx", "There is no task 'lift_bx'"),
        ("cameras:=['hed']", "There is no camera 'hed'"),
        ("faults:=['silent:imuu']", "Did you mean 'imu'?"),
        ("seed:=-1", "The seed is -1"),
    ],
)
def test_a_wrong_parameter_ends_it_with_the_reason_and_no_traceback(
    start: Callable[..., "NodeProcess"], parameter: str, complaint: str
) -> None:
    robot = start(parameter)
    assert robot.wait() == SpecError.exit_code
    assert complaint in robot.output
    assert "Traceback" not in robot.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_its_pictures(start: Callable[..., "NodeProcess"], number: signal.Signals) -> None:
    robot = start()
    robot.wait_for("messages a second")
    children = Path(f"/proc/{robot.process.pid}/task/{robot.process.pid}/children").read_text().split()
    robot.signal(number)
    assert robot.wait(timeout_s=4.0) == 0, robot.output
    assert f"ended ({number.name})" in robot.output
    assert children
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
