"""An append-only MCAP file that may lose power at any moment, and that is cheap to write.

It differs from ``mcap.writer.Writer`` in three ways: buffers go to the kernel as they are (``writev``), so a camera
image is not copied on its way; a chunk closes by age as well as by size and is then synced, so a power cut costs a
fraction of a second; schemas, channels and metadata stand outside the chunks, so a damaged chunk costs only itself.

With compression, channels whose messages are compressed already go into chunks of their own, which stay plain.

Format: https://mcap.dev/spec
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path

from mcap.records import Channel, DataEnd, Header, Metadata, Schema

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import BagWriteError
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.mcap_chunk import ChunkSummary, FinishedChunk
from humanoid_recorder.storage.mcap_compression import make_codec
from humanoid_recorder.storage.mcap_open_chunk import OpenChunk
from humanoid_recorder.storage.mcap_summary import SummaryBuilder, serialise
from humanoid_recorder.storage.record_file import RecordFile

MAGIC = b"\x89MCAP0\r\n"
DEFAULT_CHUNK_BYTES = 4 * 1024 * 1024
DEFAULT_CHUNK_AGE_NS = 250_000_000

_DATA_END = serialise(DataEnd(data_section_crc=0))

_channel_id_of = itemgetter(Sample._fields.index("channel_id"))


class McapFile:
    """One MCAP file being written, by one thread.

    After the first failed write every later one raises the same error again; ``close`` always works. The file then
    ends with its last whole record, unless the disk does not even allow it to be cut there.

    Args:
        path: The file to create; it must not exist.
        library: Name and version of the writing program, for the header.
        chunk_bytes: A chunk is closed by the message that brings it to this size.
        chunk_age_ns: ``close_chunk_if_due`` closes a chunk whose first message was written this long ago.
        compression: Of the chunks; channels may be exempted.

    Raises:
        BagWriteError: The file cannot be created.
    """

    def __init__(
        self,
        path: Path,
        *,
        library: str,
        chunk_bytes: int = DEFAULT_CHUNK_BYTES,
        chunk_age_ns: int = DEFAULT_CHUNK_AGE_NS,
        compression: Compression = Compression.NONE,
    ) -> None:
        self._chunk_age_ns = chunk_age_ns
        self._summary = SummaryBuilder()
        self._channel_ids: set[int] = set()
        self._ids_to_compress: set[int] = set()
        codec = make_codec(compression)
        self._plain = OpenChunk(chunk_bytes=chunk_bytes, codec=None, write=self._write_chunk)
        self._open_chunks = [self._plain]
        self._compressing: OpenChunk | None = None
        if codec is not None:
            self._compressing = OpenChunk(chunk_bytes=chunk_bytes, codec=codec, write=self._write_chunk)
            self._open_chunks.append(self._compressing)
        self._not_synced: list[tuple[ChunkSummary, int]] = []
        self._file = RecordFile(path)
        try:
            self._file.write([MAGIC, serialise(Header(profile="ros2", library=library))])
        except BagWriteError:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._file.path

    @property
    def bytes_written(self) -> int:
        """Size of the file; what waits in the open chunks is not in it."""
        return self._file.size_bytes

    @property
    def longest_sync_ns(self) -> int:
        """The longest ``fdatasync`` so far."""
        return self._file.longest_sync_ns

    @property
    def message_counts(self) -> dict[int, int]:
        """Messages per channel id, of the chunks that have been written and synced."""
        return dict(self._summary.message_counts)

    @property
    def time_range_ns(self) -> tuple[int, int] | None:
        """Earliest and latest log time of the messages counted; None without any."""
        if self._summary.start_ns is None or self._summary.end_ns is None:
            return None
        return self._summary.start_ns, self._summary.end_ns

    @property
    def summary_bytes(self) -> int:
        """Upper bound of what ``finish`` would still write: the open chunks, the summary, the end of the file.

        Any thread may ask; a chunk that is on its way to the disk at that moment may be left out.
        """
        channel_count = len(self._channel_ids)
        chunks = sum(chunk.most_bytes(channel_count=channel_count) for chunk in self._open_chunks)
        return chunks + len(_DATA_END) + self._summary.size_bytes + len(MAGIC)

    def add_schema(self, schema: Schema) -> None:
        """Write a schema; its id is the caller's, from 1."""
        self._file.write([serialise(schema)])
        self._summary.add_schema(schema)

    def add_channel(self, channel: Channel, *, compress: bool = True) -> None:
        """Write a channel, whose schema has been added; its messages may follow.

        Args:
            channel: The channel.
            compress: False for messages that are compressed already: they stay as they are.

        Raises:
            ValueError: The id is taken.
            BagWriteError: The write failed.
        """
        if channel.id in self._channel_ids:
            raise ValueError(f"channel id {channel.id} is taken")
        self._file.write([serialise(channel)])
        self._channel_ids.add(channel.id)
        if self._compressing is not None and compress:
            self._ids_to_compress.add(channel.id)
        self._summary.add_channel(channel)

    def add_metadata(self, name: str, entries: Mapping[str, str]) -> None:
        """Write a Metadata record, ahead of the messages of the open chunk."""
        offset, record = self.bytes_written, serialise(Metadata(name=name, metadata=dict(entries)))
        self._file.write([record])
        self._summary.add_metadata(name, offset=offset, length=len(record))

    def write(self, samples: Sequence[Sample]) -> None:
        """Take messages in; those that complete a chunk are written and synced before this returns.

        Args:
            samples: Messages of channels added before, in any order of time.

        Raises:
            ValueError: A channel id was never added; none of the messages is taken.
            BagWriteError: A write failed, now or earlier.
        """
        self._file.check()
        if not self._channel_ids.issuperset(map(_channel_id_of, samples)):
            raise ValueError(f"unknown channel ids {sorted(set(map(_channel_id_of, samples)) - self._channel_ids)}")
        if self._compressing is None:
            self._plain.take(samples)
        else:
            to_compress = [sample for sample in samples if sample.channel_id in self._ids_to_compress]
            if len(to_compress) < len(samples):
                self._plain.take([sample for sample in samples if sample.channel_id not in self._ids_to_compress])
            self._compressing.take(to_compress)
        self._sync_chunks()

    def close_chunk_if_due(self, now_monotonic_ns: int) -> None:
        """Write what is open if some of it is old enough; ``now_monotonic_ns`` is ``time.monotonic_ns()``."""
        opened_ns = [chunk.opened_ns for chunk in self._open_chunks if chunk.opened_ns is not None]
        if opened_ns and now_monotonic_ns - min(opened_ns) >= self._chunk_age_ns:
            self.close_chunk()

    def close_chunk(self) -> None:
        """Write and sync what is open, however small; without messages nothing is written."""
        self._file.check()
        for chunk in self._open_chunks:
            chunk.close()
        self._sync_chunks()

    def finish(self) -> None:
        """Write what is open and the summary, sync, and close the file."""
        self.close_chunk()
        summary = self._summary.build(offset=self.bytes_written + len(_DATA_END))
        self._file.write([_DATA_END, summary, MAGIC])
        self.sync()
        self.close()

    def sync(self) -> None:
        """Make what has been written durable."""
        self._file.sync()
        self._count_synced()

    def close(self) -> None:
        """Close the file descriptor and write nothing more; may be called at any time and twice."""
        self._file.close()

    def _write_chunk(self, chunk: FinishedChunk) -> None:
        """Write a chunk; its messages count when it has been synced."""
        offset = self.bytes_written
        try:
            self._file.write(chunk.record)
            self._not_synced.append((chunk.summary, offset))
            self._file.write([chunk.index])
        except BagWriteError:
            self._count_synced()
            raise

    def _sync_chunks(self) -> None:
        """Sync what has been written since the last time; once for several chunks, since a sync is what takes time."""
        if self._not_synced:
            self.sync()

    def _count_synced(self) -> None:
        """Count the messages of chunks that are on the disk."""
        while self._not_synced:
            summary, offset = self._not_synced[0]
            if offset + summary.record_bytes > self._file.synced_bytes:
                return
            self._summary.add_chunk(summary, offset=offset)
            del self._not_synced[0]
