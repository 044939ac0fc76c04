"""What can still be read of an MCAP file that was never finished, or that is damaged anywhere.

The file is read from its start, record by record. Damage costs the chunk it hits: what follows is found again by the
head of the chunk, or by searching. The end of the data may be cut, zeroed (a power cut: the file had grown, its data
had not arrived) or overwritten with anything.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mcap.opcode import Opcode
from mcap.records import Channel, McapRecord, Metadata, Schema, Statistics

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.mcap_file import MAGIC
from humanoid_recorder.storage.mcap_scan_chunk import MESSAGE_FIELDS, RECORD_HEAD, ChunkHead, Parsed, parse
from humanoid_recorder.storage.mcap_scan_found import FileScan, MessageCount, Part, PartKind, read_error, read_torn
from humanoid_recorder.storage.mcap_scan_records import DamagedFile, parse_record
from humanoid_recorder.storage.mcap_source import StoredMessage
from humanoid_recorder.storage.recovery_report import Hole

_NS_PER_DAY = 86_400_000_000_000
_LONGEST_RUN_BYTES = 4 * 1024 * 1024


def scan_file(path: Path, *, on_progress: Callable[[int], None] | None = None) -> FileScan:
    """Find everything that can still be read of a file.

    Args:
        path: An MCAP file in whatever state.
        on_progress: Told how many bytes have been read; may block, or raise to give up.

    Raises:
        BagReadError: It cannot be read at all, or there is no MCAP in it.
    """
    try:
        with DamagedFile(path) as file:
            scanner = _Scanner(file, FileScan(path, file.size))
            for done in scanner.steps():
                if on_progress is not None:
                    on_progress(done)
            return scanner.found
    except OSError as error:
        raise read_error(path, error) from error


class _Scanner:
    """One pass over a file."""

    def __init__(self, file: DamagedFile, found: FileScan) -> None:
        self._file = file
        self.found = found
        self._limit = file.data_end
        self._has_chunks = False
        self._has_loose_messages = False
        self._unproved: tuple[int, int] | None = None
        """Begin and end of the last message outside of chunks, which the record behind it will vouch for."""
        self._open_holes: list[int] = []
        """Holes behind which nothing has been found yet."""

    def steps(self) -> Iterator[int]:
        """Read on; yields how far."""
        file, found = self._file, self.found
        if not file.data_end:
            raise BagReadError(f"{found.path} is empty{' (all zero)' if file.size else ''}: nothing can be recovered.")
        self._read_summary()
        at: int | None = len(MAGIC) if file.read(0, len(MAGIC)) == MAGIC else self._resume(0, 0)
        if at is None:
            raise BagReadError(f"{found.path} is not an MCAP file.")
        while at is not None and at < self._limit:
            at = self._step(at)
            yield min(at or file.size, file.size)
        if at is not None and at <= file.data_end:
            self._prove()

    def _step(self, at: int) -> int | None:
        """Take the record at an offset; returns where the next one is, None behind the last."""
        file = self._file
        if file.read(at, 1)[0] == Opcode.CHUNK:
            return self._chunk(at)
        record = file.record(at)
        if record is None or not file.is_record(at):
            if self._is_cut(at):
                self._prove()
            self._unproved = None  # else the damage may have begun in it
            return self._resume(at, at + 1)
        opcode, end = record
        if opcode == Opcode.MESSAGE:
            return self._loose_message(at, end)
        self._prove()
        if opcode in (Opcode.DATA_END, Opcode.FOOTER):
            self.found.is_ended = True
            return None
        if opcode == Opcode.ATTACHMENT:
            self.found.attachments += 1
        elif opcode != Opcode.MESSAGE_INDEX:
            self._define(file.parsed(at, end))
        return end

    # Chunks ----------------------------------------------------------------------------------------------------------

    def _chunk(self, at: int) -> int | None:
        file, found = self._file, self.found
        head = ChunkHead.read(file.read, at)
        if head is None:
            return self._resume(at, at + 1)
        self._note_chunks()
        if head.end <= file.size:
            records = head.unpack(file.read(head.data_at, head.end - head.data_at))
            if records is not None:
                self._prove()
                self._take(PartKind.CHUNK, head, parse(records))
                return head.end
            if head.end < file.size and file.is_record(head.end):
                found.damaged_chunks += 1
                self._hole(at, head.end, head=head)
                return head.end
        following = file.find_record(at + RECORD_HEAD.size, limit=self._limit, with_messages=self._has_loose_messages)
        if following is None:
            self._torn_chunk(head)
            return None
        found.damaged_chunks += 1
        self._hole(at, following, head=head)
        return following

    def _torn_chunk(self, head: ChunkHead) -> None:
        parsed = read_torn(self._file, head, self.found.channels)
        if not parsed.messages and head.end <= self._file.data_end:  # it is there, and wrong
            self.found.damaged_chunks += 1
            self._hole(head.offset, self._file.data_end, head=head)
            return
        self._take(PartKind.TORN_CHUNK, head, parsed)
        self.found.torn_until_ns = head.end_ns
        self.found.torn_tail_messages += len(parsed.messages)
        taken_bytes = sum(RECORD_HEAD.size + MESSAGE_FIELDS.size + len(m.data) for m in parsed.messages)
        begin = head.data_at + taken_bytes + sum(map(len, parsed.definitions))
        if head.compression and parsed.messages:  # where in the stream the last one ends cannot be told
            begin = self._file.data_end
        if begin < self._file.data_end:
            self._hole(begin, self._file.data_end)

    def _take(self, kind: PartKind, head: ChunkHead, parsed: Parsed) -> None:
        for definition in parsed.definitions:
            self._define(parse_record(definition))
        self.found.compressions.add(head.compression)
        if parsed.messages:
            self.found.parts.append(Part(kind, head.offset, min(head.end, self._file.size)))
            self._count(parsed.messages)

    # Messages outside of chunks --------------------------------------------------------------------------------------

    def _loose_message(self, at: int, end: int) -> int | None:
        channel_id, _, log_ns, _ = MESSAGE_FIELDS.unpack(self._file.read(at + RECORD_HEAD.size, MESSAGE_FIELDS.size))
        last_ns = self.found.last_ns
        is_near = last_ns is None or abs(log_ns - last_ns) <= _NS_PER_DAY
        if self._has_chunks or not is_near or channel_id not in self.found.channels:
            self._unproved = None
            return self._resume(at, at + 1)
        self._prove()
        self._has_loose_messages = True
        self._unproved = (at, end)
        return end

    def _note_chunks(self) -> None:
        """Learn that this file has chunks: what seemed to be a message outside of them is another record, damaged."""
        if self._has_chunks:
            return
        self._has_chunks, self._has_loose_messages, self._unproved = True, False, None
        loose, found = self.found.parts, self.found
        found.parts, found.found_messages, found.last_ns = [], {}, None
        for part in loose:
            self._hole(part.offset, part.end)

    def _prove(self) -> None:
        """Take the message that was waiting for what follows it."""
        if self._unproved is None:
            return
        (begin, end), self._unproved = self._unproved, None
        parts = self.found.parts
        self._count(parse(self._file.read(begin, end - begin)).messages)
        is_next = bool(parts) and parts[-1].kind is PartKind.MESSAGES and parts[-1].end == begin
        if is_next and end - parts[-1].offset <= _LONGEST_RUN_BYTES:
            begin = parts.pop().offset
        parts.append(Part(PartKind.MESSAGES, begin, end))

    def _is_cut(self, at: int) -> bool:
        """Whether a record begins here that runs past the end of the data."""
        head = self._file.read(at, RECORD_HEAD.size)
        if head[0] not in {*Opcode}:
            return False
        return len(head) < RECORD_HEAD.size or at + RECORD_HEAD.unpack(head)[1] > self._file.data_end

    # What is known of the file ---------------------------------------------------------------------------------------

    def _define(self, record: McapRecord | None) -> None:
        """Note a schema, a channel or metadata; the first of an id holds, since a later one may be a damaged copy."""
        found = self.found
        if isinstance(record, Schema):
            found.schemas.setdefault(record.id, record)
        elif isinstance(record, Channel):
            found.channels.setdefault(record.id, record)
        elif isinstance(record, Metadata):
            found.metadata.append(record)

    def _read_summary(self) -> None:
        """Where a summary is proved by its checksum, believe its definitions, and look for messages before it only."""
        summary = self._file.summary_records()
        if summary is not None:
            self._limit, records = summary
            self.found.is_ended = True
            for record in records:
                self._define(record)
                if isinstance(record, Statistics):
                    self.found.expected = record.message_count
                    self._has_chunks = record.chunk_count > 0

    def _count(self, messages: Sequence[StoredMessage]) -> None:
        counts = self.found.found_messages
        for message in messages:
            counts.setdefault(message.channel_id, MessageCount()).add(message)
        times = [message.log_ns for message in messages]
        self.found.last_ns = max(times if self.found.last_ns is None else [self.found.last_ns, *times])
        self._end_holes(min(times))

    # Damage ----------------------------------------------------------------------------------------------------------

    def _resume(self, at: int, begin: int) -> int | None:
        """Note damage at an offset and search for what follows it."""
        following = self._file.find_record(begin, limit=self._limit, with_messages=self._has_loose_messages)
        if following is not None or self.found.parts or self.found.channels:
            self._hole(at, self._limit if following is None else following)
            # Message indexes stand behind a chunk: its head is what was destroyed.
            self.found.damaged_chunks += self.found.holes[-1].messages is not None
        return following

    def _hole(self, begin: int, end: int, *, head: ChunkHead | None = None) -> None:
        last_ns = self.found.last_ns
        hole = Hole(
            file=self.found.path.name,
            offset=begin,
            size_bytes=end - begin,
            begins_ns=head.start_ns if head else last_ns,
            ends_ns=head.end_ns if head else None,
            messages=self._indexed_messages(end),
        )
        if head is None:
            self._open_holes.append(len(self.found.holes))
        self.found.holes.append(hole)

    def _end_holes(self, log_ns: int) -> None:
        """Say of damage without a head that messages follow from ``log_ns`` on."""
        for at in self._open_holes:
            self.found.holes[at] = replace(self.found.holes[at], ends_ns=log_ns)
        self._open_holes.clear()

    def _indexed_messages(self, at: int) -> int | None:
        """Count the messages of a chunk by the message indexes behind it."""
        total: int | None = None
        while (record := self._file.record(at)) is not None and record[0] == Opcode.MESSAGE_INDEX:
            entries = self._file.index_entries(at, record[1])
            if entries is None:
                return None
            total, at = (total or 0) + entries, record[1]
        return total
