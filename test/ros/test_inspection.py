"""The nodes that make what rviz cannot: real messages in, what rviz would be sent out."""

import dataclasses
import io
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from PIL import Image as Pillow
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float32MultiArray, Header, MultiArrayDimension, MultiArrayLayout, String
from visualization_msgs.msg import Marker, MarkerArray

from humanoid_recorder.core.qos import Durability, QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.inspection.bag_contents import read_contents
from humanoid_recorder.nodes import tf_publisher
from humanoid_recorder.nodes.touch_markers import TouchArray
from humanoid_recorder.ros.installed import is_package_installed, is_type_installed
from humanoid_recorder.ros.message_types import message_type
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.ros.running import StopRequest, ros_context
from humanoid_recorder.ros.transforms import TF_TYPE
from humanoid_recorder.spec.stream_spec import StreamSpec
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, NodeProcess, Poll, StartNode, Talk

START_NS = 1_795_160_424_000_000_000
URDF = """<robot name="r"><link name="base"/><link name="arm"/><link name="tip"/>
<joint name="shoulder" type="revolute"><parent link="base"/><child link="arm"/><axis xyz="0 0 1"/></joint>
<joint name="wrist" type="prismatic"><parent link="arm"/><child link="tip"/><axis xyz="1 0 0"/></joint></robot>"""
TYPES = {
    "/robot_description": ("std_msgs/msg/String", String(data=URDF)),
    "/joint_states": ("sensor_msgs/msg/JointState", JointState(name=["shoulder", "wrist"], position=[0.1, 0.2])),
    "/joint_commands": ("sensor_msgs/msg/JointState", JointState(name=["shoulder"], position=[0.3])),
    "/hand/touch": ("sensor_msgs/msg/Image", Image(header=Header(frame_id="tip"), encoding="32FC1")),
    "/glove/touch": ("std_msgs/msg/Float32MultiArray", Float32MultiArray()),
    "/recorder/events": ("std_msgs/msg/String", String(data='{"event": "mark"}')),
}


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """One message of each topic, half a second apart; the events come last."""
    writer = BagWriter(tmp_path / "bag", ros_distro="kilted")
    samples = []
    for number, (topic, (type_name, message)) in enumerate(TYPES.items(), start=1):
        kind = message_type(type_name)
        latched = QosOffer(durability=Durability.TRANSIENT_LOCAL) if topic == "/robot_description" else QosOffer()
        writer.add_topic(BagTopic(number, topic, type_name, kind.definition, kind.type_hash, (latched,)))
        log_ns = START_NS + (number - 1) * 500_000_000
        samples.append(Sample(number, bytes(serialize_message(message)), log_ns, log_ns, None, 0))
    writer.write(samples)
    return writer.seal(custom_data={}).directory


@pytest.fixture
def run(start_node: "StartNode", bag: Path) -> "Callable[..., NodeProcess]":
    def start(node: str, *settings: str) -> "NodeProcess":
        named = [word for setting in (f"bag:={bag}", *settings) for word in ("-p", setting)]
        return start_node(f"humanoid_recorder.nodes.{node}", *named)

    return start


@pytest.fixture
def heard(make_node: "MakeNode") -> Callable[..., list[Any]]:
    """Subscribes, and returns the list that fills."""

    def listen(kind: type[Any], topic: str, qos: Any = 10) -> list[Any]:
        messages: list[Any] = []
        make_node(f"listener{topic.replace('/', '_')}").create_subscription(kind, topic, messages.append, qos)
        return messages

    return listen


def touch_image(values: list[list[float]]) -> Image:
    array = np.array(values, dtype="<f4")
    rows, columns = array.shape
    return Image(
        header=Header(frame_id="tip"), height=rows, width=columns, encoding="32FC1", step=4 * columns,
        data=array.tobytes(),
    )  # fmt: skip


def test_touch_is_shown_taxel_by_taxel_on_a_scale_that_is_said(
    run: "Callable[..., NodeProcess]", heard: Callable[..., list[Any]], talk: "Talk", poll: "Poll"
) -> None:
    shown = heard(MarkerArray, "/inspect/hand/touch_markers", LATCHED)
    run("touch_markers").wait_for("2 touch arrays in bag")
    talk(touch_image([[0.0, 1.0, 2.0], [3.0, float("nan"), 5.0]]), "/hand/touch")
    poll(lambda: shown)
    balls, text = shown[-1].markers
    assert (balls.type, balls.header.frame_id, balls.frame_locked) == (Marker.SPHERE_LIST, "tip", True)
    assert len(balls.points) == len(balls.colors) == 6
    assert balls.points[1].y - balls.points[0].y == pytest.approx(0.005)
    assert balls.colors[5].r > 0.8 > 0.3 > balls.colors[5].g
    assert (balls.colors[4].r, balls.colors[4].g, balls.colors[4].b) == (1, 0, 1)
    assert text.text == "/hand/touch: 5, red = 5"


def test_arrays_of_numbers_are_touch_too_and_a_declared_scale_holds(
    run: "Callable[..., NodeProcess]", heard: Callable[..., list[Any]], talk: "Talk", poll: "Poll"
) -> None:
    shown = heard(MarkerArray, "/inspect/glove/touch_markers", LATCHED)
    run("touch_markers", "full_scale:=40.0")
    rows = MultiArrayDimension(label="rows", size=2, stride=4)
    columns = MultiArrayDimension(label="columns", size=2, stride=2)
    talk(Float32MultiArray(layout=MultiArrayLayout(dim=[rows, columns]), data=[0.0, 1.0, 2.0, 3.0]), "/glove/touch")
    poll(lambda: shown)
    balls, text = shown[-1].markers
    assert len(balls.points) == 4
    assert balls.header.frame_id == "base"  # the array names none: that of the robot
    assert text.text == "/glove/touch: 3, red = 40"


def test_touch_lies_flat_and_says_so_while_the_profile_has_another_number_of_taxels(bag: Path) -> None:
    contents = read_contents(bag)
    stream = next(stream for stream in contents.streams if stream.topic == "/hand/touch")
    pad = {"frame": "arm", "positions_m": [[0.0, 0.0, 0.1], [0.0, 0.0, 0.2]]}
    spec = StreamSpec.model_validate({"topic": "/hand/touch", "type": stream.type, "kind": "tactile", "taxels": [pad]})
    array = TouchArray(dataclasses.replace(stream, spec=spec), contents, full_scale=None)
    array.hear(touch_image([[1.0, 2.0]]))
    fitting: Any = array.draw()
    assert (fitting.markers[0].header.frame_id, array.misfit) == ("arm", "")
    array.hear(touch_image([[1.0, 2.0, 3.0]]))
    flat: Any = array.draw()
    assert (flat.markers[0].header.frame_id, len(flat.markers[0].points)) == ("tip", 3)
    assert array.misfit == "shown flat: 3 values, and the profile has 2 taxels"


def test_touch_that_cannot_be_read_is_said_once_and_the_node_goes_on(
    run: "Callable[..., NodeProcess]", heard: Callable[..., list[Any]], talk: "Talk", poll: "Poll"
) -> None:
    shown = heard(MarkerArray, "/inspect/hand/touch_markers", LATCHED)
    node = run("touch_markers")
    wrong = talk(Image(encoding="rgb8", height=1, width=1, step=3, data=bytes(3)), "/hand/touch")
    poll(lambda: "/hand/touch: an image with the encoding 'rgb8' is no touch array" in node.output)
    talk(Float32MultiArray(), "/glove/touch")
    poll(lambda: "/glove/touch: an array without values is not shown" in node.output)
    wrong.sent = 0
    poll(lambda: wrong.sent > 20)
    wrong.leave()
    talk(touch_image([[1.0]]), "/hand/touch", node="other")
    poll(lambda: shown)
    assert node.output.count("is no touch array") == 1
    node.signal(signal.SIGINT)
    assert node.wait() == 0


def test_events_follow_the_clock_also_backwards(
    run: "Callable[..., NodeProcess]", heard: Callable[..., list[Any]], talk: "Talk", poll: "Poll"
) -> None:
    shown = heard(MarkerArray, "/inspect/timeline", LATCHED)
    run("bag_markers", "use_sim_time:=true").wait_for("1 events and findings in bag")

    def at(seconds: int) -> Clock:
        return Clock(clock=Time(sec=START_NS // 10**9 + seconds))

    def texts() -> list[str]:
        return [marker.text for marker in shown[-1].markers if marker.action == Marker.ADD] if shown else []

    late = talk(at(4), "/clock")
    poll(lambda: texts() == ["bag", "+2.50 s  mark"])
    assert shown[-1].markers[0].action == Marker.DELETEALL
    assert shown[-1].markers[1].header.frame_id == "base"
    late.leave()
    talk(at(1), "/clock", node="earlier")
    poll(lambda: texts() == ["bag"])


def picture(kind: str, mode: str) -> bytes:
    file = io.BytesIO()
    image = Pillow.fromarray(np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000)
    (image if mode == "I;16" else Pillow.new(mode, (4, 3), (255, 0, 0))).save(file, kind)
    return file.getvalue()


def test_pictures_are_decoded_with_their_headers_and_depth_keeps_its_values(
    start_node: "StartNode", heard: Callable[..., list[Any]], talk: "Talk", poll: "Poll"
) -> None:
    colour, depth = heard(Image, "/inspect/cam/compressed_decoded"), heard(Image, "/inspect/depth_decoded")
    node = start_node("humanoid_recorder.nodes.image_decoder", "-p", "topics:=['/cam/compressed', '/depth']")
    header = Header(frame_id="eye", stamp=Time(sec=7))
    talk(CompressedImage(header=header, format="jpeg", data=picture("JPEG", "RGB")), "/cam/compressed")
    broken = talk(CompressedImage(format="jpeg", data=b"no picture"), "/cam/compressed", node="broken")
    talk(CompressedImage(format="16UC1; png compressed", data=picture("PNG", "I;16")), "/depth", node="third")
    poll(lambda: colour and depth and "/cam/compressed: a picture in the format 'jpeg' cannot be" in node.output)
    broken.sent = 0
    poll(lambda: broken.sent > 20)
    shown = colour[-1]
    assert (shown.encoding, shown.width, shown.height, shown.step) == ("rgb8", 4, 3, 12)
    assert shown.header == header
    assert shown.data[0] > 200 > 60 > shown.data[1]
    assert (depth[-1].encoding, depth[-1].step) == ("16UC1", 8)
    assert np.frombuffer(depth[-1].data, "<u2").tolist() == [5000 * at for at in range(12)]
    assert node.output.count("cannot be decoded") == 1


def test_a_decoder_without_topics_says_so_and_ends(start_node: "StartNode") -> None:
    node = start_node("humanoid_recorder.nodes.image_decoder")
    assert node.wait() == 2
    assert "the parameter topics names no topic" in node.output


@pytest.mark.parametrize("node", ["touch_markers", "bag_markers"])
def test_a_bag_that_is_not_there_is_one_clear_line(start_node: "StartNode", node: str, tmp_path: Path) -> None:
    process = start_node(f"humanoid_recorder.nodes.{node}", "-p", f"bag:={tmp_path / 'none'}")
    assert process.wait() == 1
    assert re.fullmatch(r"error: There is no .*/none\.\n", process.output)


@pytest.mark.skipif(is_type_installed(TF_TYPE), reason="tf2_msgs is installed here")
def test_without_tf2_msgs_the_publisher_of_frames_says_so_in_one_line_and_ends(
    run: "Callable[..., NodeProcess]",
) -> None:
    node = run("tf_publisher")
    assert node.wait() == 1
    assert re.fullmatch(r"error: The message type tf2_msgs/msg/TFMessage is not installed.*\n", node.output)


class Frames:
    """Stands in for TFMessage, which no wheel has."""

    def __init__(self, transforms: list[TransformStamped]) -> None:
        self.transforms = {transform.child_frame_id: transform for transform in transforms}


class Sent:
    """Stands in for the publishers of it."""

    def __init__(self) -> None:
        self.frames: list[Frames] = []

    def publish(self, frames: Frames) -> None:
        self.frames.append(frames)


@pytest.fixture
def frames_of_bag(
    bag: Path, domain_id: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[tf_publisher.TfPublisher, dict[str, Sent]]]:
    sent = {"/tf": Sent(), "/tf_static": Sent()}
    monkeypatch.setattr(tf_publisher, "message_class", lambda _type: Frames)
    monkeypatch.setattr(tf_publisher.TfPublisher, "create_publisher", _instead_of_publishers(sent))
    with ros_context(["--ros-args", "-p", f"bag:={bag}"]):
        node = tf_publisher.TfPublisher(StopRequest())
        yield node, sent
        node.destroy_node()


def _instead_of_publishers(sent: dict[str, Sent]) -> Callable[..., Any]:
    original = tf_publisher.TfPublisher.create_publisher

    def create(node: Any, kind: type[Any], topic: str, *rest: Any, **named: Any) -> Any:
        return sent[topic] if kind is Frames else original(node, kind, topic, *rest, **named)

    return create


def test_frames_are_those_of_the_measured_robot_and_of_the_commanded_one_beside_it(
    frames_of_bag: tuple[tf_publisher.TfPublisher, dict[str, Sent]],
) -> None:
    node, sent = frames_of_bag
    (static,) = sent["/tf_static"].frames
    assert {name: frame.header.frame_id for name, frame in static.transforms.items()} == {"commanded/base": "base"}
    stamp = Time(sec=5, nanosec=7)
    node._hear(node._measured, JointState(header=Header(stamp=stamp), name=["shoulder", "wrist"], position=[0.2, 0.5]))
    node._hear(node._commanded, JointState(header=Header(stamp=stamp), name=["shoulder"], position=[0.6]))
    node._hear(node._commanded, JointState(header=Header(stamp=stamp), name=["wrist"], position=[float("nan")]))
    node._publish()
    node._publish()  # nothing new: nothing sent
    (frames,) = sent["/tf"].frames
    assert set(frames.transforms) == {"arm", "tip", "commanded/arm", "commanded/tip"}
    assert all(frame.header.stamp == stamp for frame in frames.transforms.values())
    turned = {name: frames.transforms[name].transform.rotation.z for name in ("arm", "commanded/arm")}
    assert turned == pytest.approx({"arm": np.sin(0.1), "commanded/arm": np.sin(0.3)})
    # No command names the wrist: it stands as it was measured.
    assert frames.transforms["commanded/tip"].transform.translation.x == 0.5
    assert frames.transforms["commanded/tip"].header.frame_id == "commanded/arm"
    heard = {subscription.topic_name for subscription in node.subscriptions}
    assert {"/joint_states", "/inspect/joint_commands"} <= heard
    assert "/joint_commands" not in heard


def test_the_index_tells_which_packages_there_are() -> None:
    assert is_package_installed("rclpy") or is_package_installed("std_msgs")
    assert not is_package_installed("no_such_package")
    assert is_type_installed("std_msgs/msg/String")
    assert not is_type_installed("no_such_package/msg/String")
