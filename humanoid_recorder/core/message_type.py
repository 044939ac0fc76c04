"""What is known of a message type without loading its class."""

import re
from dataclasses import dataclass

_CONSTANT = re.compile(r"\S+\s+[A-Z][A-Z0-9_]*\s*=")


@dataclass(frozen=True, slots=True)
class MessageType:
    """An installed message type."""

    name: str
    """``pkg/msg/Type``."""
    definition: str
    """Its .msg text, followed by those of the types it uses, as rosbag2 embeds them (encoding ``ros2msg``)."""
    type_hash: str
    """REP-2016 hash, ``RIHS01_...``; empty where the package does not ship it."""
    has_header: bool
    """Whether the first field is a ``std_msgs/Header``, so that the stamp is at CDR bytes 4..12."""


STRING_TYPE = MessageType(
    name="std_msgs/msg/String",
    definition="string data\n",
    type_hash="RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18",
    has_header=False,
)
"""The type of our own event topic, which the writer fills without asking ROS for anything."""


def starts_with_header(definition: str) -> bool:
    """Tell from a .msg text whether its first field is a ``std_msgs/Header``; constants are no fields."""
    lines = (line.split("#", 1)[0].strip() for line in definition.splitlines())
    first = next((line for line in lines if line and not _CONSTANT.match(line)), "")
    return first.split()[:1] in (["std_msgs/Header"], ["Header"], ["std_msgs/msg/Header"])
