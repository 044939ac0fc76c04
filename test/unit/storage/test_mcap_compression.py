"""Compressed chunks are for everybody's reader, to the bit, and only what gains by it is compressed."""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.records import Chunk, ChunkIndex, Message
from mcap.stream_reader import StreamReader, get_chunk_data_stream
from rosbags.rosbag2 import Reader

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.bag_writer import BagOptions, BagSummary, BagTopic, BagWriter
from humanoid_recorder.storage.mcap_compression import is_compressed_type, make_codec
from humanoid_recorder.storage.mcap_source import McapSource

JOINTS, PICTURES, IMAGES = 1, 2, 3
TYPES = {
    JOINTS: "sensor_msgs/msg/JointState",
    PICTURES: "sensor_msgs/msg/CompressedImage",
    IMAGES: "sensor_msgs/msg/Image",
}
CODECS = [Compression.LZ4, Compression.ZSTD]

Stored = tuple[bytes, int, int, int]
ByTopic = dict[str, list[Stored]]


def make_bag(
    directory: Path, batches: Sequence[Sequence[Sample]], *, compression: Compression, chunk_bytes: int = 100_000
) -> BagSummary:
    bag = BagWriter(
        directory, options=BagOptions(chunk_bytes=chunk_bytes, compression=compression), ros_distro="kilted"
    )
    for channel_id, type_name in TYPES.items():
        bag.add_topic(BagTopic(channel_id, f"/t{channel_id}", type_name, "byte[] data", "", ()))
    for batch in batches:
        bag.write(batch)
    return bag.seal(custom_data={})


def mcap_of(bag: BagSummary) -> Path:
    return bag.directory / f"{bag.directory.name}_0.mcap"


def chunk_indexes(bag: BagSummary) -> list[ChunkIndex]:
    with mcap_of(bag).open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    return sorted(summary.chunk_indexes, key=lambda chunk: chunk.chunk_start_offset)


def by_mcap(bag: BagSummary) -> ByTopic:
    found: ByTopic = defaultdict(list)
    with mcap_of(bag).open("rb") as file:
        for record in StreamReader(file, validate_crcs=True).records:
            if isinstance(record, Message):
                stored = (record.data, record.log_time, record.publish_time, record.sequence)
                found[f"/t{record.channel_id}"].append(stored)
    return found


def by_us(bag: BagSummary) -> ByTopic:
    found: ByTopic = defaultdict(list)
    for message in McapSource(mcap_of(bag)).messages():
        stored = (message.data, message.log_ns, message.publish_ns, message.sequence)
        found[f"/t{message.channel_id}"].append(stored)
    return found


def as_written(batches: Sequence[Sequence[Sample]]) -> ByTopic:
    found: ByTopic = defaultdict(list)
    for each in (sample for batch in batches for sample in batch):
        found[f"/t{each.channel_id}"].append((each.data, each.log_ns, each.publish_ns, each.sequence & 0xFFFFFFFF))
    return found


def joints(count: int) -> list[Sample]:
    """Messages that shrink."""
    return [Sample(JOINTS, bytes([at % 251]) * 500, 1_000 + at, 900 + at, None, at) for at in range(count)]


def pictures(count: int) -> list[Sample]:
    """Messages that would shrink, had nobody compressed them."""
    return [sample._replace(channel_id=PICTURES) for sample in joints(count)]


@given(
    batches=st.lists(
        st.lists(
            st.builds(
                Sample,
                channel_id=st.sampled_from(list(TYPES)),
                data=st.one_of(
                    st.binary(max_size=60),
                    st.sampled_from([b"", b"x" * 32_746, b"y" * 32_747, bytes(90_001), os.urandom(70_000)]),
                ),
                log_ns=st.integers(0, 2**63 - 1),
                publish_ns=st.integers(0, 2**63 - 1),
                stamp_ns=st.none(),
                sequence=st.integers(0, 2**63 - 1),
            ),
            max_size=30,
        ),
        max_size=6,
    ),
    compression=st.sampled_from(Compression),
    chunk_bytes=st.sampled_from([1, 100, 5_000, 100_000]),
)
@settings(deadline=None)
def test_every_reader_gets_what_was_written_topic_by_topic_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    batches: list[list[Sample]],
    compression: Compression,
    chunk_bytes: int,
) -> None:
    bag = make_bag(tmp_path_factory.mktemp("bags") / "bag", batches, compression=compression, chunk_bytes=chunk_bytes)
    written = as_written(batches)
    assert by_mcap(bag) == written
    assert by_us(bag) == written
    data = {topic: sorted((log_ns, payload) for payload, log_ns, _, _ in each) for topic, each in written.items()}
    with Reader(bag.directory) as reader:
        theirs: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        for connection, log_ns, payload in reader.messages():
            theirs[connection.topic].append((log_ns, bytes(payload)))
    assert {topic: sorted(each) for topic, each in theirs.items()} == data
    ours: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
    for message in BagReader(bag.directory).messages():
        ours[message.topic].append((message.log_ns, message.data))
    assert {topic: sorted(each) for topic, each in ours.items()} == data
    with mcap_of(bag).open("rb") as file:
        indexed = make_reader(file, validate_crcs=True).iter_messages(topics=["/t1"])
        by_index = [(message.log_time, message.data) for _, _, message in indexed]
    assert sorted(by_index) == data.get("/t1", [])


@pytest.mark.parametrize("compression", CODECS)
def test_index_and_log_times_of_every_chunk_are_those_of_its_messages(tmp_path: Path, compression: Compression) -> None:
    mixed = [sample for pair in zip(joints(900), pictures(900), strict=True) for sample in pair]
    bag = make_bag(tmp_path / "bag", [mixed[at : at + 64] for at in range(0, 1800, 64)], compression=compression)
    content = mcap_of(bag).read_bytes()
    with mcap_of(bag).open("rb") as file:
        reader = StreamReader(file, emit_chunks=True)
        stored = [record for record in reader.records if isinstance(record, Chunk)]
    seen = 0
    for index, chunk in zip(chunk_indexes(bag), stored, strict=True):
        records = chunk.data if not chunk.compression else decompress(chunk)
        assert (index.compression, index.compressed_size) == (chunk.compression, len(chunk.data))
        assert (index.uncompressed_size, chunk.uncompressed_size) == (len(records), len(records))
        times = []
        for channel_id, offset in index.message_index_offsets.items():
            size = int.from_bytes(content[offset + 11 : offset + 15], "little")
            for log_ns, at in np.frombuffer(content, "<u8", size // 8, offset + 15).reshape(-1, 2).tolist():
                head = records[at : at + 31]
                assert (head[0], int.from_bytes(head[9:11], "little")) == (0x05, channel_id)
                assert int.from_bytes(head[15:23], "little") == log_ns
                times.append(log_ns)
        assert (index.message_start_time, index.message_end_time) == (min(times), max(times))
        seen += len(times)
    assert seen == 1800


def decompress(chunk: Chunk) -> bytes:
    stream, size = get_chunk_data_stream(chunk, validate_crc=True)
    return stream.read(size)


@pytest.mark.parametrize("compression", CODECS)
def test_what_is_compressed_already_stays_plain_in_chunks_of_its_own(tmp_path: Path, compression: Compression) -> None:
    mixed = [sample for pair in zip(joints(300), pictures(300), strict=True) for sample in pair]
    bag = make_bag(tmp_path / "bag", [mixed], compression=compression)
    kinds = {(chunk.compression, *chunk.message_index_offsets) for chunk in chunk_indexes(bag)}
    assert kinds == {(compression.value, JOINTS), ("", PICTURES)}
    assert bag.size_bytes < 300 * 500 * 1.4


@pytest.mark.parametrize("compression", CODECS)
def test_a_chunk_that_does_not_shrink_is_stored_as_it_is(tmp_path: Path, compression: Compression) -> None:
    noise = [Sample(IMAGES, os.urandom(50_000), 1_000 + at, 0, None, at) for at in range(4)]
    bag = make_bag(tmp_path / "bag", [noise], compression=compression)
    assert {chunk.compression for chunk in chunk_indexes(bag)} == {""}
    assert by_mcap(bag) == as_written([noise])


def test_without_compression_all_channels_share_chunks(tmp_path: Path) -> None:
    mixed = [sample for pair in zip(joints(30), pictures(30), strict=True) for sample in pair]
    bag = make_bag(tmp_path / "bag", [mixed], compression=Compression.NONE)
    (chunk,) = chunk_indexes(bag)
    assert (chunk.compression, set(chunk.message_index_offsets)) == ("", {JOINTS, PICTURES})


@pytest.mark.parametrize("compression", CODECS)
def test_chunks_of_both_kinds_close_by_age_with_one_sync(
    tmp_path: Path, compression: Compression, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fdatasync: Callable[[int], None] = os.fdatasync

    def count(fd: int) -> None:
        synced.append(fd)
        fdatasync(fd)

    bag = BagWriter(tmp_path / "bag", options=BagOptions(compression=compression), ros_distro="kilted")
    for channel_id, type_name in TYPES.items():
        bag.add_topic(BagTopic(channel_id, f"/t{channel_id}", type_name, "", "", ()))
    bag.write([*joints(10), *pictures(10)])
    monkeypatch.setattr(os, "fdatasync", count)
    bag.close_chunk_if_due(10**18)
    assert bag.message_counts == {JOINTS: 10, PICTURES: 10, IMAGES: 0}
    assert len(synced) == 1
    bag.abandon()


def test_the_first_blocks_of_a_torn_lz4_chunk_can_be_had_without_the_rest() -> None:
    codec = make_codec(Compression.LZ4)
    assert codec is not None
    records = os.urandom(1_000) * 1_000
    frame = codec.compress(records)
    torn = frame[: len(frame) // 2]
    got = lz4.frame.LZ4FrameDecompressor().decompress(torn)
    assert records.startswith(got)
    assert len(got) >= len(records) // 2 - 2 * 65_536
    info = lz4.frame.get_frame_info(frame)
    assert (info["block_size"], info["block_linked"], info["content_size"]) == (65_536, False, len(records))


@pytest.mark.parametrize(
    ("type_name", "is_compressed"),
    [
        ("sensor_msgs/msg/CompressedImage", True),
        ("foxglove_msgs/msg/CompressedVideo", True),
        ("point_cloud_interfaces/msg/CompressedPointCloud2", True),
        ("ffmpeg_image_transport_msgs/msg/FFMPEGPacket", True),
        ("sensor_msgs/msg/Image", False),
        ("sensor_msgs/msg/PointCloud2", False),
        ("sensor_msgs/msg/JointState", False),
        ("compressed_msgs/msg/Pressure", False),
    ],
)
def test_types_say_whether_their_data_are_compressed(type_name: str, is_compressed: bool) -> None:
    assert is_compressed_type(type_name) is is_compressed
