"""Publishes the frames of the robot in a bag that is played, and of the robot as it was commanded.

Commands are heard under the name that ``inspect.launch.py`` plays them with, ``/inspect<topic>``.

For computers without robot_state_publisher, and for commands that name only some joints: a joint that no command
names stands as it was measured. Frames of the commanded robot begin with ``commanded/``.
"""

import math
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from builtin_interfaces.msg import Time
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection.bag_contents import read_contents
from humanoid_recorder.inspection.joint_frames import RobotFrames
from humanoid_recorder.inspection.topics import COMMANDED_PREFIX, harmless_topic
from humanoid_recorder.inspection.view_plan import joint_topics
from humanoid_recorder.ros.message_types import message_class
from humanoid_recorder.ros.qos import LATCHED, to_qos_profile
from humanoid_recorder.ros.running import RunnableNode, StopRequest, declare_stop_with_parent, run_node
from humanoid_recorder.ros.transforms import TF_TYPE, transforms

_PERIOD_S = 0.02
_DEPTH = 100


class TfPublisher(RunnableNode):
    """Parameters: ``bag``; ``robot`` and ``commanded``, whose frames are published."""

    def __init__(self, _stop: StopRequest) -> None:
        super().__init__("tf_publisher")
        declare_stop_with_parent(self)
        bag = Path(str(self.declare_parameter("bag", "").value))
        wanted = {name: bool(self.declare_parameter(name, True).value) for name in ("robot", "commanded")}
        self._message_class = message_class(TF_TYPE)
        contents = read_contents(bag)
        if contents.urdf is None:
            raise BagReadError(f"{bag} has no URDF that can be read.", remedy="Its robot has no frames to publish.")
        self._measured: dict[str, float] = {}
        self._commanded: dict[str, float] = {}
        self._stamp: Time | None = None
        self._robot = RobotFrames(contents.urdf) if wanted["robot"] else None
        self._second = RobotFrames(contents.urdf, prefix=COMMANDED_PREFIX) if wanted["commanded"] else None
        self._publisher = self.create_publisher(self._message_class, "/tf", QoSProfile(depth=_DEPTH))
        self._static_publisher = self.create_publisher(self._message_class, "/tf_static", LATCHED)
        static = [
            transform
            for robot in (self._robot, self._second)
            if robot is not None
            for transform in transforms(robot.static, robot.static_places, Time())
        ]
        self._static_publisher.publish(self._message_class(transforms=static))
        qos = {stream.topic: to_qos_profile(stream.qos) for stream in contents.streams}
        for topic in joint_topics(contents, StreamKind.JOINT):
            self.create_subscription(JointState, topic, partial(self._hear, self._measured), qos[topic])
        for topic in joint_topics(contents, StreamKind.COMMAND):
            played = harmless_topic(topic)
            self.create_subscription(JointState, played, partial(self._hear, self._commanded), qos[topic])
        self.create_timer(_PERIOD_S, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"frames of {', '.join(name for name in wanted if wanted[name]) or 'nothing'}")

    def close(self, reason: str) -> None:
        """Say why."""
        self.get_logger().info(f"ended ({reason})")

    def _hear(self, positions: dict[str, float], message: JointState) -> None:
        # A message may carry velocities or efforts only; then it has no positions.
        named = zip(message.name, message.position, strict=False)
        positions.update((name, value) for name, value in named if math.isfinite(value))
        self._stamp = message.header.stamp

    def _publish(self) -> None:
        stamp, self._stamp = self._stamp, None
        if stamp is None:
            return
        sent = []
        if self._robot is not None:
            sent += transforms(self._robot.moving, self._robot.locate(self._measured), stamp)
        if self._second is not None:
            sent += transforms(self._second.moving, self._second.locate(self._measured | self._commanded), stamp)
        self._publisher.publish(self._message_class(transforms=sent))


def main(args: Sequence[str] | None = None) -> int:
    """Publish frames until a signal."""
    return run_node(TfPublisher, args)


if __name__ == "__main__":
    sys.exit(main())
