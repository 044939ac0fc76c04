"""A disk that fails at any call leaves a file of whole records, in which everything that counts as written is."""

import errno
import os
import struct
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mcap.exceptions import EndOfFile
from mcap.records import McapRecord, Message
from mcap.stream_reader import StreamReader

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import BagWriteError
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import BagOptions, BagTopic, BagWriter

TYPES = {1: "sensor_msgs/msg/JointState", 2: "sensor_msgs/msg/CompressedImage", 3: "sensor_msgs/msg/Image"}
CALLS_WITHOUT_A_FAULT = 150
"""At least as many as the longest recording below takes."""

Payloads = dict[int, list[bytes]]


@dataclass
class FaultyDisk:
    """``os.writev``, ``os.fdatasync`` and ``os.ftruncate``, of which one call or all from it on fail."""

    fails_at: int
    error: int = errno.ENOSPC
    taken_before: float = 0.0
    """Share of its bytes that the failing write takes before it fails."""
    recovers: bool = False
    cuts: bool = True
    """Whether the end of a file can be cut off."""
    calls: int = 0
    failed: list[str] = field(default_factory=list)
    _half_taken: bool = False

    def writev(self, fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        if self._half_taken or self._fails():
            data = b"".join(buffers)
            taken = int(len(data) * self.taken_before)
            if taken and not self._half_taken:
                self._half_taken = True
                return os.write(fd, data[:taken])
            self._half_taken = False
            self._raise("writev")
        return _writev(fd, buffers)

    def fdatasync(self, fd: int) -> None:
        if self._fails():
            self._raise("fdatasync")
        _fdatasync(fd)

    def ftruncate(self, fd: int, length: int) -> None:
        if not self.cuts:
            self._raise("ftruncate")
        _ftruncate(fd, length)

    def _fails(self) -> bool:
        self.calls += 1
        return self.calls == self.fails_at or (self.calls > self.fails_at and not self.recovers)

    def _raise(self, call: str) -> None:
        self.failed.append(call)
        raise OSError(self.error, os.strerror(self.error))


_writev, _fdatasync, _ftruncate = os.writev, os.fdatasync, os.ftruncate


def payload(channel_id: int, at: int) -> bytes:
    """Return something compressible, incompressible, or large, that no other message has."""
    head = at.to_bytes(4, "little")
    random = np.random.default_rng(at)
    return head + {1: bytes(300), 2: random.bytes(700), 3: random.bytes(200) + bytes(40_000)}[channel_id]


def sample(at: int) -> Sample:
    channel_id = 3 if at % 10 == 0 else 1 + at % 2
    return Sample(channel_id, payload(channel_id, at), 1_000 + at, 900 + at, None, at)


def record(directory: Path, options: BagOptions, samples: Sequence[Sample], *, batch: int = 20) -> BagWriter:
    """Record as the recorder does, up to the fault if there is one, and let the bag go."""
    bag = BagWriter(directory, options=options, ros_distro="kilted")
    try:
        for channel_id, type_name in TYPES.items():
            bag.add_topic(BagTopic(channel_id, f"/t{channel_id}", type_name, "byte[] data", "", (QosOffer(),)))
        bag.add_metadata("episode", {"labels": "some"})
        bag.sync()
        for at in range(0, len(samples), batch):
            bag.write(samples[at : at + batch])
            if at % 60 == 0:
                bag.close_chunk_if_due(10**18)
        bag.flush()
        bag.add_metadata("episode", {"labels": "more"})
        bag.seal(custom_data={})
    except BagWriteError as first:
        assert_it_says_so_again(bag, str(first))
    finally:
        bag.abandon()
    return bag


def assert_it_says_so_again(bag: BagWriter, what: str) -> None:
    for again in (bag.flush, bag.sync, lambda: bag.write([]), lambda: bag.add_metadata("a", {})):
        with pytest.raises(BagWriteError) as later:
            again()
        assert str(later.value) == what


def scan(path: Path) -> tuple[Payloads, bool]:
    """Return the payloads by channel, up to where the file ends, and whether it ends between two records."""
    found: Payloads = defaultdict(list)
    with path.open("rb") as file:
        try:
            records: Iterator[McapRecord] = StreamReader(file, validate_crcs=True).records
            for each in records:
                if isinstance(each, Message):
                    found[each.channel_id].append(each.data)
        except (EndOfFile, struct.error):  # how this reader says that a record is torn
            pass
    content = path.read_bytes()
    end = min(len(content), 8)
    while end + 9 <= len(content) - (8 if content.endswith(b"\x89MCAP0\r\n") and end > 8 else 0):
        end += 9 + int.from_bytes(content[end + 1 : end + 9], "little")
    return found, end in (len(content), len(content) - 8)


def of_channel(samples: Sequence[Sample]) -> Payloads:
    found: Payloads = defaultdict(list)
    for each in samples:
        found[each.channel_id].append(each.data)
    return found


@given(
    fails_at=st.integers(1, CALLS_WITHOUT_A_FAULT),
    error=st.sampled_from([errno.ENOSPC, errno.EIO, errno.EDQUOT]),
    taken_before=st.one_of(st.just(0.0), st.floats(0, 1, exclude_max=True)),
    recovers=st.booleans(),
    cuts=st.booleans(),
    compression=st.sampled_from(Compression),
    chunk_bytes=st.sampled_from([3_000, 50_000, 4_000_000]),
)
@settings(deadline=None)
@example(50, errno.ENOSPC, 0.5, False, True, Compression.ZSTD, 50_000)
def test_whatever_call_fails_the_file_keeps_all_that_counts_and_nothing_torn(
    tmp_path_factory: pytest.TempPathFactory,
    fails_at: int,
    error: int,
    taken_before: float,
    recovers: bool,
    cuts: bool,
    compression: Compression,
    chunk_bytes: int,
) -> None:
    directory = tmp_path_factory.mktemp("bags") / "bag"
    samples = [sample(at) for at in range(200)]
    disk = FaultyDisk(fails_at, error=error, taken_before=taken_before, recovers=recovers, cuts=cuts)
    with (
        patch.object(os, "writev", disk.writev),
        patch.object(os, "fdatasync", disk.fdatasync),
        patch.object(os, "ftruncate", disk.ftruncate),
    ):
        try:
            bag = record(directory, BagOptions(chunk_bytes=chunk_bytes, compression=compression), samples)
        except BagWriteError:
            assert fails_at <= 2, "only the header and the first metadata may keep a bag from being begun"
            assert list(directory.parent.iterdir()) == []
            return
    is_sealed = directory.exists()
    assert is_sealed == (disk.failed == [])
    path = (directory if is_sealed else bag.unfinished_directory) / "bag_0.mcap"
    found, ends_with_a_record = scan(path)
    written = of_channel(samples)
    assert all(found[channel_id] == written[channel_id][: len(found[channel_id])] for channel_id in TYPES)
    counted = {channel_id: bag.message_counts.get(channel_id, 0) for channel_id in TYPES}
    readable = {channel_id: len(found[channel_id]) for channel_id in TYPES}
    assert all(counted[channel_id] <= readable[channel_id] for channel_id in TYPES)
    assert bag.bytes_written == path.stat().st_size
    if cuts:
        assert ends_with_a_record
    if cuts and "fdatasync" not in disk.failed:
        assert counted == readable
    if is_sealed:
        assert found == written


def test_a_chunk_whose_index_does_not_fit_is_kept_and_counted(tmp_path: Path) -> None:
    samples = [sample(at) for at in range(1, 9)]
    seen: list[int] = []

    def refuse_the_index(fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        seen.append(bytes(buffers[0])[0])
        if seen[-1] == 0x07:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return _writev(fd, buffers)

    with patch.object(os, "writev", refuse_the_index):
        bag = record(tmp_path / "bag", BagOptions(), samples)
    found, ends_with_a_record = scan(bag.unfinished_directory / "bag_0.mcap")
    assert seen[-1] == 0x07
    assert found == of_channel(samples)
    assert bag.message_counts == {channel_id: len(found.get(channel_id, [])) for channel_id in TYPES}
    assert ends_with_a_record


def test_a_disk_that_takes_nothing_and_says_nothing_is_a_fault(tmp_path: Path) -> None:
    def take_nothing(fd: int, buffers: Sequence[bytes | memoryview]) -> int:
        return 0

    bag = BagWriter(tmp_path / "bag", ros_distro="kilted")
    with patch.object(os, "writev", take_nothing), pytest.raises(BagWriteError, match="takes nothing more"):
        bag.add_metadata("a", {})
    bag.abandon()


def test_an_error_when_a_synced_file_is_closed_keeps_nothing_from_being_sealed(tmp_path: Path) -> None:
    closed: list[str] = []
    close = os.close

    def fail_for_the_bag(fd: int) -> None:
        name = Path(f"/proc/self/fd/{fd}").readlink().name
        close(fd)
        if name.endswith(".mcap"):
            closed.append(name)
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    samples = [sample(at) for at in range(50)]
    with patch.object(os, "close", fail_for_the_bag):
        record(tmp_path / "bag", BagOptions(), samples)
    assert len(closed) == 1
    assert scan(tmp_path / "bag" / "bag_0.mcap")[0] == of_channel(samples)


def test_metadata_that_does_not_fit_leaves_no_half_of_it(tmp_path: Path) -> None:
    def refuse(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    bag = BagWriter(tmp_path / "bag", ros_distro="kilted")
    with patch.object(os, "fsync", refuse), pytest.raises(BagWriteError, match="No space left"):
        bag.seal(custom_data={})
    assert [path.name for path in (tmp_path / "bag.unfinished").iterdir()] == ["bag_0.mcap"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 8 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mount.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.mark.parametrize("compression", Compression)
def test_a_disk_that_is_really_full_keeps_every_chunk_and_has_room_for_the_record(
    small_disk: Path, compression: Compression
) -> None:
    options = BagOptions(chunk_bytes=1_000_000, compression=compression)
    bag = BagWriter(small_disk / "bag", options=options, ros_distro="kilted")
    bag.add_topic(BagTopic(1, "/t1", "sensor_msgs/msg/Image", "", "", ()))
    noise = np.random.default_rng(1)
    written = [noise.bytes(100_003) for _ in range(200)]
    with pytest.raises(BagWriteError, match="No space left"):
        bag.write([Sample(1, data, 1_000 + at, 0, None, 0) for at, data in enumerate(written)])
    bag.abandon()
    (bag.unfinished_directory / "episode.json").write_bytes(bytes(100_000))
    found, ends_with_a_record = scan(bag.unfinished_directory / "bag_0.mcap")
    assert found[1] == written[: bag.message_counts[1]]
    assert bag.message_counts[1] >= 70
    assert ends_with_a_record


@given(
    sizes=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 50_000)), max_size=60),
    compression=st.sampled_from(Compression),
    chunk_bytes=st.sampled_from([500, 100_000, 4_000_000]),
    topics=st.integers(3, 40),
)
@settings(deadline=None)
def test_sealing_takes_no_more_room_than_was_said(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[tuple[int, int]],
    compression: Compression,
    chunk_bytes: int,
    topics: int,
) -> None:
    directory = tmp_path_factory.mktemp("bags") / "bag"
    bag = BagWriter(
        directory, options=BagOptions(chunk_bytes=chunk_bytes, compression=compression), ros_distro="kilted"
    )
    for channel_id in range(1, topics + 1):
        offers = (QosOffer(),) * (channel_id % 3)
        bag.add_topic(BagTopic(channel_id, f"/t{channel_id}", TYPES[1 + channel_id % 3], "byte[] data", "", offers))
    for at, (channel_id, size) in enumerate(sizes):
        bag.write([Sample(channel_id, os.urandom(size), 10**18 + at, 10**18, None, at)])
    said, before = bag.summary_bytes, bag.bytes_written
    sealed = bag.seal(custom_data={})
    took = sealed.size_bytes - before + (directory / "metadata.yaml").stat().st_size
    assert took <= said
    assert said <= took + 4_000 + 1_000 * topics + 64 * len(sizes)
