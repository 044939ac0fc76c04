from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.message_type import MessageType
from humanoid_recorder.core.qos import Durability, QosOffer, QosRequest, Reliability
from humanoid_recorder.core.streams import Stream, StreamKind
from humanoid_recorder.recording.channels import EVENTS_CHANNEL_ID, FIRST_CHANNEL_ID, Channel, events_topic

if TYPE_CHECKING:
    from test.unit.recording.conftest import MakeChannel


def channel(kind: StreamKind, type_: str) -> Channel:
    request = QosRequest(Reliability.RELIABLE, Durability.VOLATILE, 100)
    return Channel(2, Stream("s", "/s", type_, kind=kind), MessageType(type_, "", "", has_header=True), request, (), ())


@pytest.mark.parametrize(
    ("kind", "type_", "is_bulk"),
    [
        (StreamKind.CAMERA, "sensor_msgs/msg/CompressedImage", True),
        (StreamKind.OTHER, "sensor_msgs/msg/Image", True),
        (StreamKind.OTHER, "sensor_msgs/msg/PointCloud2", True),
        (StreamKind.TACTILE, "sensor_msgs/msg/Image", False),
        (StreamKind.OTHER, "sensor_msgs/msg/JointState", False),
    ],
)
def test_pictures_go_first_when_the_queue_is_full_and_touch_does_not(
    kind: StreamKind, type_: str, is_bulk: bool
) -> None:
    assert channel(kind, type_).is_bulk is is_bulk


def test_a_channel_describes_itself_for_the_bag(make_channel: "MakeChannel") -> None:
    topic = make_channel(7, "joints", latched=True).bag_topic()
    assert (topic.channel_id, topic.name, topic.type) == (7, "/joints", "std_msgs/msg/String")
    assert topic.offered_qos == (QosOffer(durability=Durability.TRANSIENT_LOCAL),)


def test_our_events_have_a_channel_that_no_stream_gets() -> None:
    assert events_topic("/e").channel_id == EVENTS_CHANNEL_ID < FIRST_CHANNEL_ID
