"""What discovery shows of the topics on the network."""

from dataclasses import dataclass

from humanoid_recorder.core.qos import QosOffer


@dataclass(frozen=True, slots=True)
class PublisherOnGraph:
    """One publisher of a topic."""

    node: str
    """Fully qualified node name; may be unknown (``_NODE_NAME_UNKNOWN_``) for a moment after it appeared."""
    type: str
    """``pkg/msg/Type``."""
    type_hash: str
    """REP-2016 hash as the publisher announces it; empty where it does not."""
    offer: QosOffer
    gid: bytes = b""
    """Identifies the publisher in its messages, where the distribution tells it there too (not on Jazzy)."""


@dataclass(frozen=True, slots=True)
class Link:
    """How one subscription of ours is connected, as the middleware tells."""

    publishers: int | None
    """Publishers that are connected to it now; None where the middleware does not tell."""
    refused_policy: str
    """The QoS policy for which a publisher was refused last, such as RELIABILITY; empty if none was."""


@dataclass(frozen=True, slots=True)
class TopicOnGraph:
    """One topic and everybody who publishes on it."""

    name: str
    publishers: tuple[PublisherOnGraph, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """The types published on the topic, sorted; more than one is a fault on the network."""
        return tuple(sorted({publisher.type for publisher in self.publishers}))

    @property
    def type_hashes(self) -> tuple[str, ...]:
        """The hashes that publishers announce, sorted, without repeats."""
        return tuple(sorted({publisher.type_hash for publisher in self.publishers} - {""}))

    @property
    def offers(self) -> tuple[QosOffer, ...]:
        """What each publisher offers, without repeats, in order."""
        return tuple(dict.fromkeys(publisher.offer for publisher in self.publishers))
