"""Decodes compressed pictures of a bag that is played, where rviz cannot do so itself; only while somebody looks."""

import array
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from humanoid_recorder.core.errors import BagReadError, SpecError
from humanoid_recorder.inspection.pictures import decode_picture
from humanoid_recorder.inspection.topics import decoded_topic
from humanoid_recorder.ros.running import RunnableNode, StopRequest, declare_stop_with_parent, run_node

_NEWEST_ONLY = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""A picture that comes while one is decoded replaces the one that waits."""


class ImageDecoder(RunnableNode):
    """Parameter: ``topics``, those of type CompressedImage; each is published as ``/inspect<topic>_decoded``."""

    def __init__(self, _stop: StopRequest) -> None:
        super().__init__("image_decoder")
        declare_stop_with_parent(self)
        given: Parameter[list[str]] = self.declare_parameter("topics", Parameter.Type.STRING_ARRAY)
        topics = [self.resolve_topic_name(topic) for topic in given.value or ()]
        if not topics:
            raise SpecError("the parameter topics names no topic", remedy="Give -p \"topics:=['/camera/compressed']\".")
        self._complained: set[str] = set()
        for topic in topics:
            publisher = self.create_publisher(Image, decoded_topic(topic), 5)
            self.create_subscription(
                CompressedImage, topic, partial(self._decode, topic=topic, publisher=publisher), _NEWEST_ONLY
            )
        self.get_logger().info(f"decodes {', '.join(topics)}")

    def close(self, reason: str) -> None:
        """Say why."""
        self.get_logger().info(f"ended ({reason})")

    def _decode(self, message: CompressedImage, *, topic: str, publisher: "Publisher[Any]") -> None:
        if not publisher.get_subscription_count():
            return
        try:
            picture = decode_picture(message.format, bytes(message.data))
        except BagReadError as error:
            if topic not in self._complained:
                self._complained.add(topic)
                self.get_logger().warning(f"{topic}: {error.message}; further ones are not mentioned")
            return
        publisher.publish(
            Image(
                header=message.header,
                height=picture.height,
                width=picture.width,
                encoding=picture.encoding,
                is_bigendian=0,
                step=picture.step,
                data=array.array("B", picture.data),
            )
        )


def main(args: Sequence[str] | None = None) -> int:
    """Decode until a signal."""
    return run_node(ImageDecoder, args)


if __name__ == "__main__":
    sys.exit(main())
