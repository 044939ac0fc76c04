"""A channel: one stream as the recorder has subscribed to it."""

from dataclasses import dataclass, replace

from humanoid_recorder.core.alignment.frame_message import FRAMES_TYPE
from humanoid_recorder.core.graph import TopicOnGraph
from humanoid_recorder.core.message_type import STRING_TYPE, MessageType
from humanoid_recorder.core.qos import QosOffer, QosRequest
from humanoid_recorder.core.streams import Stream, StreamKind
from humanoid_recorder.storage.bag_writer import BagTopic

EVENTS_CHANNEL_ID = 1
FRAMES_CHANNEL_ID = 2
FIRST_CHANNEL_ID = 3

_BULK_TYPES = frozenset({"sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/PointCloud2"})


@dataclass(frozen=True, slots=True)
class Channel:
    """One stream with everything that is needed to take and to write its messages."""

    id: int
    """1..65535; the same in every bag of the session."""
    stream: Stream
    message_type: MessageType
    request: QosRequest
    offers: tuple[QosOffer, ...]
    publishers: tuple[str, ...]
    """Fully qualified names of the publishing nodes, one per publisher."""
    publisher_gids: tuple[bytes, ...] = ()

    @property
    def is_bulk(self) -> bool:
        """Whether its messages go first when the queue is full."""
        return self.stream.kind is StreamKind.CAMERA or (
            self.stream.kind is StreamKind.OTHER and self.message_type.name in _BULK_TYPES
        )

    @property
    def is_latched(self) -> bool:
        """Whether a late subscriber gets its last messages."""
        return self.request.is_latched

    def bag_topic(self) -> BagTopic:
        """Describe the channel for a bag."""
        return BagTopic(
            channel_id=self.id,
            name=self.stream.topic,
            type=self.message_type.name,
            definition=self.message_type.definition,
            type_hash=self.message_type.type_hash,
            offered_qos=self.offers,
        )

    def seen_on(self, topic: TopicOnGraph) -> "Channel":
        """Return the channel with the publishers as they are now."""
        return replace(
            self,
            offers=topic.offers,
            publishers=tuple(publisher.node for publisher in topic.publishers),
            publisher_gids=tuple(publisher.gid for publisher in topic.publishers),
        )


def events_topic(name: str) -> BagTopic:
    """Describe the topic of the recorder's own events."""
    return _own_topic(EVENTS_CHANNEL_ID, name, STRING_TYPE)


def frames_topic(name: str) -> BagTopic:
    """Describe the topic of the aligned frames, which the writer fills."""
    return _own_topic(FRAMES_CHANNEL_ID, name, FRAMES_TYPE)


def _own_topic(channel_id: int, name: str, message_type: MessageType) -> BagTopic:
    return BagTopic(
        channel_id=channel_id,
        name=name,
        type=message_type.name,
        definition=message_type.definition,
        type_hash=message_type.type_hash,
        offered_qos=(QosOffer(),),
    )
