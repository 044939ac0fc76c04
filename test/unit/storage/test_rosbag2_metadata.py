"""metadata.yaml: the exact layout of version 9, and what older recorders wrote."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.qos import INFINITE_NS, Durability, Liveliness, QosOffer, Reliability
from humanoid_recorder.storage.rosbag2_metadata import (
    BagMetadata,
    Duration,
    FileInformation,
    StartingTime,
    TopicMetadata,
    TopicWithMessageCount,
    format_qos_offers,
    parse_qos_offers,
)

VERSION_9 = """\
rosbag2_bagfile_information:
  version: 9
  storage_identifier: mcap
  duration:
    nanoseconds: 9740999261
  starting_time:
    nanoseconds_since_epoch: 1795160424444668177
  message_count: 5042
  topics_with_message_count:
  - topic_metadata:
      name: /joint_states
      type: sensor_msgs/msg/JointState
      serialization_format: cdr
      offered_qos_profiles:
      - history: unknown
        depth: 0
        reliability: reliable
        durability: volatile
        deadline:
          sec: 9223372036
          nsec: 854775807
        lifespan:
          sec: 9223372036
          nsec: 854775807
        liveliness: automatic
        liveliness_lease_duration:
          sec: 9223372036
          nsec: 854775807
        avoid_ros_namespace_conventions: false
      type_description_hash: RIHS01_a13e
    message_count: 5042
  - topic_metadata:
      name: /silent
      type: std_msgs/msg/String
      serialization_format: cdr
      offered_qos_profiles: []
      type_description_hash: ''
    message_count: 0
  compression_format: ''
  compression_mode: ''
  relative_file_paths:
  - bag1_0.mcap
  files:
  - path: bag1_0.mcap
    starting_time:
      nanoseconds_since_epoch: 1795160424444668177
    duration:
      nanoseconds: 9740999261
    message_count: 5042
  custom_data: ~
  ros_distro: kilted
"""

VERSION_5 = """\
rosbag2_bagfile_information:
  version: 5
  storage_identifier: mcap
  duration: {nanoseconds: 10}
  starting_time: {nanoseconds_since_epoch: 20}
  message_count: 3
  topics_with_message_count:
    - topic_metadata:
        name: /old
        type: std_msgs/msg/String
        serialization_format: cdr
        offered_qos_profiles: "- history: 3\\n  depth: 0\\n  reliability: 2\\n  durability: 1\\n  deadline:\\n    sec: \
2147483647\\n    nsec: 4294967295\\n  lifespan:\\n    sec: 1\\n    nsec: 5\\n  liveliness: 3\\n  \
liveliness_lease_duration:\\n    sec: 9223372036\\n    nsec: 854775807\\n  avoid_ros_namespace_conventions: false"
      message_count: 3
  compression_format: ""
  compression_mode: ""
  relative_file_paths: [old_0.mcap]
  files:
    - {path: old_0.mcap, starting_time: {nanoseconds_since_epoch: 20}, duration: {nanoseconds: 10}, message_count: 3}
"""


def version_9() -> BagMetadata:
    start, duration = StartingTime(nanoseconds_since_epoch=1795160424444668177), Duration(nanoseconds=9740999261)
    joints = TopicMetadata(
        name="/joint_states",
        type="sensor_msgs/msg/JointState",
        offered_qos_profiles=(QosOffer(),),
        type_description_hash="RIHS01_a13e",
    )
    silent = TopicMetadata(name="/silent", type="std_msgs/msg/String")
    return BagMetadata(
        duration=duration,
        starting_time=start,
        message_count=5042,
        topics_with_message_count=(
            TopicWithMessageCount(topic_metadata=joints, message_count=5042),
            TopicWithMessageCount(topic_metadata=silent, message_count=0),
        ),
        relative_file_paths=("bag1_0.mcap",),
        files=(FileInformation(path="bag1_0.mcap", starting_time=start, duration=duration, message_count=5042),),
        ros_distro="kilted",
    )


def test_the_file_is_laid_out_as_rosbag2_does(tmp_path: Path) -> None:
    version_9().write(tmp_path / "metadata.yaml")
    assert (tmp_path / "metadata.yaml").read_text() == VERSION_9
    assert [path.name for path in tmp_path.iterdir()] == ["metadata.yaml"]


def test_what_is_written_reads_back_as_equal(tmp_path: Path) -> None:
    version_9().write(tmp_path / "metadata.yaml")
    assert BagMetadata.read(tmp_path / "metadata.yaml") == version_9()
    assert BagMetadata.parse_body(version_9().to_yaml(), of=tmp_path) == version_9()


def test_version_5_is_read_with_its_numbers_and_without_what_came_later(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text(VERSION_5)
    metadata = BagMetadata.read(tmp_path / "metadata.yaml")
    (topic,) = metadata.topics_with_message_count
    assert topic.topic_metadata.offered_qos_profiles == (
        QosOffer(
            reliability=Reliability.BEST_EFFORT,
            durability=Durability.TRANSIENT_LOCAL,
            deadline_ns=INFINITE_NS,
            lifespan_ns=1_000_000_005,
            liveliness=Liveliness.MANUAL_BY_TOPIC,
            liveliness_lease_ns=INFINITE_NS,
        ),
    )
    assert (metadata.custom_data, metadata.ros_distro, topic.topic_metadata.type_description_hash) == ({}, "", "")


@given(custom_data=st.dictionaries(st.text(), st.text(), max_size=4))
def test_custom_data_survives_yaml_whatever_it_says(custom_data: dict[str, str]) -> None:
    metadata = version_9().model_copy(update={"custom_data": custom_data})
    assert BagMetadata.parse_body(metadata.to_yaml(), of=Path("bag")).custom_data == custom_data


@given(
    offers=st.lists(
        st.builds(
            QosOffer,
            reliability=st.sampled_from(Reliability),
            durability=st.sampled_from(Durability),
            liveliness=st.sampled_from(Liveliness),
            deadline_ns=st.one_of(st.integers(0, 10**15), st.just(INFINITE_NS)),
        )
    )
)
def test_qos_offers_survive_the_channel_text(offers: list[QosOffer]) -> None:
    text = format_qos_offers(offers)
    assert parse_qos_offers(text) == tuple(offers)
    assert len(yaml.safe_load(text)) == len(offers)


def test_policies_nobody_knows_are_unknown() -> None:
    text = format_qos_offers([QosOffer()]).replace("reliable", "best_available").replace("volatile", "9")
    (offer,) = parse_qos_offers(text)
    assert (offer.reliability, offer.durability) == (Reliability.UNKNOWN, Durability.UNKNOWN)


@pytest.mark.parametrize("text", ["- history: 1", "just words", "7", "{", "- 3"])
def test_what_is_not_a_list_of_qos_profiles_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a list of QoS profiles"):
        parse_qos_offers(text)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "has no `rosbag2_bagfile_information`"),
        ("[1, 2]", "has no `rosbag2_bagfile_information`"),
        ("a: [", "Cannot read"),
        (VERSION_9.replace("version: 9", "version: 10"), "version: Input should be less than or equal to 9"),
        (VERSION_5.replace("version: 5", "version: 4"), "version: Input should be greater than or equal to 5"),
        (VERSION_9.replace("nanoseconds: 9740999261", "nanoseconds: soon"), "duration.nanoseconds"),
        (VERSION_9.replace("history: unknown", "past: unknown").replace("reliability", "x"), "offered_qos_profiles"),
    ],
)
def test_wrong_metadata_is_refused_with_file_and_key(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "metadata.yaml"
    path.write_text(content)
    with pytest.raises(BagReadError) as raised:
        BagMetadata.read(path)
    assert problem in raised.value.message
    assert str(path) in raised.value.message
