"""Real messages for bags: types, definitions and CDR bytes come from the ``rosbags`` package, not from us."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from humanoid_recorder.core.qos import Durability, QosOffer, Reliability
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import BagOptions, BagSummary, BagTopic, BagWriter

START_NS = 1_795_160_424_444_668_177
JOINTS, CAMERA, UNHEARD = 1, 2, 7

MakeBag = Callable[..., BagSummary]


@pytest.fixture(scope="session")
def typestore() -> Typestore:
    return get_typestore(Stores.ROS2_KILTED)


@pytest.fixture(scope="session")
def topics(typestore: Typestore) -> tuple[BagTopic, ...]:
    """A joint topic, a camera topic, and one that nobody speaks on."""

    def topic(channel_id: int, name: str, type_name: str, *offers: QosOffer) -> BagTopic:
        definition, _ = typestore.generate_msgdef(type_name, ros_version=2)
        return BagTopic(channel_id, name, type_name, str(definition), typestore.hash_rihs01(type_name), offers)

    latched = QosOffer(durability=Durability.TRANSIENT_LOCAL, deadline_ns=1_500_000_000)
    return (
        topic(JOINTS, "/joint_states", "sensor_msgs/msg/JointState", QosOffer(), latched),
        topic(CAMERA, "/head", "sensor_msgs/msg/CompressedImage", QosOffer(reliability=Reliability.BEST_EFFORT)),
        topic(UNHEARD, "/more_joints", "sensor_msgs/msg/JointState"),
    )


@pytest.fixture(scope="session")
def samples(typestore: Typestore) -> list[Sample]:
    """600 joint states and 30 pictures over 1.2 s, every 7th message late."""
    types = typestore.types
    joint_state, image = types["sensor_msgs/msg/JointState"], types["sensor_msgs/msg/CompressedImage"]
    header, time = types["std_msgs/msg/Header"], types["builtin_interfaces/msg/Time"]

    def sample(channel_id: int, at: int, log_ns: int) -> Sample:
        stamp = header(stamp=time(sec=log_ns // 10**9, nanosec=log_ns % 10**9), frame_id="base")
        if channel_id == JOINTS:
            values = np.array([at, -at, 0.5])
            message = joint_state(stamp, ["a", "b", "c"], values, values, values)
        else:
            message = image(stamp, "jpeg", np.full(40_000 + at, at % 251, np.uint8))
        data = bytes(typestore.serialize_cdr(message, message.__msgtype__))
        return Sample(channel_id, data, log_ns, log_ns - 80_000, log_ns, 2**32 - 300 + at)

    made = []
    for at in range(600):
        late_ns = 9_100_000 if at % 7 == 0 else 0
        made.append(sample(JOINTS, at, START_NS + 2_000_000 * at + 20_000_000 - late_ns))
        if at % 20 == 0:
            made.append(sample(CAMERA, at, START_NS + 2_000_000 * at + 21_000_000))
    return made


@pytest.fixture
def make_bag(tmp_path: Path, topics: tuple[BagTopic, ...], samples: list[Sample]) -> MakeBag:
    """Write and seal ``<tmp_path>/<name>`` with many small chunks."""

    def make(name: str = "bag", *, of: Sequence[Sample] | None = None, chunk_bytes: int = 100_000) -> BagSummary:
        bag = BagWriter(tmp_path / name, options=BagOptions(chunk_bytes=chunk_bytes), ros_distro="kilted")
        for topic in topics:
            bag.add_topic(topic)
        bag.write(samples if of is None else of)
        return bag.seal(custom_data={"episode": name, "empty": "", "number": "7"})

    return make
