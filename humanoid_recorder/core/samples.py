"""One recorded message, as it travels from the ingest to the disk."""

from typing import NamedTuple


class Sample(NamedTuple):
    """One message: its raw bytes and the three times that belong to it.

    A NamedTuple because one is made for every message: it is immutable and costs a third of a frozen dataclass.
    """

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
