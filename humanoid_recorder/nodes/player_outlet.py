"""Where the player's messages go: the publishers of the topics, and the clock."""

from collections import Counter

from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from humanoid_recorder.core.cdr import encode_time_message
from humanoid_recorder.playback.program import Program
from humanoid_recorder.playback.selection import CLOCK
from humanoid_recorder.playback.timeline import TimedMessage
from humanoid_recorder.ros.publishing import RawPublishers

_CLOCK_DEPTH = 10


class PlayerOutlet:
    """Publishes what is played.

    Args:
        node: The player.
        program: What is played.
        with_clock: Whether ``/clock`` is published.

    Raises:
        RosError: The middleware refused a publisher.
    """

    def __init__(self, node: Node, program: Program, *, with_clock: bool) -> None:
        self.publishers = RawPublishers(node)
        self.sent: Counter[int] = Counter()
        """Messages by the index of the topic in the bag."""
        self._begin_ns = program.timeline.begin_ns
        for topic in program.topics:
            qos = topic.qos
            self.publishers.add(
                topic.index, topic=topic.published_as, type_name=topic.type, offer=qos.offer, depth=qos.depth
            )
        self._clock = node.create_publisher(Clock, CLOCK, _CLOCK_DEPTH) if with_clock else None

    def publish(self, message: TimedMessage) -> None:
        """Publish a message."""
        if self.publishers.publish(message.topic, message.data):
            self.sent[message.topic] += 1

    def tick(self, position_ns: int) -> None:
        """Publish the clock."""
        if self._clock is not None:
            self._clock.publish(encode_time_message(self._begin_ns + position_ns))
