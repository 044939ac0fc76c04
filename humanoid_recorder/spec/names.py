"""The names a YAML file may use: topics, message types, streams, joints, robots."""

import re
from typing import Annotated

from pydantic import AfterValidator

_MAX_TOPIC_LENGTH = 247
_MESSAGE_TYPE = re.compile(r"(?P<package>[a-z][a-z0-9_]*)/(?:msg/)?(?P<name>[A-Z][A-Za-z0-9]*)")


def _check_topic(topic: str) -> str:
    """Apply the rules of rcl and rmw, so that a wrong name fails here with its line and not inside a node."""
    if topic.startswith("~") or "{" in topic:
        raise ValueError(f"{topic!r} depends on the node that reads it; write the topic as `ros2 topic list` shows it")
    if not topic or topic.endswith("/") or "//" in topic:
        raise ValueError(f"{topic!r} is not a topic name: every part between slashes needs a name")
    if strange := re.search(r"[^A-Za-z0-9_/]", topic):
        raise ValueError(f"{topic!r} is not a topic name: {strange.group()!r} is none of letters, digits, '_' and '/'")
    if part := re.search(r"(?:^|/)(\d\w*)", topic):
        raise ValueError(f"{topic!r} is not a topic name: {part.group(1)!r} starts with a digit")
    if len(topic) > _MAX_TOPIC_LENGTH:
        raise ValueError(f"a topic name of {len(topic)} characters is too long; DDS allows {_MAX_TOPIC_LENGTH}")
    return topic


def _normalise_type(name: str) -> str:
    match = _MESSAGE_TYPE.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is not a message type; write it like 'sensor_msgs/msg/JointState'")
    return f"{match['package']}/msg/{match['name']}"


def _check_stream_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"{name!r} is not a stream name; use letters, digits and '_', and start with a letter")
    return name


def _check_robot_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise ValueError(
            f"{name!r} is not a robot name; it becomes part of folder names: at most 64 letters, digits, '_' and '-'"
        )
    return name


def _check_joint_name(name: str) -> str:
    if not re.fullmatch(r"\S+", name):
        raise ValueError(f"{name!r} is not a joint name; it must not be empty nor contain spaces")
    return name


TopicName = Annotated[str, AfterValidator(_check_topic)]
"""Absolute, or relative to the namespace of the node that reads it; at most 247 characters."""
MessageType = Annotated[str, AfterValidator(_normalise_type)]
"""``pkg/msg/Type``; ``pkg/Type`` is accepted and normalised."""
StreamName = Annotated[str, AfterValidator(_check_stream_name)]
RobotName = Annotated[str, AfterValidator(_check_robot_name)]
JointName = Annotated[str, AfterValidator(_check_joint_name)]


def repeated(names: tuple[str, ...]) -> list[tuple[int, str]]:
    """Return position and name of every entry that an earlier entry already named."""
    return [(position, name) for position, name in enumerate(names) if name in names[:position]]
