"""Records of a damaged file outside of chunks: is this one, and where is the next behind damage.

No record but the chunk and the attachment has a checksum. One of the others is believed where it is expected if it
reads without a byte left over; found by searching it is believed only with what follows: a chunk whose head agrees
with itself, or the end of the data.
"""

import io
import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Self

from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import (
    AttachmentIndex,
    Channel,
    ChunkIndex,
    DataEnd,
    Footer,
    Header,
    McapRecord,
    Metadata,
    MetadataIndex,
    Schema,
    Statistics,
    SummaryOffset,
)

from humanoid_recorder.storage.mcap_file import MAGIC
from humanoid_recorder.storage.mcap_scan_chunk import MESSAGE_FIELDS, RECORD_HEAD, ChunkHead
from humanoid_recorder.storage.mcap_summary import serialise

_PARSERS: dict[int, Callable[[ReadDataStream], McapRecord]] = {
    Opcode.HEADER: Header.read,
    Opcode.FOOTER: Footer.read,
    Opcode.SCHEMA: Schema.read,
    Opcode.CHANNEL: Channel.read,
    Opcode.CHUNK_INDEX: ChunkIndex.read,
    Opcode.ATTACHMENT_INDEX: AttachmentIndex.read,
    Opcode.STATISTICS: Statistics.read,
    Opcode.METADATA: Metadata.read,
    Opcode.METADATA_INDEX: MetadataIndex.read,
    Opcode.SUMMARY_OFFSET: SummaryOffset.read,
    Opcode.DATA_END: DataEnd.read,
}
_LAYOUTS = {Opcode.SCHEMA.value: (2, 3), Opcode.CHANNEL.value: (4, 3), Opcode.METADATA.value: (0, 2)}
"""By opcode: bytes in front, and how many parts follow that each begin with their length."""
_U32_BYTES = 4
_LONGEST_RECORD_BYTES = 64 * 1024 * 1024
"""Of all but chunks, attachments and messages."""
_INDEX_FIELDS = struct.Struct("<HI")
_INDEX_ENTRY_BYTES = 16
_FOOTER_BYTES = RECORD_HEAD.size + 20
_BLOCK_BYTES = 1024 * 1024
_MESSAGES_THAT_PROVE = 3
_FIRST_PRIVATE_OPCODE = 0x80
_CANDIDATE = re.compile(rb"(?s)(?=[\x03\x04\x07\x0c].{3}\x00{5}|\x06.{4}\x00{4}|\x0f\x04\x00{7})")
"""Heads of records that may be found by searching: chunks below 4 GiB, others below 16 MiB."""
_CANDIDATE_OR_MESSAGE = re.compile(rb"(?s)(?=[\x03\x04\x05\x07\x0c].{3}\x00{5}|\x06.{4}\x00{4}|\x0f\x04\x00{7})")


def parse_record(record: bytes) -> McapRecord | None:
    """Read a record that is no chunk, message, index or attachment; None unless it reads without a byte left over."""
    if not record or record[0] not in _PARSERS:
        return None
    try:
        parsed = _PARSERS[record[0]](ReadDataStream(io.BytesIO(record[RECORD_HEAD.size :])))
        return parsed if serialise(parsed) == record else None
    except (McapError, struct.error, ValueError):
        return None


class DamagedFile:
    """A file that may be cut, zeroed or overwritten anywhere. Use as a context manager.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be opened, or, from any method, read.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._fd).st_size
        self.data_end = 0
        """Where the zeros begin that fill the file up to its end; its size where it ends otherwise."""

    def __enter__(self) -> Self:
        self.data_end = self._find_data_end()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def read(self, at: int, size: int) -> bytes:
        """Read as many bytes as there are."""
        size = max(0, min(size, self.size - at))
        pieces = []
        while size and (piece := os.pread(self._fd, size, at)):
            pieces.append(piece)
            at, size = at + len(piece), size - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def record(self, at: int) -> tuple[int, int] | None:
        """Return opcode and end of a record that is whole, as far as its head says; None where it is not."""
        head = self.read(at, RECORD_HEAD.size)
        if len(head) < RECORD_HEAD.size:
            return None
        opcode, length = RECORD_HEAD.unpack(head)
        end = at + RECORD_HEAD.size + length
        return (opcode, end) if end <= self.size else None

    def parsed(self, at: int, end: int) -> McapRecord | None:
        """Read a record that is no chunk, message, index or attachment."""
        if end - at > _LONGEST_RECORD_BYTES or not self._lengths_fit(at, end):
            return None
        return parse_record(self.read(at, end - at))

    def _lengths_fit(self, at: int, end: int) -> bool:
        """Whether the lengths inside of a record add up: a search meets thousands of which they do not."""
        fixed_bytes, parts = _LAYOUTS.get(self.read(at, 1)[0], (0, 0))
        place = at + RECORD_HEAD.size + fixed_bytes
        for _ in range(parts):
            place += _U32_BYTES + int.from_bytes(self.read(place, _U32_BYTES), "little")
            if place > end:
                return False
        return not parts or place == end

    def index_entries(self, at: int, end: int) -> int | None:
        """Return how many messages a MessageIndex record lists; None if it is none."""
        fields = self.read(at + RECORD_HEAD.size, _INDEX_FIELDS.size)
        if len(fields) < _INDEX_FIELDS.size:
            return None
        _, entry_bytes = _INDEX_FIELDS.unpack(fields)
        whole = end - at == RECORD_HEAD.size + _INDEX_FIELDS.size + entry_bytes and not entry_bytes % _INDEX_ENTRY_BYTES
        return entry_bytes // _INDEX_ENTRY_BYTES if whole else None

    def is_attachment(self, at: int, end: int) -> bool:
        """Whether an Attachment record is whole."""
        body = self.read(at + RECORD_HEAD.size, end - at - RECORD_HEAD.size)
        return len(body) > 4 and int.from_bytes(body[-4:], "little") in (0, zlib.crc32(body[:-4]))

    def is_record(self, at: int) -> bool:
        """Whether a record stands where one is expected; of a chunk its head is enough."""
        if self.read(at, len(MAGIC)) == MAGIC or ChunkHead.read(self.read, at) is not None:
            return True
        found = self.record(at)
        if found is None:
            return False
        opcode, end = found
        if opcode == Opcode.MESSAGE_INDEX:
            return self.index_entries(at, end) is not None
        if opcode == Opcode.ATTACHMENT:
            return self.is_attachment(at, end)
        if opcode == Opcode.MESSAGE:
            return end - at >= RECORD_HEAD.size + MESSAGE_FIELDS.size
        return self.is_private(at, end) or self.parsed(at, end) is not None

    def is_private(self, at: int, end: int) -> bool:
        """Whether somebody's own record stands here: one with a record of the standard right behind it."""
        opcode = self.read(at, 1)[0]
        following = self.read(end, 1)
        is_standard = bool(following) and following[0] < _FIRST_PRIVATE_OPCODE
        return opcode >= _FIRST_PRIVATE_OPCODE and is_standard and self.is_record(end)

    def find_record(self, begin: int, *, limit: int, with_messages: bool = False) -> int | None:
        """Search for the next record that what follows it vouches for.

        Args:
            begin: From here.
            limit: Up to here.
            with_messages: Whether messages stand outside of chunks in this file.
        """
        candidate = _CANDIDATE_OR_MESSAGE if with_messages else _CANDIDATE
        while begin < limit:
            block = self.read(begin, _BLOCK_BYTES + RECORD_HEAD.size)
            for match in candidate.finditer(block, 0, len(block)):
                at = begin + match.start()
                if at < limit and self._is_vouched_for(at, with_messages=with_messages):
                    return at
            begin += _BLOCK_BYTES
        return None

    def summary_records(self) -> tuple[int, list[McapRecord]] | None:
        """Return where the summary begins and its records, if its checksum proves it; None else."""
        tail = self.read(max(0, self.size - _FOOTER_BYTES - len(MAGIC)), _FOOTER_BYTES + len(MAGIC))
        footer = parse_record(tail[:_FOOTER_BYTES])
        if not isinstance(footer, Footer) or not tail.endswith(MAGIC) or not footer.summary_start:
            return None
        summary = self.read(footer.summary_start, self.size - len(MAGIC) - footer.summary_start)
        if not footer.summary_crc or zlib.crc32(summary[:-4]) != footer.summary_crc:
            return None
        records: list[McapRecord] = []
        at = 0
        while at + RECORD_HEAD.size <= len(summary):
            _, length = RECORD_HEAD.unpack_from(summary, at)
            record = parse_record(summary[at : at + RECORD_HEAD.size + length])
            records += [] if record is None else [record]
            at += RECORD_HEAD.size + length
        return footer.summary_start, records

    def _is_vouched_for(self, at: int, *, with_messages: bool) -> bool:
        messages = 0
        while messages < _MESSAGES_THAT_PROVE:
            if ChunkHead.read(self.read, at) is not None:
                return True
            found = self.record(at)
            if found is None or not self.is_record(at):
                return False
            opcode, end = found
            if opcode in (Opcode.DATA_END, Opcode.FOOTER):
                return self.is_record(end)
            if opcode == Opcode.MESSAGE:
                if not with_messages:
                    return False
                messages += 1
            at = end
        return True

    def _find_data_end(self) -> int:
        end = self.size
        while end:
            begin = max(0, end - _BLOCK_BYTES)
            stripped = self.read(begin, end - begin).rstrip(b"\0")
            if stripped:
                return begin + len(stripped)
            end = begin
        return 0
