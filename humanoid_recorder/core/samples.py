"""One message on its way from the middleware to the disk."""

from typing import NamedTuple

MESSAGE_OVERHEAD_BYTES = 320
"""What a message in memory takes beside its payload: 307 to 327 bytes, measured on CPython 3.11, x86_64."""

# NamedTuples because one of each is made for every message: they are immutable and cost a third of a frozen dataclass.


class Arrival(NamedTuple):
    """One message as the middleware hands it over."""

    data: bytes
    """Serialised message (CDR with its 4-byte encapsulation header)."""
    received_ns: int
    """System time of receipt by the middleware, ns since the epoch; 0 where it gives none."""
    source_ns: int
    """The sender's DDS source time, ns since the epoch; 0 where the middleware gives none."""
    sequence: int | None
    """Publication sequence number, counted by the sender; None where the middleware gives none (Cyclone DDS)."""
    publisher: bytes | None
    """The sender's GID; None where the distribution does not tell (Jazzy)."""


class Sample(NamedTuple):
    """One message: its raw bytes and the three times that belong to it."""

    channel_id: int
    """Index of the stream in the recorder's stream table; also the channel id in the bag (1..65535)."""
    data: bytes
    """Serialised message (CDR with its 4-byte encapsulation header), exactly as DDS delivered it."""
    log_ns: int
    """Receipt, ns since the epoch, on the episode's monotonic clock."""
    publish_ns: int
    """The sender's DDS source time, ns since the epoch; equals ``log_ns`` where the middleware gives none."""
    stamp_ns: int | None
    """Measurement time, ns since the epoch; None when the message carries none and no rule declares one."""
    sequence: int
    """The sender's publication sequence number; 0 where the middleware gives none."""
