"""Chunks of a damaged file: is this one, is it whole, and what can be taken out of a torn one.

A whole chunk is proved by its checksum; where the writer made none (0), by its records, which have to fill it exactly.
A torn chunk has no checksum that could be compared. Of it a message is taken if its record is sound (opcode, length,
a known channel, a log time within what the head of the chunk says) and what follows vouches for it: another sound
record, or the tear. Before garbage the last message is not taken, since the tear may be in it.
"""

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple, Protocol

import lz4.frame
import zstandard
from mcap.opcode import Opcode

from humanoid_recorder.storage.mcap_chunk import MESSAGE_HEAD_BYTES
from humanoid_recorder.storage.mcap_source import StoredMessage

RECORD_HEAD = struct.Struct("<BQ")
MESSAGE_FIELDS = struct.Struct("<HIQQ")
"""Channel id, sequence, log time, publish time: the part of a message record before its payload."""

_CHUNK_FIELDS = struct.Struct("<QQQII")
_U64 = struct.Struct("<Q")
_COMPRESSIONS = {b"": "", b"lz4": "lz4", b"zstd": "zstd"}
_LONGEST_NAME = max(map(len, _COMPRESSIONS))
_CHUNK_HEAD_BYTES = RECORD_HEAD.size + _CHUNK_FIELDS.size + _U64.size
_PIECE_BYTES = 4096
"""A torn stream is decompressed in such pieces: one that fails costs what it would have given."""
_MOST_EXPANSION = 4096
"""Data that claim to grow more than this much are not what anybody recorded."""


class ReadAt(Protocol):
    """Reads bytes of a file by their offset."""

    def __call__(self, at: int, size: int) -> bytes:
        """Return ``size`` bytes, fewer at the end of the file."""


@dataclass(frozen=True, slots=True)
class ChunkHead:
    """The head of a Chunk record whose parts agree with each other. Times are log times in ns."""

    offset: int
    end: int
    """Where the record ends, if it is whole."""
    start_ns: int
    end_ns: int
    size_bytes: int
    """Of its records, not compressed."""
    crc: int
    compression: str
    data_at: int

    @classmethod
    def read(cls, read: ReadAt, at: int) -> "ChunkHead | None":
        """Read the head at an offset; None where there is none, or one that contradicts itself."""
        head = read(at, _CHUNK_HEAD_BYTES + _LONGEST_NAME)
        if len(head) < _CHUNK_HEAD_BYTES or head[0] != Opcode.CHUNK:
            return None
        _, length = RECORD_HEAD.unpack_from(head)
        start_ns, end_ns, size_bytes, crc, name_bytes = _CHUNK_FIELDS.unpack_from(head, RECORD_HEAD.size)
        name_at = RECORD_HEAD.size + _CHUNK_FIELDS.size
        if name_bytes > _LONGEST_NAME or len(head) < _CHUNK_HEAD_BYTES + name_bytes:
            return None
        compression = _COMPRESSIONS.get(head[name_at : name_at + name_bytes])
        (stored_bytes,) = _U64.unpack_from(head, name_at + name_bytes)
        if (
            compression is None
            or length != _CHUNK_HEAD_BYTES - RECORD_HEAD.size + name_bytes + stored_bytes
            or start_ns > end_ns
            or (not compression and size_bytes != stored_bytes)
            or size_bytes > stored_bytes * _MOST_EXPANSION
        ):
            return None
        data_at = at + _CHUNK_HEAD_BYTES + name_bytes
        return cls(at, data_at + stored_bytes, start_ns, end_ns, size_bytes, crc, compression, data_at)

    def unpack(self, data: bytes) -> bytes | None:
        """Return the records of the chunk if they are proved to be whole; ``data`` is all that it stores."""
        records = self.unpack_torn(data)
        if len(records) != self.size_bytes:
            return None
        if self.crc:
            return records if zlib.crc32(records) == self.crc else None
        return records if parse(records).is_complete else None

    def unpack_torn(self, data: bytes) -> bytes:
        """Return as many bytes of the records as ``data``, which may end early or badly, give."""
        if not self.compression:
            return data
        stream = (
            lz4.frame.LZ4FrameDecompressor()
            if self.compression == "lz4"
            else zstandard.ZstdDecompressor().decompressobj()
        )
        out = bytearray()
        try:
            for begin in range(0, len(data), _PIECE_BYTES):
                out += stream.decompress(data[begin : begin + _PIECE_BYTES])
                if len(out) > self.size_bytes:  # not the stream that belongs to this head
                    return b""
        except (RuntimeError, EOFError, zstandard.ZstdError):
            return bytes(out)
        return bytes(out)


class Parsed(NamedTuple):
    """The records of a chunk that was proved to be whole."""

    definitions: list[bytes]
    """Schema and Channel records, heads included, which other writers put here."""
    messages: list[StoredMessage]
    is_complete: bool
    """Whether its records fill it exactly."""


def parse(records: bytes) -> Parsed:
    """Read the records of a chunk up to the first that does not fit."""
    definitions: list[bytes] = []
    messages: list[StoredMessage] = []
    at, size = 0, len(records)
    while at + RECORD_HEAD.size <= size:
        opcode, length = RECORD_HEAD.unpack_from(records, at)
        end = at + RECORD_HEAD.size + length
        if end > size:
            break
        if opcode == Opcode.MESSAGE:
            if length < MESSAGE_FIELDS.size:
                break
            messages.append(message_at(records, at, end))
        elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
            definitions.append(records[at:end])
        elif opcode < 0x80:  # private records may be anywhere
            break
        at = end
    return Parsed(definitions, messages, at == size)


def message_at(records: bytes, at: int, end: int) -> StoredMessage:
    """Read the message record that stands at ``at``."""
    channel_id, sequence, log_ns, publish_ns = MESSAGE_FIELDS.unpack_from(records, at + RECORD_HEAD.size)
    return StoredMessage(channel_id, sequence, log_ns, publish_ns, records[at + MESSAGE_HEAD_BYTES : end])


class _Sound(Enum):
    YES = auto()
    CUT = auto()
    """As far as it goes."""
    NO = auto()


def parse_torn(records: bytes, head: ChunkHead, channel_ids: Collection[int]) -> Parsed:
    """Take what is sound out of the first bytes of a chunk.

    Args:
        records: As much of its records as there is.
        head: Its head.
        channel_ids: Those that are known; Channel records in the chunk add to them.

    Returns:
        What can be taken. When the records are all there, it is nothing: then the checksum proves them wrong.
    """
    taken = list(_sound_records(records, head, set(channel_ids)))
    if taken and taken[-1][1] == head.size_bytes and head.crc not in (0, zlib.crc32(records)):
        return Parsed([], [], is_complete=False)
    messages = [message_at(records, at, end) for at, end in taken if records[at] == Opcode.MESSAGE]
    definitions = [records[at:end] for at, end in taken if records[at] != Opcode.MESSAGE]
    return Parsed(definitions, messages, is_complete=False)


def _sound_records(records: bytes, head: ChunkHead, channel_ids: set[int]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of the records that can be taken: those that the next one, or the tear, vouches for."""
    waiting: tuple[int, int] | None = None
    seen: set[bytes] = set()
    at = 0
    while at < len(records):
        sound, end = _judge(records, at, head, channel_ids)
        # Decompressed garbage repeats what came before it, and no message comes twice.
        fields = records[at + RECORD_HEAD.size : at + MESSAGE_HEAD_BYTES]
        if fields in seen:
            sound = _Sound.NO
        seen.add(fields)
        if waiting is not None and sound is not _Sound.NO:
            yield waiting
        waiting = None
        if sound is not _Sound.YES:
            return
        if records[at] == Opcode.CHANNEL:
            channel_ids.add(int.from_bytes(records[at + RECORD_HEAD.size : at + RECORD_HEAD.size + 2], "little"))
        waiting = (at, end)
        at = end
    if waiting is not None:
        yield waiting


def _judge(records: bytes, at: int, head: ChunkHead, channel_ids: Collection[int]) -> tuple[_Sound, int]:
    """Judge one record by as many of its fields as are there; returns also where it ends."""
    there = len(records) - at
    if records[at] not in (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE):
        return _Sound.NO, at
    if there < RECORD_HEAD.size:
        return _Sound.CUT, at
    opcode, length = RECORD_HEAD.unpack_from(records, at)
    end = at + RECORD_HEAD.size + length
    if end > head.size_bytes:
        return _Sound.NO, at
    if opcode == Opcode.MESSAGE:
        if length < MESSAGE_FIELDS.size:
            return _Sound.NO, at
        if there >= MESSAGE_HEAD_BYTES:
            channel_id, _, log_ns, _ = MESSAGE_FIELDS.unpack_from(records, at + RECORD_HEAD.size)
            if channel_id not in channel_ids or not head.start_ns <= log_ns <= head.end_ns:
                return _Sound.NO, at
    return (_Sound.YES if end <= len(records) else _Sound.CUT), end
