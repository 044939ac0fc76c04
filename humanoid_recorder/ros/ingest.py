"""Taking messages off DDS: the protocol, and what every implementation of it shares.

An ingest owns one thread and the data subscriptions. Those are invisible to every executor, because an executor that
spins the same node would take most of the messages away, at several times the cost per message.
"""

from collections.abc import Callable, ItemsView, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypedDict, cast

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.subscription import Subscription as RclpySubscription

from humanoid_recorder.core.errors import RosError
from humanoid_recorder.core.qos import QosRequest
from humanoid_recorder.core.samples import Arrival
from humanoid_recorder.ros.message_types import message_class
from humanoid_recorder.ros.qos import to_qos_profile


@dataclass(frozen=True, slots=True)
class Subscription:
    """One data subscription to be made."""

    channel_id: int
    topic: str
    type: str
    """``pkg/msg/Type``."""
    qos: QosRequest


NOT_RUNNING = RosError("The ingest is not running.", remedy="Activate the recorder first.")


class ArrivalSink(Protocol):
    """Whoever takes what the ingest delivers; called in the ingest's thread only, and must do nothing slow."""

    def accept(self, channel_id: int, arrivals: Sequence[Arrival]) -> None:
        """Take the messages of one stream, in the order in which they were delivered."""

    def ingest_failed(self, error: Exception) -> None:
        """Learn that nothing more will come, and why."""


class Ingest(Protocol):
    """Subscribes, and delivers every message raw, with its times and numbers."""

    def start(self) -> None:
        """Begin to deliver."""

    def stop(self) -> None:
        """Deliver what is already there, destroy the subscriptions and end the thread."""

    def flush(self) -> None:
        """Deliver everything the middleware has received so far, and return when that is done."""

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscription; one on the same channel is replaced.

        Raises:
            TypeUnavailableError: The message type is not installed.
            RosError: The middleware refused, for example because another type is already subscribed on the topic; or
                the ingest is not running.
        """


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
    """The rclpy subscriptions of an ingest, by channel. Not thread-safe."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._subscriptions: dict[int, RclpySubscription[Any]] = {}

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
            self._subscriptions[subscription.channel_id] = self._node.create_subscription(
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
                remedy="If another type was published there before, restart the recorder.",
            ) from error

    def destroy(self, channel_id: int) -> None:
        """Destroy the subscription of a channel, if there is one."""
        old = self._subscriptions.pop(channel_id, None)
        if old is not None:
            self._node.destroy_subscription(old)
