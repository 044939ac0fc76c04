"""Whatever happens to a file, no message is invented or changed, and no chunk is lost that was not hit."""

import io
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.records import Chunk, Message
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.writer import CompressionType, IndexType, Writer

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import BagOptions, BagTopic, BagWriter
from humanoid_recorder.storage.mcap_file import MAGIC
from humanoid_recorder.storage.mcap_scan import scan_file
from humanoid_recorder.storage.mcap_scan_found import FileScan

START_NS = 1_795_160_424_444_668_177
MESSAGES = 300
DATA_END_BYTES = 13
GARBAGE_BYTES = 30_000
"""More than the longest message: garbage that happens to be as long as what was torn off cannot be told from it."""

PLACES = st.integers(0, 2**24)
PROPERTY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Taken(NamedTuple):
    """A message with everything that must not change."""

    channel_id: int
    sequence: int
    log_ns: int
    publish_ns: int
    data: bytes


class Stored(NamedTuple):
    """A chunk as another reader sees it."""

    begin: int
    end: int
    messages: frozenset[Taken]


class Written:
    """A file as it was written. Not a dataclass: hypothesis would print all of it."""

    def __init__(self, raw: bytes, chunks: tuple[Stored, ...]) -> None:
        self.raw = raw
        self.chunks = chunks

    def __repr__(self) -> str:
        return f"<{len(self.raw)} bytes, {len(self.chunks)} chunks>"

    @property
    def messages(self) -> frozenset[Taken]:
        return frozenset().union(*(chunk.messages for chunk in self.chunks))


def written(raw: bytes) -> Written:
    summary = make_reader(io.BytesIO(raw)).get_summary()
    assert summary is not None
    places = sorted((index.chunk_start_offset, index.chunk_length) for index in summary.chunk_indexes)
    records = [
        record for record in StreamReader(io.BytesIO(raw), emit_chunks=True).records if isinstance(record, Chunk)
    ]
    chunks = [
        Stored(begin, begin + length, frozenset(taken_from(record)))
        for (begin, length), record in zip(places, records, strict=True)
    ]
    return Written(raw, tuple(chunks))


def taken_from(chunk: Chunk) -> Iterator[Taken]:
    for message in breakup_chunk(chunk):
        if isinstance(message, Message):
            yield Taken(message.channel_id, message.sequence, message.log_time, message.publish_time, message.data)


def payload(source: random.Random, channel_id: int, at: int) -> bytes:
    """Pictures do not compress, joint states do, and some messages end in zeros or are nothing else."""
    size = source.choice((8, 40, 300, 2500 if channel_id == 2 else 60))
    if source.random() < 0.2:
        return bytes(size)
    return source.randbytes(size) if channel_id == 2 else f"joint {at}".encode().ljust(size, b"\0")


def make_sealed(directory: Path, compression: Compression) -> Written:
    """A sealed bag of some thirty chunks."""
    source = random.Random(7)
    bag = BagWriter(directory, options=BagOptions(chunk_bytes=6000, compression=compression), ros_distro="kilted")
    for channel_id, type_name in ((1, "a/msg/A"), (2, "a/msg/CompressedB"), (3, "a/msg/C")):
        bag.add_topic(BagTopic(channel_id, f"/topic{channel_id}", type_name, "int64 x", "", ()))
    for at in range(MESSAGES):
        channel_id = source.choice((1, 1, 2))
        log_ns = START_NS + 1_000_000 * at - (3_000_000 if at % 7 == 0 else 0)
        bag.write([Sample(channel_id, payload(source, channel_id, at), log_ns, log_ns - 5000, None, at)])
    bag.seal(custom_data={})
    return written((directory / f"{directory.name}_0.mcap").read_bytes())


def unsealed_again(sealed: Written) -> Written:
    """Take away what sealing writes behind the last message."""
    (summary_start,) = struct.unpack_from("<Q", sealed.raw, len(sealed.raw) - len(MAGIC) - 20)
    return Written(sealed.raw[: summary_start - DATA_END_BYTES], sealed.chunks)


@pytest.fixture(scope="module", params=Compression)
def sealed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return make_sealed(tmp_path_factory.mktemp("sealed") / "bag", request.param)


@pytest.fixture(scope="module")
def unsealed(sealed: Written) -> Written:
    return unsealed_again(sealed)


@pytest.fixture(scope="module", params=["sealed", "unsealed"])
def original(request: pytest.FixtureRequest, sealed: Written) -> Written:
    return sealed if request.param == "sealed" else unsealed_again(sealed)


def within(original: Written, place: int) -> int:
    """Turn a number into an offset behind the magic."""
    return len(MAGIC) + place % (len(original.raw) - len(MAGIC))


def scan(folder: Path, raw: bytes) -> FileScan:
    path = folder / "file.mcap"
    path.write_bytes(raw)
    return scan_file(path)


def taken(found: FileScan) -> list[Taken]:
    return [
        Taken(message.channel_id, message.sequence, message.log_ns, message.publish_ns, message.data)
        for _, messages in found.messages()
        for message in messages
    ]


def check(found: FileScan, original: Written, *, begin: int, end: int) -> None:
    """Nothing is invented, changed or repeated, and chunks outside of ``begin``..``end`` are all there."""
    messages = taken(found)
    assert len(set(messages)) == len(messages)
    assert original.messages.issuperset(messages)
    assert len(messages) == sum(count.count for count in found.usable.values())
    if begin < original.chunks[0].begin and not found.expected:
        return  # the definitions of topics may be damaged, and without a summary nothing stands in for them
    for chunk in original.chunks:
        if chunk.end <= begin or chunk.begin >= end:
            assert chunk.messages.issubset(messages)


def test_of_an_undamaged_file_everything_is_taken(tmp_path: Path, original: Written) -> None:
    found = scan(tmp_path, original.raw)
    assert set(taken(found)) == original.messages
    assert (found.holes, found.damaged_chunks, found.torn_tail_messages, found.orphans) == ([], 0, 0, 0)
    assert found.is_ended == original.raw.endswith(MAGIC)
    assert found.expected == (MESSAGES if original.raw.endswith(MAGIC) else None)
    assert [channel.topic for channel in found.channels.values()] == ["/topic1", "/topic2", "/topic3"]


@PROPERTY
@given(place=PLACES)
def test_a_cut_loses_at_most_the_chunk_it_hits(tmp_path: Path, original: Written, place: int) -> None:
    cut = within(original, place)
    check(scan(tmp_path, original.raw[:cut]), original, begin=cut, end=len(original.raw))


@PROPERTY
@given(place=PLACES, fill=st.booleans())
def test_a_tail_of_zeros_is_a_cut(tmp_path: Path, unsealed: Written, place: int, fill: bool) -> None:
    cut = within(unsealed, place)
    zeros = len(unsealed.raw) - cut if fill else 4096
    found = scan(tmp_path, unsealed.raw[:cut] + bytes(zeros))
    check(found, unsealed, begin=cut, end=len(unsealed.raw) + zeros)


@PROPERTY
@given(place=PLACES, seed=st.integers(0, 2**32))
def test_a_tail_of_garbage_adds_nothing(tmp_path: Path, unsealed: Written, place: int, seed: int) -> None:
    cut = within(unsealed, place)
    garbage = random.Random(seed).randbytes(GARBAGE_BYTES)
    found = scan(tmp_path, unsealed.raw[:cut] + garbage)
    check(found, unsealed, begin=cut, end=len(unsealed.raw) + len(garbage))


@PROPERTY
@given(place=PLACES, bit=st.integers(0, 7))
def test_a_flipped_bit_costs_the_chunk_it_hits(tmp_path: Path, original: Written, place: int, bit: int) -> None:
    at = within(original, place)
    damaged = bytearray(original.raw)
    damaged[at] ^= 1 << bit
    check(scan(tmp_path, bytes(damaged)), original, begin=at, end=at + 1)


@PROPERTY
@given(place=PLACES, seed=st.integers(0, 2**32), is_zero=st.booleans(), size=st.sampled_from([1, 50, 3000, 20_000]))
def test_an_overwritten_range_costs_the_chunks_it_hits(
    tmp_path: Path, original: Written, place: int, seed: int, is_zero: bool, size: int
) -> None:
    begin = place % len(original.raw)
    size = min(size, len(original.raw) - begin)
    patch = bytes(size) if is_zero else random.Random(seed).randbytes(size)
    damaged = original.raw[:begin] + patch + original.raw[begin + size :]
    try:
        found = scan(tmp_path, damaged)
    except BagReadError:
        assert begin < len(MAGIC)
        assert size > 3000
        return
    check(found, original, begin=begin, end=begin + size)


def test_a_torn_plain_chunk_gives_every_message_before_the_tear(tmp_path: Path, unsealed: Written) -> None:
    last = unsealed.chunks[-1]
    for cut in range(last.begin + 60, last.end, 97):
        found = scan(tmp_path, unsealed.raw[:cut])
        head = 49 if found.compressions == {""} else None
        if head is None:
            continue  # a compressed stream gives what its blocks give
        at, whole = last.begin + head, 0
        while at + 9 <= cut:
            at += 9 + struct.unpack_from("<Q", unsealed.raw, at + 1)[0]
            whole += at <= len(unsealed.raw[:cut].rstrip(b"\0"))
        assert found.torn_tail_messages == whole


def test_the_time_and_the_messages_of_a_damaged_chunk_are_known(tmp_path: Path, sealed: Written) -> None:
    chunk = sealed.chunks[3]
    damaged = bytearray(sealed.raw)
    damaged[chunk.end - 20] ^= 1
    found = scan(tmp_path, bytes(damaged))
    (hole,) = found.holes
    times = [message.log_ns for message in chunk.messages]
    assert (hole.offset, hole.size_bytes) == (chunk.begin, chunk.end - chunk.begin)
    assert (hole.begins_ns, hole.ends_ns, hole.messages) == (min(times), max(times), len(times))
    assert found.damaged_chunks == 1


def test_a_chunk_whose_head_is_destroyed_is_known_by_its_indexes(tmp_path: Path, sealed: Written) -> None:
    chunk = sealed.chunks[3]
    found = scan(tmp_path, sealed.raw[: chunk.begin] + bytes(60) + sealed.raw[chunk.begin + 60 :])
    (hole,) = found.holes
    assert (hole.offset, hole.size_bytes) == (chunk.begin, chunk.end - chunk.begin)
    assert (hole.messages, found.damaged_chunks) == (len(chunk.messages), 1)
    assert hole.begins_ns is not None
    assert hole.ends_ns is not None


def test_definitions_behind_a_damaged_chunk_are_found(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path / "bag", ros_distro="kilted")
    bag.add_topic(BagTopic(1, "/early", "a/msg/A", "int64 x", "", ()))
    bag.write([Sample(1, b"early" * 10, START_NS, START_NS, None, 1)])
    bag.flush()
    bag.add_topic(BagTopic(2, "/late", "a/msg/B", "int64 y", "", ()))
    bag.write([Sample(2, b"late" * 10, START_NS + 1, START_NS, None, 1)])
    bag.flush()
    bag.abandon()
    raw = (bag.unfinished_directory / "bag_0.mcap").read_bytes()
    at = raw.index(b"early" * 10) - 80
    found = scan(tmp_path, raw[:at] + b"\xff" * 60 + raw[at + 60 :])
    assert [message.data for message in taken(found)] == [b"late" * 10]
    assert found.orphans == 0


def test_messages_whose_channel_is_destroyed_are_counted_and_left_out(tmp_path: Path, unsealed: Written) -> None:
    at = unsealed.raw.index(b"/topic1")
    found = scan(tmp_path, unsealed.raw[: at - 20] + bytes(40) + unsealed.raw[at + 20 :])
    of_topic_1 = [message for message in unsealed.messages if message.channel_id == 1]
    assert found.orphans == len(of_topic_1)
    assert len(taken(found)) == MESSAGES - len(of_topic_1)


@pytest.mark.parametrize("raw", [b"", bytes(5000), b"no bag " * 100, random.Random(1).randbytes(100_000)])
def test_what_is_no_mcap_is_refused(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(BagReadError, match=r"empty|not an MCAP file"):
        scan(tmp_path, raw)


def foreign(
    *, compression: CompressionType = CompressionType.NONE, use_chunking: bool = True, crc: bool = True
) -> tuple[bytes, list[bytes]]:
    """A file of ``mcap.writer``, whose schemas and channels stand inside of chunks."""
    out, source = io.BytesIO(), random.Random(3)
    writer = Writer(
        out,
        chunk_size=4000,
        compression=compression,
        use_chunking=use_chunking,
        enable_crcs=crc,
        index_types=IndexType.ALL,
    )
    writer.start(profile="ros2")
    schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data")
    channel = writer.register_channel("/words", "cdr", schema)
    payloads = [source.randbytes(100) for _ in range(200)]
    for at, each in enumerate(payloads):
        writer.add_message(channel, START_NS + at, each, START_NS)
    writer.finish()  # type: ignore[no-untyped-call]
    return out.getvalue(), payloads


@pytest.mark.parametrize("crc", [True, False])
@pytest.mark.parametrize("compression", list(CompressionType))
def test_files_of_other_writers_are_read_up_to_the_tear(
    tmp_path: Path, compression: CompressionType, crc: bool
) -> None:
    raw, payloads = foreign(compression=compression, crc=crc)
    for cut in range(len(raw) // 2, len(raw), 1009):
        data = [message.data for message in taken(scan(tmp_path, raw[:cut]))]
        assert data == payloads[: len(data)]
        assert len(data) > 60


@pytest.mark.parametrize("tail", [b"", bytes(700), random.Random(5).randbytes(700)], ids=["cut", "zeros", "garbage"])
def test_messages_outside_of_chunks_are_read_up_to_the_tear(tmp_path: Path, tail: bytes) -> None:
    raw, payloads = foreign(use_chunking=False)
    begin = raw.index(payloads[100])
    data = [message.data for message in taken(scan(tmp_path, raw[: begin + 50] + tail))]
    # Garbage may have begun in the last whole message, of which nothing tells.
    assert data in (payloads[:100], payloads[:99])


def test_messages_outside_of_chunks_go_on_behind_damage(tmp_path: Path) -> None:
    raw, payloads = foreign(use_chunking=False)
    begin = raw.index(payloads[100]) - 20
    data = [message.data for message in taken(scan(tmp_path, raw[:begin] + b"\xee" * 40 + raw[begin + 40 :]))]
    assert data in (payloads[:100] + payloads[101:], payloads[:99] + payloads[101:])
