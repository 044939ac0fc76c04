"""What was found in a damaged MCAP file, and how to read it again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from mcap.records import Channel, Metadata, Schema

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.mcap_scan_chunk import ChunkHead, Parsed, parse, parse_torn
from humanoid_recorder.storage.mcap_scan_records import DamagedFile
from humanoid_recorder.storage.mcap_source import StoredMessage
from humanoid_recorder.storage.recovery_report import Hole


class PartKind(Enum):
    """What a part of a file is."""

    CHUNK = auto()
    TORN_CHUNK = auto()
    MESSAGES = auto()
    """Messages outside of chunks, one behind the other."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that holds messages which can be taken."""

    kind: PartKind
    offset: int
    end: int


@dataclass(slots=True)
class MessageCount:
    """Messages of one channel. Times are log times in ns since the epoch, gaps in the order of the file."""

    count: int = 0
    payload_bytes: int = 0
    first_ns: int | None = None
    """Of the message that comes first."""
    earliest_ns: int | None = None
    last_ns: int | None = None
    """The latest."""
    longest_gap_ns: int = 0
    longest_gap_at_ns: int | None = None

    def add(self, message: StoredMessage) -> None:
        """Count a message."""
        self.count += 1
        self.payload_bytes += len(message.data)
        if self.last_ns is None or self.earliest_ns is None:
            self.first_ns = self.earliest_ns = self.last_ns = message.log_ns
        elif message.log_ns < self.earliest_ns:
            self.earliest_ns = message.log_ns
        elif message.log_ns > self.last_ns:
            if message.log_ns - self.last_ns > self.longest_gap_ns:
                self.longest_gap_ns, self.longest_gap_at_ns = message.log_ns - self.last_ns, self.last_ns
            self.last_ns = message.log_ns

    def merged(self, later: "MessageCount") -> "MessageCount":
        """Return both together; the silence between them is not looked at."""
        firsts = [each for each in (self.first_ns, later.first_ns) if each is not None]
        earliest = [each for each in (self.earliest_ns, later.earliest_ns) if each is not None]
        lasts = [each for each in (self.last_ns, later.last_ns) if each is not None]
        longer = self if self.longest_gap_ns >= later.longest_gap_ns else later
        return MessageCount(
            count=self.count + later.count,
            payload_bytes=self.payload_bytes + later.payload_bytes,
            first_ns=min(firsts, default=None),
            earliest_ns=min(earliest, default=None),
            last_ns=max(lasts, default=None),
            longest_gap_ns=longer.longest_gap_ns,
            longest_gap_at_ns=longer.longest_gap_at_ns,
        )


@dataclass(slots=True)
class FileScan:
    """What was found in one file. Times are log times in ns since the epoch."""

    path: Path
    size_bytes: int
    parts: list[Part] = field(default_factory=list)
    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    metadata: list[Metadata] = field(default_factory=list)
    found_messages: dict[int, MessageCount] = field(default_factory=dict)
    """By channel id, channels without messages left out, unknown channels included."""
    holes: list[Hole] = field(default_factory=list)
    damaged_chunks: int = 0
    torn_tail_messages: int = 0
    torn_until_ns: int | None = None
    """Latest log time that the torn chunk held; None where no chunk is torn."""
    attachments: int = 0
    compressions: set[str] = field(default_factory=set)
    last_ns: int | None = None
    """Latest of all."""
    is_ended: bool = False
    """Whether the writer had written all messages: what stands behind them is there."""
    expected: int | None = None
    """Messages that the writer counted; None where it did not come to that."""

    @property
    def lost_bytes(self) -> int:
        """All holes together."""
        return sum(hole.size_bytes for hole in self.holes)

    @property
    def usable(self) -> dict[int, MessageCount]:
        """Messages by channel id, of the channels that are known; those without messages included."""
        return {channel_id: self.found_messages.get(channel_id, MessageCount()) for channel_id in self.channels}

    @property
    def orphans(self) -> int:
        """Messages of channels that are not known."""
        return sum(each.count for channel_id, each in self.found_messages.items() if channel_id not in self.channels)

    def messages(self) -> Iterator[tuple[int, list[StoredMessage]]]:
        """Read again what can be taken, in file order: how far the file has been read, and messages.

        Raises:
            BagReadError: The disk does not give them any more.
        """
        try:
            with DamagedFile(self.path) as file:
                for part in self.parts:
                    messages = [m for m in _read_part(file, part, self.channels) if m.channel_id in self.channels]
                    yield part.end, messages
        except OSError as error:
            raise read_error(self.path, error) from error


def read_torn(file: DamagedFile, head: ChunkHead, channels: dict[int, Channel]) -> Parsed:
    """Take what can be taken out of a torn chunk."""
    data = file.read(head.data_at, min(head.end, file.data_end) - head.data_at)
    return parse_torn(head.unpack_torn(data), head, channels.keys())


def read_error(path: Path, error: OSError) -> BagReadError:
    """Say what the disk did not give, and what to do."""
    return BagReadError(
        f"Cannot read {path}: {error.strerror or error}.",
        remedy="If the disk reports errors (see `dmesg`), copy the file with ddrescue first and recover the copy.",
    )


def _read_part(file: DamagedFile, part: Part, channels: dict[int, Channel]) -> list[StoredMessage]:
    if part.kind is PartKind.MESSAGES:
        return parse(file.read(part.offset, part.end - part.offset)).messages
    head = ChunkHead.read(file.read, part.offset)
    if head is None:
        raise BagReadError(f"The file changed while it was being read, at byte {part.offset}.")
    if part.kind is PartKind.TORN_CHUNK:
        return read_torn(file, head, channels).messages
    return parse(head.unpack(file.read(head.data_at, head.end - head.data_at)) or b"").messages
