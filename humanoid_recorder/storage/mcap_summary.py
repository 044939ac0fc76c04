"""The summary at the end of an MCAP file, collected as the file grows.

Records are serialised as soon as they are known: ten minutes at full rate have 40,000 chunks, and their index entries
take a tenth of the memory as bytes that they take as objects.
"""

import struct
import zlib
from collections import Counter

from mcap.data_stream import RecordBuilder
from mcap.opcode import Opcode
from mcap.records import Channel, ChunkIndex, Footer, McapRecord, MetadataIndex, Schema, Statistics, SummaryOffset

from humanoid_recorder.storage.mcap_chunk import ChunkSummary

_FOOTER_UP_TO_CRC = struct.Struct("<BQQQ")
_FOOTER_PAYLOAD_BYTES = 20
_COUNT_BYTES = 10
"""Of one channel in the Statistics record."""
_FIXED_BYTES = 55 + 5 * 26 + 29
"""Statistics without channels, five SummaryOffset records, Footer."""


def serialise(record: McapRecord) -> bytes:
    """Return a record as it stands in the file."""
    builder = RecordBuilder()
    record.write(builder)
    return bytes(builder.end())  # type: ignore[no-untyped-call]


class SummaryBuilder:
    """Statistics and indexes of one file; log times in ns."""

    def __init__(self) -> None:
        self._schemas = bytearray()
        self._channels = bytearray()
        self._chunk_indexes = bytearray()
        self._metadata_indexes = bytearray()
        self._schema_count = 0
        self._channel_count = 0
        self._chunk_count = 0
        self._metadata_count = 0
        self.message_counts: Counter[int] = Counter()
        self.start_ns: int | None = None
        """Earliest log time; None while there is no message."""
        self.end_ns: int | None = None
        """Latest log time; None while there is no message."""

    def add_schema(self, schema: Schema) -> None:
        """Take note of a schema."""
        self._schemas += serialise(schema)
        self._schema_count += 1

    def add_channel(self, channel: Channel) -> None:
        """Take note of a channel, which has no messages yet."""
        self._channels += serialise(channel)
        self._channel_count += 1
        self.message_counts[channel.id] = 0

    def add_metadata(self, name: str, *, offset: int, length: int) -> None:
        """Take note of a Metadata record of ``length`` bytes at ``offset`` of the file."""
        self._metadata_indexes += serialise(MetadataIndex(offset=offset, length=length, name=name))
        self._metadata_count += 1

    def add_chunk(self, chunk: ChunkSummary, *, offset: int) -> None:
        """Take note of a chunk that stands at ``offset`` of the file, its message indexes right behind it."""
        indexes_at = offset + chunk.record_bytes
        index = ChunkIndex(
            chunk_length=chunk.record_bytes,
            chunk_start_offset=offset,
            compression=chunk.compression,
            compressed_size=chunk.stored_bytes,
            message_end_time=chunk.end_ns,
            message_index_length=chunk.index_bytes,
            message_index_offsets={channel: indexes_at + at for channel, at in chunk.index_offsets.items()},
            message_start_time=chunk.start_ns,
            uncompressed_size=chunk.size_bytes,
        )
        self._chunk_indexes += serialise(index)
        self._chunk_count += 1
        self.message_counts.update(chunk.counts)
        self.start_ns = chunk.start_ns if self.start_ns is None else min(self.start_ns, chunk.start_ns)
        self.end_ns = chunk.end_ns if self.end_ns is None else max(self.end_ns, chunk.end_ns)

    @property
    def size_bytes(self) -> int:
        """Upper bound of what ``build`` returns."""
        groups = (self._schemas, self._channels, self._chunk_indexes, self._metadata_indexes)
        return _FIXED_BYTES + sum(map(len, groups)) + _COUNT_BYTES * self._channel_count

    def build(self, *, offset: int) -> bytes:
        """Return the summary section and the footer for a file whose summary starts at ``offset``."""
        groups = (
            (Opcode.SCHEMA, self._schemas),
            (Opcode.CHANNEL, self._channels),
            (Opcode.STATISTICS, self._statistics()),
            (Opcode.CHUNK_INDEX, self._chunk_indexes),
            (Opcode.METADATA_INDEX, self._metadata_indexes),
        )
        offsets = b""
        position = offset
        for opcode, records in groups:
            if records:
                offsets += serialise(
                    SummaryOffset(group_opcode=opcode, group_start=position, group_length=len(records))
                )
            position += len(records)
        summary = b"".join([*(records for _, records in groups), offsets])
        footer_up_to_crc = _FOOTER_UP_TO_CRC.pack(Opcode.FOOTER, _FOOTER_PAYLOAD_BYTES, offset, position)
        return summary + serialise(Footer(offset, position, zlib.crc32(footer_up_to_crc, zlib.crc32(summary))))

    def _statistics(self) -> bytes:
        statistics = Statistics(
            attachment_count=0,
            channel_count=self._channel_count,
            channel_message_counts=dict(self.message_counts),
            chunk_count=self._chunk_count,
            message_count=self.message_counts.total(),
            message_end_time=self.end_ns or 0,
            message_start_time=self.start_ns or 0,
            metadata_count=self._metadata_count,
            schema_count=self._schema_count,
        )
        return serialise(statistics)
