"""Bags of ours and of others are described exactly; what is no complete bag is refused in plain words."""

import dataclasses
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from mcap.reader import make_reader
from mcap.writer import CompressionType, IndexType, Writer

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_reader import BagMessage, BagReader
from humanoid_recorder.storage.bag_writer import BagSummary, BagTopic, BagWriter

JOINTS, CAMERA = 1, 2
MakeBag = Callable[..., BagSummary]


def as_read(sample: Sample, topics: tuple[BagTopic, ...]) -> BagMessage:
    topic = next(topic for topic in topics if topic.channel_id == sample.channel_id)
    return BagMessage(
        topic.name, topic.type, sample.data, sample.log_ns, sample.publish_ns, sample.sequence & 0xFFFFFFFF
    )


def write_foreign(
    path: Path,
    samples: list[Sample],
    *,
    compression: CompressionType = CompressionType.NONE,
    use_chunking: bool = True,
    index_types: IndexType = IndexType.ALL,
    repeat: bool = True,
    use_statistics: bool = True,
) -> Path:
    """A bare file by ``mcap.writer``."""
    with path.open("wb") as file:
        writer = Writer(
            file,
            chunk_size=50_000,
            compression=compression,
            use_chunking=use_chunking,
            index_types=index_types,
            repeat_channels=repeat,
            repeat_schemas=repeat,
            use_statistics=use_statistics,
        )
        writer.start(profile="ros2")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data")
        for topic in ("/a", "/b"):
            writer.register_channel(topic, "cdr", schema)
        for each in samples:
            writer.add_message(each.channel_id, each.log_ns, each.data, each.publish_ns)
        writer.finish()  # type: ignore[no-untyped-call]
    return path


def test_messages_come_in_file_order_with_all_they_had(
    make_bag: MakeBag, samples: list[Sample], topics: tuple[BagTopic, ...]
) -> None:
    reader = BagReader(make_bag().directory)
    assert list(reader.messages()) == [as_read(sample, topics) for sample in samples]


def test_messages_of_chosen_topics_only(make_bag: MakeBag, samples: list[Sample], topics: tuple[BagTopic, ...]) -> None:
    reader = BagReader(make_bag().directory)
    assert list(reader.messages(["/head"])) == [as_read(s, topics) for s in samples if s.channel_id == CAMERA]
    assert list(reader.messages(["/nobody"])) == []


def test_summary_describes_topics_times_and_gaps_exactly(
    make_bag: MakeBag, samples: list[Sample], topics: tuple[BagTopic, ...]
) -> None:
    bag = make_bag()
    info = BagReader(bag.directory).summary()
    by_name = {topic.name: topic for topic in info.topics}
    assert list(by_name) == ["/head", "/joint_states", "/more_joints"]
    times = sorted(sample.log_ns for sample in samples if sample.channel_id == JOINTS)
    joints = by_name["/joint_states"]
    assert (joints.message_count, joints.first_log_ns, joints.last_log_ns) == (600, times[0], times[-1])
    assert joints.longest_gap_ns == max(b - a for a, b in pairwise(times))
    assert joints.rate_hz == pytest.approx(599e9 / (times[-1] - times[0]))
    assert (joints.type, joints.definition, joints.type_hash, joints.offered_qos) == (
        topics[0].type,
        topics[0].definition,
        topics[0].type_hash,
        topics[0].offered_qos,
    )
    silent = by_name["/more_joints"]
    assert (silent.message_count, silent.first_log_ns, silent.rate_hz, silent.longest_gap_ns) == (0, None, None, None)
    assert (info.message_count, info.starting_time_ns, info.duration_ns) == (630, bag.starting_time_ns, bag.duration_ns)
    assert info.custom_data == {"episode": "bag", "empty": "", "number": "7"}
    assert (info.ros_distro, info.size_bytes) == ("kilted", bag.size_bytes)
    assert [record.name for record in info.metadata_records] == ["rosbag2", "rosbag2"]


def test_directory_metadata_file_and_bare_file_are_the_same_bag(make_bag: MakeBag) -> None:
    directory = make_bag().directory
    by_directory = BagReader(directory).summary()
    by_metadata = BagReader(directory / "metadata.yaml").summary()
    by_file = BagReader(directory / "bag_0.mcap").summary()
    assert by_metadata == by_directory
    assert by_file.topics == by_directory.topics
    assert (by_file.custom_data, by_file.ros_distro) == (by_directory.custom_data, "kilted")


def test_a_directory_without_metadata_is_read_by_its_files(make_bag: MakeBag) -> None:
    directory = make_bag().directory
    before = BagReader(directory).summary()
    (directory / "metadata.yaml").unlink()
    assert BagReader(directory).summary() == dataclasses.replace(before, counts_in_metadata=None)


def test_counts_are_told_as_the_index_the_statistics_and_the_metadata_have_them(make_bag: MakeBag) -> None:
    info = BagReader(make_bag().directory).summary()
    indexed = {topic.name: topic.message_count for topic in info.topics}
    assert info.counts_in_statistics == info.counts_in_metadata == indexed
    assert indexed["/joint_states"] == 600
    assert info.compression == ()


def test_an_empty_bag_is_described_as_empty(make_bag: MakeBag) -> None:
    info = BagReader(make_bag(of=[]).directory).summary()
    assert (info.message_count, info.starting_time_ns, info.duration_ns) == (0, None, 0)
    assert [topic.message_count for topic in info.topics] == [0, 0, 0]


def test_a_bag_of_several_files_is_one_bag(
    make_bag: MakeBag, samples: list[Sample], topics: tuple[BagTopic, ...]
) -> None:
    whole = BagReader(make_bag("whole").directory).summary()
    first, second = make_bag("first", of=samples[:301]), make_bag("second", of=samples[301:])
    (second.directory / "second_0.mcap").rename(first.directory / "first_1.mcap")
    metadata = first.directory / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("  - first_0.mcap\n", "  - first_0.mcap\n  - first_1.mcap\n"))
    reader = BagReader(first.directory)
    assert list(reader.messages()) == [as_read(sample, topics) for sample in samples]
    info = reader.summary()
    assert info.topics == whole.topics
    assert [file.name for file in info.files] == ["first_0.mcap", "first_1.mcap"]


def test_files_without_metadata_are_in_counting_order(tmp_path: Path) -> None:
    for number in (10, 9):
        write_foreign(tmp_path / f"bag_{number}.mcap", [Sample(1, bytes([number]), number, 0, None, 0)])
    assert [message.data for message in BagReader(tmp_path).messages()] == [b"\x09", b"\x0a"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": CompressionType.ZSTD},
        {"compression": CompressionType.LZ4},
        {"index_types": IndexType.NONE},
        {"use_chunking": False},
        {"repeat": False},
        {"use_statistics": False},
        {"use_chunking": False, "repeat": False, "use_statistics": False, "index_types": IndexType.NONE},
    ],
    ids=str,
)
def test_files_of_other_writers_are_read_whatever_they_leave_out(
    tmp_path: Path, samples: list[Sample], options: dict[str, bool]
) -> None:
    path = write_foreign(tmp_path / "bag.mcap", samples, **options)  # type: ignore[arg-type]
    reader = BagReader(path)
    assert [message.data for message in reader.messages()] == [sample.data for sample in samples]
    assert [m.data for m in reader.messages(["/b"])] == [s.data for s in samples if s.channel_id == CAMERA]
    info = reader.summary()
    times = [sample.log_ns for sample in samples]
    assert {topic.name: topic.message_count for topic in info.topics} == {"/a": 600, "/b": 30}
    assert (info.starting_time_ns, info.duration_ns) == (min(times), max(times) - min(times))
    assert {topic.definition for topic in info.topics} == {"string data"}


def test_memory_is_bounded_by_a_chunk_not_by_the_bag(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path / "bag", ros_distro="kilted")
    bag.add_topic(BagTopic(1, "/a", "std_msgs/msg/String", "string data", "", ()))
    payload = bytes(1_000_000)
    for at in range(60):
        bag.write([Sample(1, payload, at, at, None, at)])
    reader = BagReader(bag.seal(custom_data={}).directory)
    tracemalloc.start()
    try:
        count = sum(1 for _ in reader.messages())
        reader.summary()
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 60
    assert peak_bytes < 25_000_000


def test_a_damaged_chunk_is_named_after_what_came_before_it(make_bag: MakeBag) -> None:
    path = make_bag().directory / "bag_0.mcap"
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    chunk = summary.chunk_indexes[3]
    content = bytearray(path.read_bytes())
    content[chunk.chunk_start_offset + 5_000] ^= 0xFF
    path.write_bytes(content)
    read: list[BagMessage] = []
    with pytest.raises(BagReadError, match=r"bag_0\.mcap is damaged: a checksum does not match"):
        read.extend(BagReader(path).messages())
    assert sum(len(message.data) + 31 for message in read) == sum(
        each.uncompressed_size for each in summary.chunk_indexes[:3]
    )


def test_counts_over_time_hold_for_a_bag_that_seems_to_last_half_a_century(
    samples: list[Sample], tmp_path: Path
) -> None:
    first = samples[0]._replace(log_ns=0)
    path = write_foreign(tmp_path / "old.mcap", [each._replace(channel_id=1) for each in (first, *samples[1:])])
    reader = BagReader(path)
    info = reader.summary()
    assert info.starting_time_ns == 0
    counts = reader.counts_over_time(start_ns=0, duration_ns=info.duration_ns, bins=60)["/a"]
    assert (counts[0], counts[-1]) == (1, len(samples) - 1)


def test_an_index_that_names_a_channel_of_no_file_is_damage(samples: list[Sample], tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "bag.mcap", [each._replace(channel_id=1) for each in samples])
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    chunk = summary.chunk_indexes[0]
    content = bytearray(path.read_bytes())
    content[chunk.chunk_start_offset + chunk.chunk_length + 9] = 99  # of the first record behind the chunk: its channel
    path.write_bytes(content)
    with pytest.raises(BagReadError, match="an index names the channels") as error:
        BagReader(path).summary()
    assert "humanoid-recorder recover" in error.value.remedy


@pytest.mark.parametrize("keep", [7, 40, 5_000, -8, -1])
def test_a_truncated_file_is_called_truncated(make_bag: MakeBag, keep: int) -> None:
    path = make_bag().directory / "bag_0.mcap"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BagReadError, match=r"truncated|not an MCAP file"):
        BagReader(path.parent)


def test_an_unfinished_directory_is_called_unsealed(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path / "bag", ros_distro="kilted")
    bag.abandon()
    for path in (bag.unfinished_directory, bag.unfinished_directory / "bag_0.mcap"):
        with pytest.raises(BagReadError, match=r"bag\.unfinished was not sealed"):
            BagReader(path)


def test_what_is_no_bag_is_refused_in_plain_words(tmp_path: Path, make_bag: MakeBag) -> None:
    with pytest.raises(BagReadError, match="There is no"):
        BagReader(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BagReadError, match=r"neither a metadata\.yaml nor an \.mcap file"):
        BagReader(tmp_path / "empty")
    (tmp_path / "text.mcap").write_text("this is a text of some length")
    with pytest.raises(BagReadError, match="is not an MCAP file"):
        BagReader(tmp_path / "text.mcap")
    (tmp_path / "nothing.mcap").touch()
    with pytest.raises(BagReadError, match="is empty"):
        BagReader(tmp_path / "nothing.mcap")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("storage_identifier: mcap", "storage_identifier: sqlite3", "is stored as sqlite3"),
        ("compression_mode: ''", "compression_mode: MESSAGE", "is compressed by rosbag2"),
        ("  - bag_0.mcap", "  - gone_0.mcap", "There is no file .*gone_0.mcap"),
    ],
)
def test_metadata_of_another_kind_of_bag_is_refused(make_bag: MakeBag, old: str, new: str, problem: str) -> None:
    path = make_bag().directory / "metadata.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(BagReadError, match=problem):
        BagReader(path.parent)
