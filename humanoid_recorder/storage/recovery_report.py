"""What a recovery found, and what it made of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

OnProgress = Callable[[int, int], None]
"""Told the bytes done and the bytes to do."""


class Verdict(StrEnum):
    """What became of a bag."""

    WHOLE = "whole"
    """Nothing is missing in it; nothing was changed."""
    RECOVERABLE = "recoverable"
    """It was only looked at; a recovery would put it in order."""
    RECOVERED = "recovered"
    """It is in order now: re-opened, read through and counted."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Bytes of a file that are lost."""

    file: str
    """Name of the file."""
    offset: int
    """Where the damage begins, in bytes from the start of the file."""
    size_bytes: int
    begins_ns: int | None
    """Log time before which everything of the file is there, ns since the epoch; None when nothing comes before."""
    ends_ns: int | None
    """Log time from which messages are there again; None when none follow."""
    messages: int | None = None
    """How many messages it held; None when that is not known, which is the rule."""

    @property
    def span_ns(self) -> int | None:
        """The longest time that can be missing; None at either end of a file, where it is not known."""
        if self.begins_ns is None or self.ends_ns is None:
            return None
        return max(0, self.ends_ns - self.begins_ns)


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What was found in a bag. Times are log times in ns since the epoch."""

    source: Path
    """What was named."""
    directory: Path
    """Where the bag is now; of a bare file the file."""
    verdict: Verdict
    messages: int
    by_topic: dict[str, int]
    """Messages by topic, topics without any included."""
    size_bytes: int
    """Of the files that were read."""
    lost_bytes: int
    """Bytes of messages, or of what may have been some, that could not be recovered. Zeros behind the last data
    written are not counted: nothing was ever there."""
    lost_messages: int | None
    """Messages that the writer counted and that could not be recovered; None where it did not come to count them."""
    damaged_chunks: int
    """Chunks known to be damaged, of which nothing could be taken; the torn one is not counted."""
    torn_tail_messages: int
    """Messages out of the chunk that was being written when the recording ended; no checksum vouches for them."""
    orphans: int
    """Messages that are there, and that cannot be used since the record that names their topic is destroyed."""
    is_torn: bool
    """Whether the writing ended before all was written; how much that was, no file can tell."""
    first_log_ns: int | None
    last_log_ns: int | None
    holes: tuple[Hole, ...] = ()
    notes: tuple[str, ...] = ()
    """What else there is to know, in sentences."""
    original: Path | None = None
    """Where the damaged original is kept; None when nothing was changed, or when it was deleted."""
    episode: str = ""
    """Id of the episode; empty when it is not one of ours."""
    types: dict[str, str] = field(default_factory=dict)
    """By topic."""

    @property
    def lost_span_ns(self) -> int:
        """Time that may be missing between messages that are there, all holes together."""
        return sum(hole.span_ns or 0 for hole in self.holes)
