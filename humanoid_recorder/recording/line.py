"""What the intake keeps for one channel."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from humanoid_recorder.core.clocks import BatchClock
from humanoid_recorder.core.latched import LatchedCache
from humanoid_recorder.core.samples import Arrival, Sample
from humanoid_recorder.core.streams import StampReader
from humanoid_recorder.recording.channels import Channel

_ANY_PUBLISHER = b""
_MOST_PUBLISHERS_HEARD = 64


@dataclass(slots=True)
class Line:
    """What the intake keeps for one channel."""

    channel: Channel
    read_stamp: StampReader | None
    latched: LatchedCache | None
    subscribed_ns: int
    received: int = 0
    received_bytes: int = 0
    last_log_ns: int | None = None
    tells_publishers_apart: bool = True
    heard: dict[bytes, int] = field(default_factory=dict)
    """The highest sequence number received of each publisher."""
    middleware_lost: int = 0

    def note_heard(self, arrivals: Sequence[Arrival]) -> None:
        """Remember how far each publisher has come."""
        heard = self.heard
        for _data, _received_ns, _source_ns, sequence, publisher in arrivals:
            if sequence is not None:  # DDS delivers the messages of one publisher in order
                heard[publisher or _ANY_PUBLISHER] = sequence
        while len(self.heard) > _MOST_PUBLISHERS_HEARD:  # restarted again and again
            del self.heard[next(iter(self.heard))]

    def forget_replaced_publisher(self, channel: Channel) -> bool:
        """Forget how far an unnamed publisher had come if another one has taken its place; tells whether it has."""
        is_replaced = _ANY_PUBLISHER in self.heard and set(channel.publisher_gids) != set(self.channel.publisher_gids)
        if is_replaced:
            del self.heard[_ANY_PUBLISHER]
        return is_replaced

    def stamp(self, arrivals: Sequence[Arrival], clock: BatchClock) -> list[Sample]:
        """Give every message its three times, and count them all."""
        channel_id, read_stamp, log_ns = self.channel.id, self.read_stamp, clock.log_ns
        samples, size = [], 0
        for data, received_ns, source_ns, sequence, _publisher in arrivals:
            logged_ns = log_ns(received_ns)
            stamp_ns = None if read_stamp is None else read_stamp(data)
            samples.append(Sample(channel_id, data, logged_ns, source_ns or logged_ns, stamp_ns, sequence or 0))
            size += len(data)
        self.received += len(samples)
        self.received_bytes += size
        self.last_log_ns = samples[-1].log_ns
        self.tells_publishers_apart = arrivals[-1].publisher is not None
        return samples


@dataclass(frozen=True, slots=True)
class Activity:
    """What has arrived on a channel since it was subscribed, recorded or not."""

    received: int
    bytes: int
    last_log_ns: int | None
    middleware_lost: int = 0
    """Messages that the middleware knows to be lost, whether or not the sequence numbers show them."""
