"""One MCAP file being read: its summary, its messages in file order, its log times from the index alone.

``mcap`` parses every record but messages. Its own message iterators are not used: in file order they hold the whole
bag in memory, and in log time order all chunks that overlap.
"""

import shlex
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.records import Channel, Chunk, ChunkIndex, Message, Metadata, Schema
from mcap.stream_reader import CRCValidationError, StreamReader, get_chunk_data_stream
from mcap.summary import Summary
from zstandard import ZstdError

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.layout import UNFINISHED_SUFFIX
from humanoid_recorder.storage.mcap_chunk import MESSAGE_HEAD_BYTES, UInt64Array
from humanoid_recorder.storage.mcap_file import MAGIC

_RECORD_HEAD = struct.Struct("<BQ")
_MESSAGE_FIELDS = struct.Struct("<HIQQ")
_INDEX_FIELDS = struct.Struct("<HI")


class StoredMessage(NamedTuple):
    """One message as it stands in the file; times in ns since the epoch."""

    channel_id: int
    sequence: int
    log_ns: int
    publish_ns: int
    data: bytes


class McapSource:
    """One complete MCAP file.

    Args:
        path: The file.

    Raises:
        BagReadError: The file is missing, is not an MCAP file, or does not end like one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._opened() as file:
            self._check_ends(file)
            reader = SeekingReader(file)
            self._summary = reader.get_summary() or Summary()
            self.size_bytes = path.stat().st_size
            if not self._is_self_contained():
                self._collect_definitions(file)

    @property
    def channels(self) -> dict[int, Channel]:
        """Channels by id."""
        return self._summary.channels

    def schema_of(self, channel: Channel) -> Schema | None:
        """Return the schema of a channel; None for a channel without one."""
        return self._summary.schemas.get(channel.schema_id)

    @property
    def message_count(self) -> int | None:
        """What the file says; None when it does not say."""
        return self._summary.statistics.message_count if self._summary.statistics else None

    @property
    def channel_message_counts(self) -> dict[int, int] | None:
        """What the file says, by channel id; None when it does not say."""
        return self._summary.statistics.channel_message_counts if self._summary.statistics else None

    @property
    def chunk_indexes(self) -> list[ChunkIndex]:
        """One entry per chunk, in file order; empty when the file has no chunks or no index."""
        return sorted(self._summary.chunk_indexes, key=lambda chunk: chunk.chunk_start_offset)

    def metadata_records(self) -> list[Metadata]:
        """Return all Metadata records, in the order of the file's index."""
        with self._opened() as file:
            return list(SeekingReader(file).iter_metadata())

    def log_times(self, chunks: Collection[ChunkIndex]) -> Iterator[dict[int, UInt64Array]]:
        """Yield, chunk by chunk, the log times (ns) of each channel, from the message indexes alone.

        Raises:
            BagReadError: An index is damaged.
        """
        with self._opened() as file:
            for chunk in chunks:
                file.seek(chunk.chunk_start_offset + chunk.chunk_length)
                times = _parse_message_indexes(file.read(chunk.message_index_length))
                if unknown := times.keys() - self.channels.keys():
                    raise McapError(f"an index names the channels {sorted(unknown)}, which do not exist")
                yield times

    def messages(self, channel_ids: Collection[int] | None = None) -> Iterator[StoredMessage]:
        """Yield messages in file order, which is not the order of any of their times.

        Memory is bounded by the largest chunk. Chunk checksums are verified where the writer made them.

        Args:
            channel_ids: Only these; None for all. Chunks without them are not read.

        Raises:
            BagReadError: The file is damaged; everything before the damage has been yielded.
        """
        wanted = frozenset(self.channels if channel_ids is None else channel_ids)
        with self._opened() as file:
            if self._summary.chunk_indexes:
                for index in self.chunk_indexes:
                    if not index.message_index_offsets or not wanted.isdisjoint(index.message_index_offsets):
                        file.seek(index.chunk_start_offset + _RECORD_HEAD.size)
                        yield from _chunk_messages(Chunk.read(ReadDataStream(file)), wanted)
            else:
                yield from _scan_messages(file, wanted)

    def _is_self_contained(self) -> bool:
        """Whether the summary names every channel of the file."""
        statistics, channels = self._summary.statistics, self._summary.channels
        return statistics is not None and len(channels) == statistics.channel_count

    def _collect_definitions(self, file: BinaryIO) -> None:
        file.seek(0)
        for record in StreamReader(file).records:
            if isinstance(record, Schema):
                self._summary.schemas[record.id] = record
            elif isinstance(record, Channel):
                self._summary.channels[record.id] = record

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """Open the file, and say of whatever goes wrong with it which file it is."""
        try:
            with self.path.open("rb") as file:
                yield file
        except FileNotFoundError as error:
            raise BagReadError(f"There is no file {self.path}.") from error
        except OSError as error:
            raise BagReadError(f"Cannot read {self.path}: {error.strerror or error}.") from error
        except CRCValidationError as error:
            raise self._damaged(f"a checksum does not match ({error})") from error
        except (McapError, ZstdError, struct.error, ValueError, KeyError, RuntimeError) as error:
            raise self._damaged(f"{type(error).__name__}: {error}") from error
        except (OverflowError, MemoryError) as error:
            raise self._damaged("it gives a length that no file has") from error

    def _damaged(self, how: str) -> BagReadError:
        return BagReadError(
            f"{self.path} is damaged: {how}.",
            remedy=f"Recover what it holds: humanoid-recorder recover {shlex.quote(str(self.path))}",
        )

    def _check_ends(self, file: BinaryIO) -> None:
        size = file.seek(0, 2)
        file.seek(0)
        if size == 0:
            raise BagReadError(f"{self.path} is empty.")
        if file.read(len(MAGIC)) != MAGIC:
            raise BagReadError(f"{self.path} is not an MCAP file.")
        file.seek(max(0, size - len(MAGIC)))
        if size < 2 * len(MAGIC) or file.read() != MAGIC:
            if self.path.parent.name.endswith(UNFINISHED_SUFFIX):
                raise not_sealed_error(self.path.parent)
            raise BagReadError(
                f"{self.path} is truncated: it does not end as an MCAP file does.",
                remedy=f"Recover what it holds: humanoid-recorder recover {shlex.quote(str(self.path))}",
            )
        file.seek(0)


def not_sealed_error(directory: Path) -> BagReadError:
    """Say of an unfinished bag what it is and what to do."""
    return BagReadError(
        f"{directory} was not sealed: its recording never ended properly.",
        remedy=f"If it is not being recorded now: humanoid-recorder recover {shlex.quote(str(directory))}",
    )


def _chunk_messages(chunk: Chunk, wanted: Collection[int]) -> Iterator[StoredMessage]:
    stream, size = get_chunk_data_stream(chunk, validate_crc=True)
    records = stream.read(size)
    position = 0
    while position < size:
        opcode, length = _RECORD_HEAD.unpack_from(records, position)
        end = position + _RECORD_HEAD.size + length
        if end > size:
            raise McapError(f"a record of {length} bytes does not fit into its chunk")
        if opcode == Opcode.MESSAGE:
            channel_id, sequence, log_ns, publish_ns = _MESSAGE_FIELDS.unpack_from(
                records, position + _RECORD_HEAD.size
            )
            if channel_id in wanted:
                data = records[position + MESSAGE_HEAD_BYTES : end]
                yield StoredMessage(channel_id, sequence, log_ns, publish_ns, data)
        position = end


def _scan_messages(file: BinaryIO, wanted: Collection[int]) -> Iterator[StoredMessage]:
    """Read a file without a chunk index from its start."""
    file.seek(0)
    for record in StreamReader(file, emit_chunks=True).records:
        if isinstance(record, Chunk):
            yield from _chunk_messages(record, wanted)
        elif isinstance(record, Message) and record.channel_id in wanted:
            yield StoredMessage(record.channel_id, record.sequence, record.log_time, record.publish_time, record.data)


def _parse_message_indexes(records: bytes) -> dict[int, UInt64Array]:
    """Return the log times of each channel from the MessageIndex records of one chunk."""
    times: dict[int, UInt64Array] = {}
    position = 0
    while position < len(records):
        opcode, length = _RECORD_HEAD.unpack_from(records, position)
        position += _RECORD_HEAD.size
        if opcode == Opcode.MESSAGE_INDEX:
            channel_id, entry_bytes = _INDEX_FIELDS.unpack_from(records, position)
            pairs = np.frombuffer(records, "<u8", entry_bytes // 8, position + _INDEX_FIELDS.size)
            times[channel_id] = pairs[0::2]
        position += length
    return times
