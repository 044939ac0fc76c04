"""The topics on which our own nodes show what they make of a bag's; none of them can be a topic of the robot."""

TIMELINE = "/inspect/timeline"
"""visualization_msgs/msg/MarkerArray: events and findings as text."""
COMMANDED_PREFIX = "commanded"
"""In front of the frames of the commanded robot: ``commanded/<link>``."""


def harmless_topic(topic: str) -> str:
    """Under which name commands and an operator's gear are played: never their own, which a robot may hear."""
    return f"/inspect{topic}"


def markers_topic(topic: str) -> str:
    """Where the taxels of a touch array are shown."""
    return f"/inspect{topic}_markers"


def decoded_topic(topic: str) -> str:
    """Where the pictures of a CompressedImage topic are shown decoded.

    The name must not end in ``/compressed``: rviz would ask for the compressed transport again.
    """
    return f"/inspect{topic}_decoded"
