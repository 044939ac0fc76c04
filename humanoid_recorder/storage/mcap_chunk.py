"""The chunk being filled: message records, their checksum and their index, built many messages at a time.

This is the hot path of the recorder. Whatever is done per message is done by a C loop over a whole block (``zip``,
``map``, numpy), and a large payload is never copied: it stays the object that was received until it is written.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mcap.opcode import Opcode

from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.mcap_compression import Codec

MESSAGE_HEAD_BYTES = 31
"""A Message record without its payload: opcode, length, channel id, sequence, log time, publish time."""

_MESSAGE_HEAD = np.dtype(
    [
        ("opcode", "u1"),
        ("length", "<u8"),
        ("channel_id", "<u2"),
        ("sequence", "<u4"),
        ("log_ns", "<u8"),
        ("publish_ns", "<u8"),
    ]
)
_RAW_HEAD = np.dtype(("V", MESSAGE_HEAD_BYTES))
_FIXED_FIELDS_BYTES = 22
_CHUNK_HEAD = struct.Struct("<BQQQQII")
_STORED_BYTES = struct.Struct("<Q")
_MESSAGE_INDEX_HEAD = struct.Struct("<BQHI")
_INDEX_ENTRY_BYTES = 16
_RECORD_HEAD_BYTES = 9
_COPY_BELOW_BYTES = 32 * 1024
"""Payloads up to here are cheaper to join than to pass to the kernel one by one."""
_WORTH_COMPRESSING = 15 / 16
"""A chunk that does not shrink to this is stored as it is: what saves so little only costs its readers time."""

UInt64Array = np.ndarray[tuple[int], np.dtype[np.uint64]]


@dataclass(frozen=True, slots=True)
class Block:
    """Messages turned from rows into columns."""

    payloads: tuple[bytes, ...]
    heads: np.ndarray[tuple[int], np.dtype[np.void]]
    """Message record heads, as on disk."""
    ends: UInt64Array
    """Bytes from the start of the block to the end of each record."""

    @classmethod
    def from_samples(cls, samples: Sequence[Sample]) -> "Block":
        """Build the columns; ``samples`` must not be empty."""
        channel_ids, payloads, log_ns, publish_ns, _, sequences = zip(*samples, strict=True)
        count = len(samples)
        heads = np.empty(count, _MESSAGE_HEAD)
        sizes = np.fromiter(map(len, payloads), np.uint64, count)
        heads["opcode"] = Opcode.MESSAGE
        heads["length"] = sizes + np.uint64(_FIXED_FIELDS_BYTES)
        heads["channel_id"] = channel_ids
        heads["sequence"] = np.fromiter(sequences, np.int64, count) & 0xFFFFFFFF
        heads["log_ns"] = np.fromiter(log_ns, np.uint64, count)
        # Signed on purpose: the sender's clock is not ours, and a time before 1970 must not stop the recording.
        heads["publish_ns"] = np.fromiter(publish_ns, np.int64, count).view(np.uint64)
        return cls(payloads, heads, np.cumsum(sizes + np.uint64(MESSAGE_HEAD_BYTES), dtype=np.uint64))

    def __len__(self) -> int:
        return len(self.payloads)

    def split(self, room_bytes: int) -> tuple["Block", "Block"]:
        """Cut behind the first message that fills ``room_bytes``; the second part may be empty."""
        cut = int(np.searchsorted(self.ends, np.uint64(room_bytes))) + 1
        rest = self.ends[cut:] - self.ends[min(cut, len(self)) - 1]
        return (
            Block(self.payloads[:cut], self.heads[:cut], self.ends[:cut]),
            Block(self.payloads[cut:], self.heads[cut:], rest),
        )


@dataclass(frozen=True, slots=True)
class ChunkSummary:
    """What the file's index has to know of one finished chunk. Times are log times in ns."""

    start_ns: int
    end_ns: int
    compression: str
    """As it stands in the Chunk record; empty without."""
    size_bytes: int
    """Of the records in the chunk."""
    stored_bytes: int
    """Of the records as they are in the file, compressed or not."""
    counts: dict[int, int]
    """Messages per channel id."""
    index_offsets: dict[int, int]
    """Channel id -> start of its MessageIndex record, in bytes from the end of the Chunk record."""
    index_bytes: int
    """All MessageIndex records together."""

    @property
    def record_bytes(self) -> int:
        """Size of the Chunk record, its head included."""
        return _CHUNK_HEAD.size + len(self.compression) + _STORED_BYTES.size + self.stored_bytes


@dataclass(frozen=True, slots=True)
class FinishedChunk:
    """A chunk as it goes into the file."""

    record: list[bytes]
    """The Chunk record, in pieces."""
    index: bytes
    """Its MessageIndex records, which stand behind it."""
    summary: ChunkSummary


class ChunkBuilder:
    """Collects message records until the chunk is closed.

    Args:
        codec: Compresses the chunk where that is worth it; None: never.
    """

    def __init__(self, codec: Codec | None = None) -> None:
        self._codec = codec
        self._pieces: list[bytes] = []
        self._heads: list[np.ndarray[tuple[int], np.dtype[np.void]]] = []
        self._offsets: list[UInt64Array] = []
        self._crc = 0
        self.size_bytes = 0
        self.message_count = 0

    def add(self, block: Block) -> None:
        """Append the records of a block that is not empty."""
        starts = np.empty(len(block), np.uint64)
        starts[0] = 0
        starts[1:] = block.ends[:-1]
        starts += np.uint64(self.size_bytes)
        self._heads.append(block.heads)
        self._offsets.append(starts)
        for piece in _interleave(block):
            self._crc = zlib.crc32(piece, self._crc)
            self._pieces.append(piece)
        self.size_bytes += int(block.ends[-1])
        self.message_count += len(block)

    def finish(self) -> FinishedChunk:
        """Return what goes into the file; the builder, which must not be empty, is spent afterwards."""
        heads = np.concatenate(self._heads)
        log_ns = heads["log_ns"]
        index, offsets, counts = _message_index(heads["channel_id"], log_ns, np.concatenate(self._offsets))
        compression, stored = self._stored_records()
        summary = ChunkSummary(
            start_ns=int(log_ns.min()),
            end_ns=int(log_ns.max()),
            compression=compression,
            size_bytes=self.size_bytes,
            stored_bytes=sum(map(len, stored)),
            counts=counts,
            index_offsets=offsets,
            index_bytes=sum(map(len, index)),
        )
        head = _CHUNK_HEAD.pack(
            Opcode.CHUNK,
            summary.record_bytes - _RECORD_HEAD_BYTES,
            summary.start_ns,
            summary.end_ns,
            self.size_bytes,
            self._crc,
            len(compression),
        )
        record = [head + compression.encode() + _STORED_BYTES.pack(summary.stored_bytes), *stored]
        return FinishedChunk(record, b"".join(index), summary)

    def _stored_records(self) -> tuple[str, list[bytes]]:
        """Return the records as they go into the file, and the compression they then have."""
        if self._codec is None:
            return "", self._pieces
        records = b"".join(self._pieces)
        compressed = self._codec.compress(records)
        if len(compressed) > len(records) * _WORTH_COMPRESSING:
            return "", [records]
        return self._codec.name, [compressed]


def _interleave(block: Block) -> list[bytes]:
    """Put each head before its payload, joining everything but large payloads."""
    heads: list[bytes] = block.heads.view(_RAW_HEAD).tolist()  # type: ignore[assignment] # numpy types only scalars
    parts: list[bytes] = [b""] * (2 * len(block))
    parts[0::2] = heads
    parts[1::2] = block.payloads
    large = np.flatnonzero(block.heads["length"] >= _COPY_BELOW_BYTES).tolist()
    pieces: list[bytes] = []
    begin = 0
    for row in large:
        payload_at = 2 * row + 1
        pieces += (b"".join(parts[begin:payload_at]), parts[payload_at])
        begin = payload_at + 1
    if begin < len(parts):
        pieces.append(b"".join(parts[begin:]))
    return pieces


def _message_index(
    channel_ids: np.ndarray[tuple[int], np.dtype[np.uint16]], log_ns: UInt64Array, offsets: UInt64Array
) -> tuple[list[bytes], dict[int, int], dict[int, int]]:
    """Return one MessageIndex record per channel, where each starts, and the messages per channel."""
    order = np.argsort(channel_ids, kind="stable")
    entries = np.empty((len(order), 2), "<u8")
    entries[:, 0] = log_ns[order]
    entries[:, 1] = offsets[order]
    present, firsts = np.unique(channel_ids[order], return_index=True)
    bounds = [*firsts.tolist(), len(order)]
    records: list[bytes] = []
    starts: dict[int, int] = {}
    counts: dict[int, int] = {}
    position = 0
    for channel_id, first, last in zip(present.tolist(), bounds, bounds[1:], strict=False):
        payload_bytes = (last - first) * _INDEX_ENTRY_BYTES
        head = _MESSAGE_INDEX_HEAD.pack(Opcode.MESSAGE_INDEX, 6 + payload_bytes, channel_id, payload_bytes)
        records.append(head + entries[first:last].tobytes())
        starts[channel_id] = position
        counts[channel_id] = last - first
        position += len(records[-1])
    return records, starts, counts
