"""What is written is a rosbag2 bag for other people's readers, whole and to the bit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.records import McapRecord, Message, Metadata
from mcap.stream_reader import CRCValidationError, StreamReader
from mcap_ros2.decoder import DecoderFactory
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from humanoid_recorder.core.errors import BagWriteError
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import BagOptions, BagSummary, BagTopic, BagWriter

JOINTS, CAMERA, UNHEARD = 1, 2, 7
MakeBag = Callable[..., BagSummary]


def mcap_of(bag: BagSummary) -> Path:
    return bag.directory / f"{bag.directory.name}_0.mcap"


def stored(message: Message) -> tuple[int, bytes, int, int, int]:
    return message.channel_id, message.data, message.log_time, message.publish_time, message.sequence


def expected(sample: Sample) -> tuple[int, bytes, int, int, int]:
    return sample.channel_id, sample.data, sample.log_ns, sample.publish_ns, sample.sequence & 0xFFFFFFFF


def test_mcap_reads_back_every_message_in_the_order_written(make_bag: MakeBag, samples: list[Sample]) -> None:
    bag = make_bag()
    with mcap_of(bag).open("rb") as file:
        records = [record for record in StreamReader(file, validate_crcs=True).records if isinstance(record, Message)]
    assert [stored(record) for record in records] == [expected(sample) for sample in samples]


def test_mcap_ros2_decodes_every_message(make_bag: MakeBag, samples: list[Sample]) -> None:
    with mcap_of(make_bag()).open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()], validate_crcs=True)
        decoded = [(each.channel.topic, each.decoded_message) for each in reader.iter_decoded_messages()]
    assert len(decoded) == len(samples)
    joints = [message for topic, message in decoded if topic == "/joint_states"]
    assert sorted(message.position[0] for message in joints) == [float(at) for at in range(600)]
    assert {len(message.data) - 40_000 for topic, message in decoded if topic == "/head"} == set(range(0, 600, 20))


def test_rosbags_deserialises_every_message_from_the_embedded_definitions(make_bag: MakeBag) -> None:
    bag = make_bag()
    with Reader(bag.directory) as reader:
        typestore = get_typestore(Stores.EMPTY)
        for connection in reader.connections:
            typestore.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
            assert connection.digest == typestore.hash_rihs01(connection.msgtype)
        counts = dict.fromkeys((connection.topic for connection in reader.connections), 0)
        for connection, _, data in reader.messages():
            message = typestore.deserialize_cdr(data, connection.msgtype)
            assert message.header.frame_id == "base"  # type: ignore[attr-defined]
            counts[connection.topic] += 1
        assert counts == {"/joint_states": 600, "/head": 30, "/more_joints": 0}
        assert {each.topic: each.msgcount for each in reader.connections} == counts
        assert reader.message_count == 630


def test_rosbags_finds_the_same_qos_in_metadata_and_channels(make_bag: MakeBag) -> None:
    bag = make_bag()
    with Reader(bag.directory) as by_metadata, Reader(mcap_of(bag)) as by_channels:
        first = {each.topic: each.ext.offered_qos_profiles for each in by_metadata.connections}  # type: ignore[union-attr]
        second = {each.topic: each.ext.offered_qos_profiles for each in by_channels.connections}  # type: ignore[union-attr]
        assert first == second
        assert [len(first[topic]) for topic in ("/joint_states", "/head", "/more_joints")] == [2, 1, 0]


def test_metadata_file_and_last_metadata_record_agree(make_bag: MakeBag, samples: list[Sample]) -> None:
    bag = make_bag()
    content = yaml.safe_load((bag.directory / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    with mcap_of(bag).open("rb") as file:
        records = [record for record in make_reader(file).iter_metadata() if record.name == "rosbag2"]
    bodies = [yaml.safe_load(record.metadata["serialized_metadata"]) for record in records]
    assert bodies[0]["message_count"] == 0
    assert bodies[-1] == content
    first, last = min(s.log_ns for s in samples), max(s.log_ns for s in samples)
    assert content["starting_time"]["nanoseconds_since_epoch"] == first
    assert content["duration"]["nanoseconds"] == last - first
    assert content["files"] == [
        {
            "path": "bag_0.mcap",
            "starting_time": content["starting_time"],
            "duration": content["duration"],
            "message_count": 630,
        }
    ]
    assert content["custom_data"] == {"episode": "bag", "empty": "", "number": "7"}
    assert content["ros_distro"] == "kilted"


def test_summary_of_a_sealed_bag_is_what_was_written(make_bag: MakeBag, samples: list[Sample]) -> None:
    bag = make_bag()
    assert bag.message_counts == {JOINTS: 600, CAMERA: 30, UNHEARD: 0}
    assert bag.message_count == 630
    assert bag.starting_time_ns == min(sample.log_ns for sample in samples)
    assert bag.size_bytes == mcap_of(bag).stat().st_size
    assert bag.longest_sync_ns > 0


def test_an_empty_bag_is_one_for_other_readers_too(make_bag: MakeBag) -> None:
    bag = make_bag(of=[])
    with Reader(bag.directory) as reader:
        assert reader.message_count == 0
        assert len(reader.connections) == 3
        assert list(reader.messages()) == []
    assert (bag.starting_time_ns, bag.duration_ns) == (None, 0)
    content = yaml.safe_load((bag.directory / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert content["starting_time"]["nanoseconds_since_epoch"] == 2**63 - 1


def test_statistics_and_chunk_indexes_find_messages_by_topic_and_time(make_bag: MakeBag, samples: list[Sample]) -> None:
    with mcap_of(make_bag()).open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        assert summary.statistics.channel_message_counts == {JOINTS: 600, CAMERA: 30, UNHEARD: 0}
        assert summary.statistics.chunk_count == len(summary.chunk_indexes) > 5
        start_ns, end_ns = samples[100].log_ns, samples[400].log_ns
        found = reader.iter_messages(topics=["/head"], starting_at=start_ns, ending_before=end_ns)
        assert [stored(message) for _, _, message in found] == [
            expected(s) for s in samples if s.channel_id == CAMERA and start_ns <= s.log_ns < end_ns
        ]


def test_message_index_offsets_point_at_the_message_records(make_bag: MakeBag) -> None:
    path = mcap_of(make_bag())
    content = path.read_bytes()
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    seen = 0
    for chunk in summary.chunk_indexes:
        records_at = chunk.chunk_start_offset + 49
        assert min(chunk.message_index_offsets.values()) == chunk.chunk_start_offset + chunk.chunk_length
        for channel_id, offset in chunk.message_index_offsets.items():
            assert content[offset] == 0x07
            size = int.from_bytes(content[offset + 11 : offset + 15], "little")
            entries = np.frombuffer(content, "<u8", size // 8, offset + 15).reshape(-1, 2).tolist()
            for log_ns, at in entries:
                record = content[records_at + at :][:23]
                assert record[0] == 0x05
                assert int.from_bytes(record[9:11], "little") == channel_id
                assert int.from_bytes(record[15:23], "little") == log_ns
                seen += 1
    assert seen == 630


def test_topics_of_one_type_share_a_schema(make_bag: MakeBag) -> None:
    with mcap_of(make_bag()).open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    assert sorted(schema.name for schema in summary.schemas.values()) == [
        "sensor_msgs/msg/CompressedImage",
        "sensor_msgs/msg/JointState",
    ]
    assert summary.channels[JOINTS].schema_id == summary.channels[UNHEARD].schema_id


def test_a_topic_may_join_while_messages_are_written(
    tmp_path: Path, topics: tuple[BagTopic, ...], samples: list[Sample]
) -> None:
    bag = BagWriter(tmp_path / "bag", ros_distro="jazzy")
    bag.add_topic(topics[0])
    joints = [sample for sample in samples if sample.channel_id == JOINTS]
    pictures = [sample for sample in samples if sample.channel_id == CAMERA]
    bag.write(joints)
    bag.add_topic(topics[1])
    bag.write(pictures)
    sealed = bag.seal(custom_data={})
    with Reader(sealed.directory) as reader:
        assert [data for _, _, data in reader.messages()] == [
            s.data for s in sorted(samples, key=lambda sample: sample.log_ns)
        ]


def test_extra_metadata_records_are_kept(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path / "bag", ros_distro="kilted")
    bag.add_metadata("foxglove", {"deviceName": "g1 Nr. 7, größer"})
    sealed = bag.seal(custom_data={})
    with mcap_of(sealed).open("rb") as file:
        records = list(make_reader(file).iter_metadata())
    assert Metadata("foxglove", {"deviceName": "g1 Nr. 7, größer"}) in records
    assert "custom_data: ~\n" in (sealed.directory / "metadata.yaml").read_text()


def test_nothing_is_overwritten(make_bag: MakeBag, tmp_path: Path) -> None:
    make_bag()
    with pytest.raises(BagWriteError, match="bag exists already"):
        BagWriter(tmp_path / "bag", ros_distro="kilted")
    (tmp_path / "other.unfinished").mkdir()
    with pytest.raises(BagWriteError, match=r"other\.unfinished exists already"):
        BagWriter(tmp_path / "other", ros_distro="kilted")


def test_a_bag_whose_name_was_taken_meanwhile_stays_unfinished(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path / "bag", ros_distro="kilted")
    (tmp_path / "bag").mkdir()
    with pytest.raises(BagWriteError, match="exists already"):
        bag.seal(custom_data={})
    assert (tmp_path / "bag.unfinished" / "metadata.yaml").exists()


def test_a_missing_parent_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(BagWriteError, match=r"nowhere/bag\.unfinished: No such file"):
        BagWriter(tmp_path / "nowhere" / "bag", ros_distro="kilted")


def test_an_abandoned_bag_keeps_its_complete_chunks_and_releases_its_file(
    tmp_path: Path, topics: tuple[BagTopic, ...], samples: list[Sample]
) -> None:
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    bag = BagWriter(tmp_path / "bag", options=BagOptions(chunk_bytes=100_000), ros_distro="kilted")
    for topic in topics:
        bag.add_topic(topic)
    bag.write(samples)
    counts = bag.message_counts
    size = bag.bytes_written
    bag.abandon()
    bag.abandon()
    assert len(list(Path("/proc/self/fd").iterdir())) == open_files
    path = tmp_path / "bag.unfinished" / "bag_0.mcap"
    assert path.stat().st_size == size
    read: list[McapRecord] = []
    with path.open("rb") as file, pytest.raises(EndOfFile):
        read.extend(StreamReader(file, validate_crcs=True).records)
    assert [stored(each) for each in read if isinstance(each, Message)] == [
        expected(each) for each in samples[: sum(counts.values())]
    ]
    with pytest.raises(BagWriteError, match="closed"):
        bag.write(samples)
    assert 0 < sum(counts.values()) < len(samples)


@pytest.mark.parametrize("channel_id", [0, 65536, -1])
def test_channel_ids_out_of_range_are_refused(tmp_path: Path, channel_id: int) -> None:
    bag = BagWriter(tmp_path / "bag", ros_distro="kilted")
    with pytest.raises(ValueError, match="is not in"):
        bag.add_topic(BagTopic(channel_id, "/a", "a/msg/B", "", "", ()))
    bag.abandon()


def test_a_channel_id_is_given_once(tmp_path: Path, topics: tuple[BagTopic, ...]) -> None:
    bag = BagWriter(tmp_path / "bag", ros_distro="kilted")
    bag.add_topic(topics[0])
    with pytest.raises(ValueError, match="is taken"):
        bag.add_topic(topics[0])
    bag.abandon()


def test_a_topic_without_definition_gets_a_schema_without_encoding(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path / "bag", ros_distro="kilted")
    bag.add_topic(BagTopic(1, "/a", "a/msg/B", "", "", ()))
    bag.write([Sample(1, b"\x00\x01\x00\x00x", 5, -5, None, 0)])
    sealed = bag.seal(custom_data={})
    with Reader(sealed.directory) as reader:
        assert [(each.msgtype, data) for each, _, data in reader.messages()] == [("a/msg/B", b"\x00\x01\x00\x00x")]


@given(
    batches=st.lists(
        st.lists(
            st.builds(
                Sample,
                channel_id=st.sampled_from([JOINTS, CAMERA, UNHEARD]),
                data=st.one_of(st.binary(max_size=60), st.sampled_from([b"x" * 32_746, b"y" * 32_747, b"z" * 90_001])),
                log_ns=st.integers(0, 2**63 - 1),
                publish_ns=st.integers(0, 2**63 - 1),
                stamp_ns=st.none(),
                sequence=st.integers(0, 2**63 - 1),
            ),
            max_size=30,
        ),
        max_size=6,
    ),
    chunk_bytes=st.sampled_from([1, 100, 5_000, 100_000]),
)
@settings(deadline=None)
def test_whatever_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Sample]], chunk_bytes: int
) -> None:
    directory = tmp_path_factory.mktemp("bags") / "bag"
    bag = BagWriter(directory, options=BagOptions(chunk_bytes=chunk_bytes), ros_distro="kilted")
    for channel_id in (JOINTS, CAMERA, UNHEARD):
        bag.add_topic(BagTopic(channel_id, f"/t{channel_id}", "std_msgs/msg/String", "string data", "", ()))
    for batch in batches:
        bag.write(batch)
    sealed = bag.seal(custom_data={})
    written = [expected(sample) for batch in batches for sample in batch]
    with mcap_of(sealed).open("rb") as file:
        records = list(StreamReader(file, validate_crcs=True).records)
        assert [stored(record) for record in records if isinstance(record, Message)] == written
        file.seek(0)
        indexed = make_reader(file, validate_crcs=True).iter_messages(topics=[f"/t{JOINTS}"])
        assert sorted(stored(message) for _, _, message in indexed) == sorted(w for w in written if w[0] == JOINTS)
    assert sealed.message_count == len(written)
    if written:
        assert sealed.duration_ns == max(w[2] for w in written) - min(w[2] for w in written)


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(deadline=None)
def test_every_flipped_bit_inside_a_chunk_is_detected(
    tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    directory = tmp_path_factory.mktemp("bags") / "bag"
    bag = BagWriter(directory, ros_distro="kilted")
    bag.add_topic(BagTopic(1, "/a", "std_msgs/msg/String", "string data", "", ()))
    bag.write([Sample(1, bytes([at]) * at, 1000 + at, 900, None, at) for at in range(40)])
    path = mcap_of(bag.seal(custom_data={}))
    with path.open("rb") as file:
        summary = make_reader(file).get_summary()
    assert summary is not None
    (chunk,) = summary.chunk_indexes
    content = bytearray(path.read_bytes())
    records_at = chunk.chunk_start_offset + chunk.chunk_length - chunk.uncompressed_size
    content[records_at + int(where * chunk.uncompressed_size)] ^= 1 << bit
    path.write_bytes(content)
    with path.open("rb") as file, pytest.raises(CRCValidationError):
        list(make_reader(file, validate_crcs=True).iter_messages())
