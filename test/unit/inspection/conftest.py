"""Bags with a small robot, made of real messages: types, definitions and bytes come from the ``rosbags`` package."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from humanoid_recorder.core.findings import Finding
from humanoid_recorder.core.labels import Labels, Outcome
from humanoid_recorder.core.qos import Durability, QosOffer, Reliability
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import BagOptions, BagTopic, BagWriter
from humanoid_recorder.storage.episode_file import EpisodeFile, ProvenanceRecord, StartRecord, StreamRecord

START_NS = 1_795_160_424_000_000_000
RELIABLE = QosOffer()
LATCHED = QosOffer(durability=Durability.TRANSIENT_LOCAL)
SENSOR = QosOffer(reliability=Reliability.BEST_EFFORT)

URDF = """<?xml version="1.0"?>
<robot name="little">
  <link name="base"/>
  <link name="arm"/>
  <link name="hand"/>
  <link name="finger"/>
  <link name="eye"/>
  <joint name="shoulder" type="revolute">
    <parent link="base"/><child link="arm"/><origin xyz="0 0 1" rpy="0 0 1.5707963267948966"/><axis xyz="0 1 0"/>
    <limit lower="-1" upper="1" effort="1" velocity="1"/>
  </joint>
  <joint name="slide" type="prismatic">
    <parent link="arm"/><child link="hand"/><origin xyz="0.5 0 0"/><axis xyz="2 0 0"/>
    <limit lower="0" upper="1" effort="1" velocity="1"/>
  </joint>
  <joint name="grip" type="continuous">
    <parent link="hand"/><child link="finger"/><axis xyz="0 0 1"/><mimic joint="slide" multiplier="2" offset="0.1"/>
  </joint>
  <joint name="mount" type="fixed"><parent link="base"/><child link="eye"/><origin xyz="0 0 1.5"/></joint>
</robot>
"""


@dataclass
class Topic:
    """One topic of a bag to be made, and its messages: seconds since the start, and the message."""

    type: str
    messages: Sequence[tuple[float, Any]]
    kind: str = "other"
    name: str = ""
    offer: QosOffer = field(default_factory=QosOffer)


class MakeBag(Protocol):
    def __call__(
        self, topics: Mapping[str, Topic], *, profile: str | None = None, findings: Sequence[Finding] = ()
    ) -> Path: ...


@pytest.fixture(scope="session")
def typestore() -> Typestore:
    return get_typestore(Stores.ROS2_KILTED)


class Messages:
    """Messages by their fields."""

    def __init__(self, typestore: Typestore) -> None:
        self._types = typestore.types

    def header(self, frame: str = "", at_s: float = 0.0) -> Any:
        stamp_ns = START_NS + round(at_s * 1e9)
        time = self._types["builtin_interfaces/msg/Time"](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
        return self._types["std_msgs/msg/Header"](stamp=time, frame_id=frame)

    def topic(self, type_name: str, *said: Any, every_s: float = 0.1) -> Topic:
        """A topic that says this, one after the other from the start on."""
        return Topic(type_name, [(every_s * number, message) for number, message in enumerate(said)])

    def string(self, text: str) -> Any:
        return self._types["std_msgs/msg/String"](data=text)

    def flag(self, value: bool) -> Any:
        return self._types["std_msgs/msg/Bool"](data=value)

    def joints(self, **positions: float) -> Any:
        values, none = np.array(list(positions.values())), np.array([])
        return self._types["sensor_msgs/msg/JointState"](self.header(), list(positions), values, none, none)

    def pose(self, frame: str) -> Any:
        point = self._types["geometry_msgs/msg/Point"](0.0, 0.0, 1.0)
        pose = self._types["geometry_msgs/msg/Pose"](
            point, self._types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)
        )
        return self._types["geometry_msgs/msg/PoseStamped"](self.header(frame), pose)

    def poses(self, frame: str) -> Any:
        return self._types["geometry_msgs/msg/PoseArray"](self.header(frame), [])

    def wrench(self, frame: str) -> Any:
        vector = self._types["geometry_msgs/msg/Vector3"](1.0, 0.0, 0.0)
        wrench = self._types["geometry_msgs/msg/Wrench"](vector, vector)
        return self._types["geometry_msgs/msg/WrenchStamped"](self.header(frame), wrench)

    def touch(self, frame: str, rows: int = 2, columns: int = 3) -> Any:
        data = np.arange(rows * columns, dtype="<f4").view(np.uint8)
        image = self._types["sensor_msgs/msg/Image"]
        return image(self.header(frame), rows, columns, "32FC1", 0, 4 * columns, data)

    def picture(self) -> Any:
        return self._types["sensor_msgs/msg/CompressedImage"](self.header("eye"), "jpeg", np.zeros(9, np.uint8))

    def no_transforms(self) -> Any:
        return self._types["tf2_msgs/msg/TFMessage"]([])


@pytest.fixture(scope="session")
def messages(typestore: Typestore) -> Messages:
    return Messages(typestore)


@pytest.fixture(scope="session")
def urdf_text() -> str:
    return URDF


@pytest.fixture
def make_bag(tmp_path: Path, typestore: Typestore) -> MakeBag:
    """Write and seal a bag; with ``episode.json`` if a profile text (it may be empty) is given."""

    def make(topics: Mapping[str, Topic], *, profile: str | None = None, findings: Sequence[Finding] = ()) -> Path:
        bag = BagWriter(tmp_path / "bag", options=BagOptions(), ros_distro="kilted")
        samples = []
        for number, (name, topic) in enumerate(topics.items(), start=1):
            definition, _ = typestore.generate_msgdef(topic.type, ros_version=2)
            hashed = typestore.hash_rihs01(topic.type)
            bag.add_topic(BagTopic(number, name, topic.type, str(definition), hashed, (topic.offer,)))
            for at_s, message in topic.messages:
                log_ns = START_NS + round(at_s * 1e9)
                data = bytes(typestore.serialize_cdr(message, topic.type))
                samples.append(Sample(number, data, log_ns, log_ns, None, 0))
        bag.write(sorted(samples, key=lambda sample: sample.log_ns))
        directory = bag.seal(custom_data={}).directory
        if profile is not None:
            _episode(topics, profile, findings).write(directory)
        return directory

    return make


def _episode(topics: Mapping[str, Topic], profile: str, findings: Sequence[Finding]) -> EpisodeFile:
    streams = tuple(
        StreamRecord(
            name=topic.name or name, topic=name, type=topic.type, kind=topic.kind, expected_hz=None, required=False,
            serial="", unit="", type_hash="", reliability="", durability="", publishers=(),
        )
        for name, topic in topics.items()
    )  # fmt: skip
    provenance = ProvenanceRecord(
        robot="little", robot_serial="", profile_path="", profile_sha256="", profile_text=profile, urdf_sha256="",
        host="", software={}, clock_synchronised=None,
    )  # fmt: skip
    labels = Labels(task="wipe the table")
    start = StartRecord(time_ns=START_NS, labels=labels, streams=streams, provenance=provenance)
    return EpisodeFile(
        id="e1", session="s1", start=start, labels=labels, outcome=Outcome.FAILURE, findings=tuple(findings)
    )


@pytest.fixture
def topics(messages: Messages) -> dict[str, Topic]:
    """Everything that can be shown."""
    image = "sensor_msgs/msg/Image"
    return {
        "/robot_description": Topic(
            "std_msgs/msg/String", [(0, messages.string(URDF))], "description", "urdf", LATCHED
        ),
        "/joint_states": Topic(
            "sensor_msgs/msg/JointState", [(0.1, messages.joints(shoulder=0.1, slide=0.2))], "joint", "joints"
        ),
        "/joint_commands": Topic(
            "sensor_msgs/msg/JointState", [(0.2, messages.joints(shoulder=0.3, slide=0.1))], "command", "commands"
        ),
        "/head/image/compressed": Topic(
            "sensor_msgs/msg/CompressedImage", [(0.1, messages.picture())], "camera", "head", SENSOR
        ),
        "/wrist/jpeg": Topic("sensor_msgs/msg/CompressedImage", [(0.1, messages.picture())], "camera", "wrist"),
        "/depth": Topic(image, [(0.1, messages.touch("eye"))], "camera", "depth"),
        "/left_wrist/wrench": Topic(
            "geometry_msgs/msg/WrenchStamped", [(0.1, messages.wrench("hand"))], "wrench", "left_wrench"
        ),
        "/left_hand/touch": Topic(image, [(0.1, messages.touch("hand"))], "tactile", "left_touch"),
        "/operator/head": Topic("geometry_msgs/msg/PoseStamped", [(0.1, messages.pose("base"))], "operator", "vr_head"),
        "/mocap/bodies": Topic("geometry_msgs/msg/PoseArray", [(0.1, messages.poses("base"))], "mocap", "mocap"),
        "/recorder/events": Topic(
            "std_msgs/msg/String", [(0.5, messages.string('{"event": "mark", "time_ns": 1}'))], name="/recorder/events"
        ),
    }  # fmt: skip
