"""Which topics of a bag would move a robot that hears them: its commands, and what teleoperation makes commands of."""

import re
from collections.abc import Mapping

from humanoid_recorder.core.streams import StreamKind

_TYPES = frozenset(
    {
        "ackermann_msgs/msg/AckermannDrive",
        "ackermann_msgs/msg/AckermannDriveStamped",
        "geometry_msgs/msg/Twist",
        "geometry_msgs/msg/TwistStamped",
        "sensor_msgs/msg/Joy",
        "trajectory_msgs/msg/JointTrajectory",
        "trajectory_msgs/msg/MultiDOFJointTrajectory",
    }
)
_TYPE_NAME = re.compile(r"(Cmd|Cmds|Command|Commands|Setpoint|Setpoints|JointJog)(Stamped|_)?$")
_TOPIC_PART = re.compile(
    r"(^|_|/)(\w*cmds?|cmd_\w+|commands?|setpoints?|goal_pose|arm_sdk|operator|teleop\w*|headset)(_|/|$)"
)
_JOINT_VALUES = frozenset(
    {"sensor_msgs/msg/JointState", "std_msgs/msg/Float32MultiArray", "std_msgs/msg/Float64MultiArray"}
)
_WANTED = re.compile(r"desired|target|reference")
"""In the name of a topic with joint values: where the robot is to go, not where it is."""


def is_command(topic: str, type_name: str, kinds: Mapping[str, str]) -> bool:
    """Whether a topic may move a robot: as the recorder was told, else by its type and its name.

    Args:
        topic: Fully qualified name.
        type_name: ``pkg/msg/Type``.
        kinds: What ``episode.json`` says of topics, by name; empty for a bag of somebody else.
    """
    kind = kinds.get(topic, StreamKind.OTHER)
    if kind != StreamKind.OTHER:  # `other` is also what a recording without a profile says of everything
        return kind in (StreamKind.COMMAND, StreamKind.OPERATOR)
    short = type_name.rpartition("/")[2]
    return (
        type_name in _TYPES
        or bool(_TYPE_NAME.search(short))
        or bool(_TOPIC_PART.search(topic.lower()))
        or (type_name in _JOINT_VALUES and bool(_WANTED.search(topic.lower())))
    )
