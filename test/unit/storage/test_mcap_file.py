"""The file under failing disks, short writes and the clock; what is in it is covered by test_bag_writer."""

import errno
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader

from humanoid_recorder.core.errors import BagWriteError
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage import record_file
from humanoid_recorder.storage.mcap_file import McapFile

NEVER_NS = 10**18
Buffers = Sequence[bytes | memoryview]


def sample(at: int, size: int = 84) -> Sample:
    return Sample(1, bytes([at % 256]) * size, 1000 + at, 900 + at, None, at)


def open_file(path: Path, *, chunk_bytes: int = 4_000, chunk_age_ns: int = 250_000_000) -> McapFile:
    file = McapFile(path, library="test", chunk_bytes=chunk_bytes, chunk_age_ns=chunk_age_ns)
    file.add_schema(Schema(id=1, name="a/msg/B", encoding="ros2msg", data=b""))
    file.add_channel(Channel(id=1, topic="/a", message_encoding="cdr", metadata={}, schema_id=1))
    return file


def messages_in(path: Path) -> Iterator[bytes]:
    """Payloads up to where the file ends, sealed or not."""
    with path.open("rb") as file:
        try:
            for record in StreamReader(file, validate_crcs=True).records:
                if isinstance(record, Message):
                    yield record.data
        except EndOfFile:
            return


class FailingDisk:
    """``os.writev`` and ``os.fdatasync`` that fail after some bytes, or take only a few at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room_bytes: int | None = None
        self.most_bytes_at_once: int | None = None
        self.sync_error: int | None = None
        self.calls: list[int] = []
        self._writev: Callable[[int, Buffers], int] = os.writev
        self._fdatasync = os.fdatasync
        monkeypatch.setattr(os, "writev", self.writev)
        monkeypatch.setattr(os, "fdatasync", self.fdatasync)

    def writev(self, fd: int, buffers: Buffers) -> int:
        self.calls.append(len(buffers))
        limits = [limit for limit in (self.room_bytes, self.most_bytes_at_once) if limit is not None]
        if self.room_bytes == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = os.write(fd, b"".join(buffers)[: min(limits)]) if limits else self._writev(fd, buffers)
        if self.room_bytes is not None:
            self.room_bytes -= taken
        return taken

    def fdatasync(self, fd: int) -> None:
        if self.sync_error:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        self._fdatasync(fd)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FailingDisk:
    return FailingDisk(monkeypatch)


@pytest.mark.parametrize("most_bytes", [1, 7, 1_000])
def test_short_writes_lose_nothing(tmp_path: Path, disk: FailingDisk, most_bytes: int) -> None:
    disk.most_bytes_at_once = most_bytes
    file = open_file(tmp_path / "a.mcap")
    written = [sample(at, size) for at, size in enumerate([10, 0, 40_000, 5, 33_000])]
    file.write(written)
    file.finish()
    assert list(messages_in(tmp_path / "a.mcap")) == [each.data for each in written]
    assert file.bytes_written == (tmp_path / "a.mcap").stat().st_size


def test_no_call_passes_more_buffers_than_the_kernel_takes(
    tmp_path: Path, disk: FailingDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_file, "_MAX_BUFFERS_PER_WRITE", 4)
    file = open_file(tmp_path / "a.mcap", chunk_bytes=10_000_000)
    written = [sample(at, 33_000) for at in range(20)]
    file.write(written)
    file.finish()
    assert max(disk.calls) == 4
    assert list(messages_in(tmp_path / "a.mcap")) == [each.data for each in written]


def test_a_full_disk_is_reported_with_a_remedy_and_ever_after(tmp_path: Path, disk: FailingDisk) -> None:
    file = open_file(tmp_path / "a.mcap")
    file.write([sample(at) for at in range(100)])
    safe, size = file.message_counts[1], file.bytes_written
    disk.room_bytes = 2_500
    with pytest.raises(BagWriteError, match="No space left on device") as first:
        file.write([sample(at) for at in range(100, 200)])
    assert "Free space" in first.value.remedy
    disk.room_bytes = None
    attempts: list[Callable[[], None]] = [
        lambda: file.write([sample(200)]),
        lambda: file.write([]),
        file.close_chunk,
        file.finish,
        lambda: file.add_metadata("a", {}),
        lambda: file.add_schema(Schema(id=2, name="c", encoding="", data=b"")),
    ]
    for again in attempts:
        with pytest.raises(BagWriteError) as later:
            again()
        assert str(later.value) == str(first.value)
    assert file.message_counts[1] == safe > 0
    assert (tmp_path / "a.mcap").stat().st_size == size
    file.close()
    assert len(list(messages_in(tmp_path / "a.mcap"))) == safe


def test_messages_of_a_chunk_that_could_not_be_synced_are_not_counted(tmp_path: Path, disk: FailingDisk) -> None:
    file = open_file(tmp_path / "a.mcap")
    disk.sync_error = errno.EIO
    with pytest.raises(BagWriteError, match="Input/output error") as raised:
        file.write([sample(at) for at in range(100)])
    assert "dmesg" in raised.value.remedy
    assert file.message_counts == {1: 0}
    file.close()


def test_closing_after_an_error_writes_nothing_and_frees_the_descriptor(tmp_path: Path, disk: FailingDisk) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    file = open_file(tmp_path / "a.mcap")
    disk.room_bytes = 0
    with pytest.raises(BagWriteError):
        file.write([sample(at) for at in range(100)])
    calls, size = len(disk.calls), (tmp_path / "a.mcap").stat().st_size
    file.close()
    assert (len(disk.calls), (tmp_path / "a.mcap").stat().st_size) == (calls, size)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_full_disk_at_creation_is_a_write_error(tmp_path: Path, disk: FailingDisk) -> None:
    disk.room_bytes = 3
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(BagWriteError, match="No space left"):
        open_file(tmp_path / "a.mcap")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").write_bytes(b"precious")
    with pytest.raises(BagWriteError, match="File exists"):
        open_file(tmp_path / "a.mcap")
    assert (tmp_path / "a.mcap").read_bytes() == b"precious"


def test_a_chunk_closes_by_age_only_when_it_is_old_enough(tmp_path: Path) -> None:
    file = open_file(tmp_path / "a.mcap", chunk_age_ns=60 * 10**9)
    file.close_chunk_if_due(NEVER_NS)
    empty_bytes = file.bytes_written
    file.write([sample(0)])
    now_ns = time.monotonic_ns()
    file.close_chunk_if_due(now_ns)
    assert (file.bytes_written, file.message_counts) == (empty_bytes, {1: 0})
    file.close_chunk_if_due(now_ns + 60 * 10**9)
    assert file.message_counts == {1: 1}
    assert list(messages_in(tmp_path / "a.mcap")) == [sample(0).data]
    closed_bytes = file.bytes_written
    file.close_chunk_if_due(NEVER_NS)
    assert file.bytes_written == closed_bytes
    file.close()


def test_every_chunk_that_is_due_reaches_the_file_without_a_summary(tmp_path: Path) -> None:
    file = open_file(tmp_path / "a.mcap", chunk_age_ns=0)
    for at in range(5):
        file.write([sample(at)])
        file.close_chunk_if_due(time.monotonic_ns())
        assert len(list(messages_in(tmp_path / "a.mcap"))) == at + 1
    file.close()


def test_a_chunk_closes_with_the_message_that_fills_it(tmp_path: Path) -> None:
    file = open_file(tmp_path / "a.mcap", chunk_bytes=3 * (84 + 31))
    file.write([sample(at) for at in range(7)])
    assert file.message_counts == {1: 6}
    file.finish()
    with (tmp_path / "a.mcap").open("rb") as opened:
        summary = make_reader(opened).get_summary()
    assert summary is not None
    assert [chunk.uncompressed_size for chunk in summary.chunk_indexes] == [345, 345, 115]


def test_messages_of_an_unknown_channel_are_refused_together(tmp_path: Path) -> None:
    file = open_file(tmp_path / "a.mcap")
    with pytest.raises(ValueError, match=r"unknown channel ids \[9\]"):
        file.write([sample(0), sample(1)._replace(channel_id=9)])
    file.finish()
    assert list(messages_in(tmp_path / "a.mcap")) == []


@pytest.mark.parametrize("messages", [0, 1, 5, 1_000, 5_000])
def test_what_finishing_takes_is_known_beforehand(tmp_path: Path, messages: int) -> None:
    file = open_file(tmp_path / "a.mcap", chunk_bytes=100_000)
    for at in range(2, 12):
        file.add_channel(Channel(id=at, topic=f"/{at}", message_encoding="cdr", metadata={}, schema_id=1))
    file.add_metadata("a", {"b": "c"})
    file.write([sample(at)._replace(channel_id=1 + at % 11) for at in range(messages)])
    said, before = file.summary_bytes, file.bytes_written
    file.finish()
    took = file.bytes_written - before
    assert took <= said <= took + 100
