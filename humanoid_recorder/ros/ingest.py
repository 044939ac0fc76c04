"""Taking messages off DDS: the protocol, and what every implementation of it shares.

An ingest owns one thread and the data subscriptions. Those are invisible to every executor, because an executor that
spins the same node would take most of the messages away, at several times the cost per message.
"""

from collections.abc import Callable, ItemsView, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict, cast

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.subscription import Subscription as RclpySubscription

from humanoid_recorder.core.errors import RosError
from humanoid_recorder.core.graph import Link
from humanoid_recorder.core.qos import QosRequest
from humanoid_recorder.core.samples import Arrival
from humanoid_recorder.ros.message_types import message_class
from humanoid_recorder.ros.qos import to_qos_profile
from humanoid_recorder.ros.subscription_events import SubscriptionEvents

POLL_EVENTS_S = 1.0
"""How often QoS events are read; a flush reads them too."""

FLUSH_S = 0.05
"""A flush takes no longer: whoever asked is kept waiting, and under load something always is there to take."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One data subscription to be made."""

    channel_id: int
    topic: str
    type: str
    """``pkg/msg/Type``."""
    qos: QosRequest


NOT_RUNNING = RosError("The ingest is not running.", remedy="Activate the recorder first.")


Batch = tuple[int, Sequence[Arrival]]
"""A channel id, and the messages taken of that channel."""


class ArrivalSink(Protocol):
    """Whoever takes what the ingest delivers; called in the ingest's thread only, and must do nothing slow."""

    def accept(self, batches: Sequence[Batch]) -> None:
        """Take what one wake-up brought: of each channel at most one batch, in the order of delivery."""

    def middleware_lost(self, channel_id: int, messages: int) -> None:
        """Learn of messages of a channel that the middleware knows to be lost, within ``POLL_EVENTS_S``."""

    def drained(self, until_ns: int) -> None:
        """Learn that everything received before a time has been delivered; ``until_ns`` is of the monotonic clock."""

    def ingest_failed(self, error: Exception) -> None:
        """Learn that nothing more will come, and why."""


class Ingest(Protocol):
    """Subscribes, and delivers every message raw, with its times and numbers."""

    def start(self) -> None:
        """Begin to deliver."""

    def stop(self) -> None:
        """Deliver what is already there, destroy the subscriptions and end the thread."""

    def flush(self) -> None:
        """Deliver what the middleware has received so far; return when that is done, or after ``FLUSH_S``.

        What is left over under load is delivered in the next turns; ``ArrivalSink.drained`` tells when.

        Raises:
            RosError: The ingest is not running.
        """

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscription; one on the same channel is replaced.

        Raises:
            TypeUnavailableError: The message type is not installed.
            RosError: The middleware refused, for example because another type is already subscribed on the topic; or
                the ingest is not running.
        """

    def unsubscribe(self, channel_id: int) -> None:
        """Deliver what has been received on a channel and destroy its subscription: nothing of it comes afterwards.

        Raises:
            RosError: The ingest is not running.
        """

    def links(self) -> Mapping[int, Link]:
        """Tell how each channel was connected when its events were read last."""


class MessageInfo(TypedDict, total=False):
    """What rclpy hands over beside a message; Jazzy has no ``publisher_gid``."""

    source_timestamp: int
    received_timestamp: int
    publication_sequence_number: int | None
    publisher_gid: dict[str, Any]


def arrival_from(data: bytes, info: MessageInfo) -> Arrival:
    """Build an arrival from what rclpy hands over."""
    gid = info.get("publisher_gid")
    return Arrival(
        data,
        info["received_timestamp"],
        info["source_timestamp"],
        info["publication_sequence_number"],
        None if gid is None else gid["data"],
    )


class SubscriptionTable:
    """The rclpy subscriptions of an ingest, by channel. Not thread-safe, but for ``links``."""

    def __init__(self, node: Node, sink: ArrivalSink) -> None:
        self._node = node
        self._sink = sink
        self._subscriptions: dict[int, RclpySubscription[Any]] = {}
        self._events: dict[int, SubscriptionEvents] = {}
        self.links: Mapping[int, Link] = {}
        """As of the last ``read_events``; replaced, never changed."""

    def channel_ids(self) -> list[int]:
        """Return the channels that are subscribed."""
        return list(self._subscriptions)

    def items(self) -> "ItemsView[int, RclpySubscription[Any]]":
        """Return channels and their subscriptions."""
        return self._subscriptions.items()

    def get(self, channel_id: int) -> "RclpySubscription[Any] | None":
        """Return the subscription of a channel, if there is one."""
        return self._subscriptions.get(channel_id)

    def create(self, subscription: Subscription, callback: Callable[[bytes, MessageInfo], None]) -> None:
        """Subscribe, replacing an older subscription on the channel.

        The old one goes first: Fast DDS refuses a second type on a topic for as long as one is subscribed.

        Raises:
            TypeUnavailableError: The message type is not installed.
            RosError: The middleware refused.
        """
        message = message_class(subscription.type)
        self.destroy(subscription.channel_id)
        try:
            created = self._node.create_subscription(
                message,
                subscription.topic,
                cast("Callable[[Any, Any], None]", callback),
                to_qos_profile(subscription.qos),
                raw=True,
                event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
            )
        except rclpy_implementation.RCLError as error:
            raise RosError(
                f"{subscription.topic} cannot be subscribed as {subscription.type}: {error}.",
                remedy="Another subscription of this process may hold the topic with another type.",
            ) from error
        self._subscriptions[subscription.channel_id] = created
        self._events[subscription.channel_id] = SubscriptionEvents(created)

    def read_events(self) -> None:
        """Read the QoS events of every subscription, and report what the middleware has lost."""
        self.links = {channel_id: events.link() for channel_id, events in self._events.items()}
        for channel_id, events in self._events.items():
            self._report_lost(channel_id, events)

    def destroy(self, channel_id: int) -> None:
        """Destroy the subscription of a channel, if there is one."""
        self.links = {known: link for known, link in self.links.items() if known != channel_id}
        events = self._events.pop(channel_id, None)
        if events is not None:
            self._report_lost(channel_id, events)
            events.destroy()
        old = self._subscriptions.pop(channel_id, None)
        if old is not None:
            self._node.destroy_subscription(old)

    def _report_lost(self, channel_id: int, events: SubscriptionEvents) -> None:
        lost = events.newly_lost()
        if lost:
            self._sink.middleware_lost(channel_id, lost)
