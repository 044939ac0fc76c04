"""What the player says of itself: the JSON of ``~/state``, the same for both ends.

Positions and spans are seconds of the bag, since its beginning; times ns since the epoch.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Phase(StrEnum):
    """What the player is doing."""

    WAITING = "waiting"
    """For the delay to pass, or for subscribers."""
    PLAYING = "playing"
    PAUSED = "paused"
    FINISHED = "finished"
    """It waits until everything has been taken, and ends."""


class _State(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TimingState(_State):
    """Actual minus planned time of publishing; None before the first message that had one."""

    messages: int = 0
    p50_us: float | None = None
    p99_us: float | None = None
    max_us: float | None = None


class TopicState(_State):
    """A topic that is played."""

    topic: str
    """In the bag."""
    published_as: str
    type: str
    reliability: str
    durability: str
    depth: int
    sent: int


class LeftOutState(_State):
    """A topic that is not played although nobody asked for that."""

    topic: str
    type: str
    reason: str
    is_command: bool


class LostState(_State):
    """A part of the bag that could not be read."""

    reason: str
    first_ns: int
    last_ns: int
    messages: dict[str, int] | None
    """By topic; None when no index says."""


class PlayerState(_State):
    """The whole JSON."""

    schema_version: int = 1
    node: str
    instance: str
    bag: str
    phase: Phase
    position_s: float
    time_ns: int
    """Of the position, as the bag counts it."""
    start_s: float
    end_s: float
    """Of the part that is played."""
    rate: float
    loop: bool
    passes: int
    """That have come to their end."""
    sent: int
    refused: int
    """Messages that the middleware would not take for a second."""
    behind_ms: float
    """By how much the next message is late already."""
    timing: TimingState
    unheard: tuple[str, ...]
    """Topics that nobody has subscribed to."""
    topics: tuple[TopicState, ...]
    left_out: tuple[LeftOutState, ...]
    lost: tuple[LostState, ...]
    error: str = ""
    """Why playing ended early."""

    @property
    def is_good(self) -> bool:
        """Whether everything that was chosen could be played so far."""
        return not (self.lost or self.refused or self.error)
