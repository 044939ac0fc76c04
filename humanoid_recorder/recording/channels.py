"""A channel: one stream as the recorder has subscribed to it."""

from dataclasses import dataclass, replace

from humanoid_recorder.core.graph import TopicOnGraph
from humanoid_recorder.core.message_type import STRING_TYPE, MessageType
from humanoid_recorder.core.qos import QosOffer, QosRequest
from humanoid_recorder.core.streams import Stream, StreamKind
from humanoid_recorder.storage.bag_writer import BagTopic

EVENTS_CHANNEL_ID = 1
FIRST_CHANNEL_ID = 2

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
    """Describe the recorder's own event topic, which the writer fills."""
    return BagTopic(
        channel_id=EVENTS_CHANNEL_ID,
        name=name,
        type=STRING_TYPE.name,
        definition=STRING_TYPE.definition,
        type_hash=STRING_TYPE.type_hash,
        offered_qos=(QosOffer(),),
    )
