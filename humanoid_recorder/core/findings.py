"""What is noticed while an episode is recorded and belongs to its record."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a reader of the bag should know."""

    at_ns: int
    """Log time, ns since the epoch."""
    check: str
    """Short name, such as clock_step or queue_full; the reference of the files lists all."""
    message: str


@dataclass(frozen=True, slots=True)
class LatchedReplay:
    """A message from before the start, replayed into the episode with the start as its log time."""

    topic: str
    first_received_ns: int
    """When it really arrived, ns since the epoch."""
