"""Which topics of the graph are recorded, for recordings without a profile."""

import re
from dataclasses import dataclass

from humanoid_recorder.core.errors import SpecError

NEVER_BY_DEFAULT = frozenset({"/rosout", "/parameter_events"})


@dataclass(frozen=True, slots=True)
class TopicSelection:
    """A choice of topics, as ``ros2 bag record`` offers it.

    A topic is recorded if it is listed, matches ``include``, or ``everything`` is set; ``exclude`` wins over the last
    two. Patterns are regular expressions searched for in the fully qualified name, as ``ros2 bag record`` does.
    """

    everything: bool = False
    """All topics but /rosout, /parameter_events and hidden ones (a name part starting with ``_``)."""
    topics: frozenset[str] = frozenset()
    """Fully qualified names; each is waited for."""
    include: re.Pattern[str] | None = None
    exclude: re.Pattern[str] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is chosen."""
        return not (self.everything or self.topics or self.include)

    def wants(self, topic: str) -> bool:
        """Whether a topic that has turned up is to be recorded."""
        if topic in self.topics:
            return True
        if self.exclude is not None and self.exclude.search(topic):
            return False
        if self.include is not None and self.include.search(topic):
            return True
        return self.everything and topic not in NEVER_BY_DEFAULT and not is_hidden(topic)


def is_hidden(topic: str) -> bool:
    """Whether a topic is hidden by ROS's rule: a part of its name starts with an underscore."""
    return any(part.startswith("_") for part in topic.split("/"))


def compile_pattern(pattern: str, *, option: str) -> re.Pattern[str] | None:
    """Compile a pattern of the command line or a parameter.

    Args:
        pattern: Regular expression; empty = none.
        option: Its name, for the error.

    Raises:
        SpecError: It is not a regular expression.
    """
    if not pattern:
        return None
    try:
        return re.compile(pattern)
    except re.error as error:
        raise SpecError(
            f"{option} {pattern!r} is not a regular expression: {error}.",
            remedy="To match a group of topics write for example '/left_hand/.*'.",
        ) from error
