"""An append-only MCAP file that may lose power at any moment, and that is cheap to write.

It differs from ``mcap.writer.Writer`` in three ways: buffers go to the kernel as they are (``writev``), so a camera
image is not copied on its way; a chunk closes by age as well as by size and is then synced, so a power cut costs a
fraction of a second; schemas, channels and metadata stand outside the chunks, so a damaged chunk costs only itself.

Format: https://mcap.dev/spec
"""

import errno
import os
import time
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import NoReturn

from mcap.records import Channel, DataEnd, Header, Metadata, Schema

from humanoid_recorder.core.errors import BagWriteError
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.mcap_chunk import MESSAGE_HEAD_BYTES, Block, ChunkBuilder
from humanoid_recorder.storage.mcap_summary import SummaryBuilder, serialise

MAGIC = b"\x89MCAP0\r\n"
DEFAULT_CHUNK_BYTES = 4 * 1024 * 1024
DEFAULT_CHUNK_AGE_NS = 250_000_000

_MAX_BUFFERS_PER_WRITE: int = os.sysconf("SC_IOV_MAX")
_BLOCK_MESSAGES = 1024
"""Messages encoded in one go: enough to make the cost of a block vanish, few enough to stay under half a
millisecond, during which the thread that receives has to wait."""

_channel_id_of = itemgetter(Sample._fields.index("channel_id"))
_data_of = itemgetter(Sample._fields.index("data"))


class McapFile:
    """One MCAP file being written, by one thread.

    After the first failed write every later one raises the same error again; ``close`` always works.

    Args:
        path: The file to create; it must not exist.
        library: Name and version of the writing program, for the header.
        chunk_bytes: A chunk is closed by the message that brings it to this size.
        chunk_age_ns: ``close_chunk_if_due`` closes a chunk whose first message was written this long ago.

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
    ) -> None:
        self.path = path
        self._chunk_bytes = chunk_bytes
        self._chunk_age_ns = chunk_age_ns
        self._summary = SummaryBuilder()
        self._channel_ids: set[int] = set()
        self._pending: list[Sample] = []
        self._pending_bytes = 0
        self._chunk = ChunkBuilder()
        self._chunk_opened_ns: int | None = None
        self._failure: BagWriteError | None = None
        self.bytes_written = 0
        """Size of the file; what waits in the open chunk is not in it."""
        self.longest_sync_ns = 0
        """The longest ``fdatasync`` so far."""
        try:
            self._fd: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise write_error(path, error) from error
        try:
            self._write_all([MAGIC, serialise(Header(profile="ros2", library=library))])
        except BagWriteError:
            self.close()
            raise

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

    def add_schema(self, schema: Schema) -> None:
        """Write a schema; its id is the caller's, from 1."""
        self._write_all([serialise(schema)])
        self._summary.add_schema(schema)

    def add_channel(self, channel: Channel) -> None:
        """Write a channel, whose schema has been added; its messages may follow.

        Raises:
            ValueError: The id is taken.
            BagWriteError: The write failed.
        """
        if channel.id in self._channel_ids:
            raise ValueError(f"channel id {channel.id} is taken")
        self._write_all([serialise(channel)])
        self._channel_ids.add(channel.id)
        self._summary.add_channel(channel)

    def add_metadata(self, name: str, entries: Mapping[str, str]) -> None:
        """Write a Metadata record, ahead of the messages of the open chunk."""
        offset, record = self.bytes_written, serialise(Metadata(name=name, metadata=dict(entries)))
        self._write_all([record])
        self._summary.add_metadata(name, offset=offset, length=len(record))

    def write(self, samples: Sequence[Sample]) -> None:
        """Take messages in; those that complete a chunk are written and synced before this returns.

        Args:
            samples: Messages of channels added before, in any order of time.

        Raises:
            ValueError: A channel id was never added; none of the messages is taken.
            BagWriteError: A write failed, now or earlier.
        """
        self._writable_fd()
        if not self._channel_ids.issuperset(map(_channel_id_of, samples)):
            raise ValueError(f"unknown channel ids {sorted(set(map(_channel_id_of, samples)) - self._channel_ids)}")
        if self._chunk_opened_ns is None and samples:
            self._chunk_opened_ns = time.monotonic_ns()
        self._pending += samples
        self._pending_bytes += MESSAGE_HEAD_BYTES * len(samples) + sum(map(len, map(_data_of, samples)))
        if len(self._pending) >= _BLOCK_MESSAGES or self._pending_bytes + self._chunk.size_bytes >= self._chunk_bytes:
            self._encode_pending()

    def close_chunk_if_due(self, now_monotonic_ns: int) -> None:
        """Write the open chunk if it is old enough; ``now_monotonic_ns`` is ``time.monotonic_ns()``."""
        if self._chunk_opened_ns is not None and now_monotonic_ns - self._chunk_opened_ns >= self._chunk_age_ns:
            self.close_chunk()

    def close_chunk(self) -> None:
        """Write and sync the open chunk, however small; without messages nothing is written."""
        self._writable_fd()
        self._encode_pending()
        if self._chunk.size_bytes:
            self._write_chunk()

    def finish(self) -> None:
        """Write what is open and the summary, sync, and close the file."""
        self.close_chunk()
        self._write_all([serialise(DataEnd(data_section_crc=0))])
        self._write_all([self._summary.build(offset=self.bytes_written), MAGIC])
        self.sync()
        self.close()

    def close(self) -> None:
        """Close the file descriptor and write nothing more; may be called at any time and twice."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _encode_pending(self) -> None:
        if not self._pending:
            return
        block = Block.from_samples(self._pending)
        self._pending, self._pending_bytes = [], 0
        while len(block):
            head, block = block.split(self._chunk_bytes - self._chunk.size_bytes)
            self._chunk.add(head)
            if self._chunk.size_bytes >= self._chunk_bytes:
                self._write_chunk()
                self._chunk_opened_ns = time.monotonic_ns() if len(block) else None

    def _write_chunk(self) -> None:
        buffers, summary = self._chunk.finish()
        self._chunk, self._chunk_opened_ns = ChunkBuilder(), None
        offset = self.bytes_written
        self._write_all(buffers)
        self.sync()
        self._summary.add_chunk(summary, offset=offset)

    def _write_all(self, buffers: Sequence[bytes]) -> None:
        """Write buffers one after another, however few bytes the kernel takes at a time."""
        fd = self._writable_fd()
        waiting: list[bytes | memoryview] = [buffer for buffer in buffers if buffer]
        waiting.reverse()
        while waiting:
            try:
                taken = os.writev(fd, waiting[: -_MAX_BUFFERS_PER_WRITE - 1 : -1])
            except OSError as error:
                self._fail(error)
            self.bytes_written += taken
            while waiting and taken >= len(waiting[-1]):
                taken -= len(waiting.pop())
            if taken:
                waiting[-1] = memoryview(waiting[-1])[taken:]

    def sync(self) -> None:
        """Make what has been written durable."""
        fd = self._writable_fd()
        started_ns = time.monotonic_ns()
        try:
            os.fdatasync(fd)
            if not os.fstat(fd).st_nlink:  # the kernel goes on taking data for a file that nobody will ever see again
                raise FileNotFoundError(errno.ENOENT, "it was deleted while it was being recorded")
        except OSError as error:
            self._fail(error)
        self.longest_sync_ns = max(self.longest_sync_ns, time.monotonic_ns() - started_ns)

    def _fail(self, error: OSError) -> NoReturn:
        self._failure = write_error(self.path, error)
        raise self._failure from error

    def _writable_fd(self) -> int:
        if self._failure:
            raise BagWriteError(self._failure.message, remedy=self._failure.remedy) from self._failure
        if self._fd is None:
            raise BagWriteError(f"{self.path} is closed.")
        return self._fd


def write_error(path: Path, error: OSError) -> BagWriteError:
    """Say what failed and what to do, for a file or a directory that could not be written."""
    what = f"Cannot write {path}: {error.strerror or error}."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BagWriteError(what, remedy="Free space on that disk; what is on it already is kept.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return BagWriteError(what, remedy="Record to a folder you may write to.")
    if error.errno == errno.ENOENT:
        remedy = "Was the folder deleted or its disk removed? Put it back, or activate the recorder anew."
        return BagWriteError(what, remedy=remedy)
    if error.errno == errno.EIO:
        return BagWriteError(what, remedy="The disk reports an error (see `dmesg`); record to another one.")
    return BagWriteError(what)
