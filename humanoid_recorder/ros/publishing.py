"""Publishing messages as they stand in a bag: raw bytes, never decoded."""

import time
from collections import Counter
from typing import Any

from rclpy.duration import Duration
from rclpy.exceptions import InvalidTopicNameException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.publisher import Publisher

from humanoid_recorder.core.errors import RosError, TypeUnavailableError
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.ros.message_types import message_class, message_type
from humanoid_recorder.ros.qos import to_publisher_profile

_TRIES = 10
"""The middleware waits up to 100 ms for room each time, when a subscriber that it may not leave behind stands still."""


def why_not_publishable(type_name: str, recorded_hash: str) -> str:
    """Say why messages of a type cannot be published here; empty when they can.

    Args:
        type_name: ``pkg/msg/Type``.
        recorded_hash: REP-2016 hash of the type as it was recorded; empty when nobody knows.
    """
    try:
        known = message_type(type_name)
        message_class(type_name)
    except TypeUnavailableError as error:
        return error.message.rstrip(".")
    if recorded_hash and known.type_hash and recorded_hash != known.type_hash:
        return f"{type_name} is not the same here as where it was recorded: its bytes would be misread"
    return ""


class RawPublishers:
    """Publishers of bytes, by a number each.

    Args:
        node: Owns them.
    """

    def __init__(self, node: Node) -> None:
        self.refused: Counter[int] = Counter()
        """Messages that were not sent, by number."""
        self._node = node
        self._publishers: dict[int, Publisher[Any]] = {}

    def add(self, number: int, *, topic: str, type_name: str, offer: QosOffer, depth: int) -> None:
        """Create a publisher.

        Raises:
            RosError: The middleware refused.
        """
        try:
            self._publishers[number] = self._node.create_publisher(
                message_class(type_name), topic, to_publisher_profile(offer, depth=depth)
            )
        except (rclpy_implementation.RCLError, InvalidTopicNameException) as error:
            raise RosError(
                f"{topic} cannot be published as {type_name}: {error}.",
                remedy="Is there another type on it already? Leave the topic out, or give it another name.",
            ) from error

    def publish(self, number: int, data: bytes) -> bool:
        """Publish a serialised message, as it is; False if the middleware would not take it for a second."""
        publisher = self._publishers[number]
        for _ in range(_TRIES):
            try:
                publisher.publish(data)
                return True
            except rclpy_implementation.RCLError:
                if not self._node.context.ok():
                    break
        self.refused[number] += 1
        return False

    def unheard(self) -> list[str]:
        """Return the topics that nobody has subscribed to, sorted."""
        return sorted({p.topic_name for p in self._publishers.values() if not p.get_subscription_count()})

    def wait_until_taken(self, limit_s: float) -> bool:
        """Wait until every reliable subscriber has acknowledged everything; False if it takes too long."""
        deadline_s = time.monotonic() + limit_s
        taken = True
        for publisher in self._publishers.values():
            left_ns = max(0, round((deadline_s - time.monotonic()) * 1e9))
            taken = publisher.wait_for_all_acked(Duration(nanoseconds=left_ns)) and taken
        return taken
