"""A bag as blocks: the same messages, however the file is laid out."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from mcap.writer import CompressionType, IndexType, Writer

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_blocks import BagBlocks
from humanoid_recorder.storage.bag_reader import BagReader

MakeBag = Callable[..., object]
Row = tuple[str, int, int, bytes]


def rows_of(path: Path) -> list[Row]:
    with BagBlocks(path) as bag:
        return [
            (bag.topics[message.topic][0].topic, message.log_ns, message.publish_ns, message.data)
            for block in bag.blocks
            for message in bag.read(block)
        ]


def read_plainly(path: Path) -> list[Row]:
    return [(m.topic, m.log_ns, m.publish_ns, m.data) for m in BagReader(path).messages()]


def test_the_blocks_of_a_bag_hold_its_messages_and_say_what_is_in_them(make_bag: MakeBag, tmp_path: Path) -> None:
    make_bag()
    assert rows_of(tmp_path / "bag") == read_plainly(tmp_path / "bag")
    with BagBlocks(tmp_path / "bag") as bag:
        assert len(bag.blocks) > 3
        for block in bag.blocks:
            messages = bag.read(block)
            times = [message.log_ns for message in messages]
            assert (block.first_ns, block.last_ns) == (min(times), max(times))
            assert block.topics == {message.topic for message in messages}
            assert bag.count_in_index(block) == {t: [m.topic for m in messages].count(t) for t in block.topics}
        assert bag.message_counts() == {"/joint_states": 600, "/head": 30, "/more_joints": 0}


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("chunks", [True, False])
@pytest.mark.parametrize("compression", [CompressionType.NONE, CompressionType.LZ4, CompressionType.ZSTD])
def test_other_layouts_give_the_same(
    samples: Sequence[Sample], tmp_path: Path, *, index: bool, chunks: bool, compression: CompressionType
) -> None:
    path = tmp_path / "other.mcap"
    with path.open("wb") as file:
        writer = Writer(
            file,
            chunk_size=50_000,
            compression=compression,
            index_types=IndexType.ALL if index else IndexType.NONE,
            repeat_channels=index,
            repeat_schemas=index,
            use_chunking=chunks,
            use_statistics=index,
            use_summary_offsets=index,
        )
        writer.start(profile="ros2")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data\n")
        channels = {sample.channel_id: 0 for sample in samples}
        for channel_id in channels:
            channels[channel_id] = writer.register_channel(f"/t{channel_id}", "cdr", schema)
        for sample in samples:
            writer.add_message(channels[sample.channel_id], sample.log_ns, sample.data, sample.publish_ns)
        writer.finish()  # type: ignore[no-untyped-call]
    assert rows_of(path) == [(f"/t{s.channel_id}", s.log_ns, s.publish_ns, s.data) for s in samples]
    with BagBlocks(path) as bag:
        assert len(bag.blocks) > 10 or not chunks


def test_a_damaged_block_is_told_and_costs_no_other(make_bag: MakeBag, tmp_path: Path) -> None:
    make_bag()
    (file,) = (tmp_path / "bag").glob("*.mcap")
    with BagBlocks(tmp_path / "bag") as bag:
        whole = [bag.read(block) for block in bag.blocks]
        at = bag.blocks[1].end - 10
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    with BagBlocks(tmp_path / "bag") as bag:
        with pytest.raises(BagReadError, match=r"damaged at byte \d+: a checksum does not match"):
            bag.read(bag.blocks[1])
        assert [bag.read(block) for number, block in enumerate(bag.blocks) if number != 1] == whole[:1] + whole[2:]
        assert sum((bag.count_in_index(bag.blocks[1]) or {}).values()) == len(whole[1])


def test_a_file_without_an_index_that_is_damaged_says_how_to_recover_it(
    samples: Sequence[Sample], tmp_path: Path
) -> None:
    path = tmp_path / "loose.mcap"
    with path.open("wb") as file:
        writer = Writer(file, use_chunking=False)
        writer.start(profile="ros2")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data\n")
        channel = writer.register_channel("/t", "cdr", schema)
        for sample in samples[:20]:
            writer.add_message(channel, sample.log_ns, sample.data, sample.publish_ns)
        writer.finish()  # type: ignore[no-untyped-call]
    data = bytearray(path.read_bytes())
    at = data.index(samples[9].data) - 31  # its record's head
    data[at + 1 : at + 9] = (2**40).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(BagReadError, match="it has no index") as error, BagBlocks(path):
        pass
    assert "humanoid-recorder recover" in error.value.remedy


def test_a_message_of_no_channel_is_damage_where_no_index_tells_what_follows(
    samples: Sequence[Sample], tmp_path: Path
) -> None:
    path = tmp_path / "other.mcap"
    with path.open("wb") as file:
        writer = Writer(file, use_chunking=False, index_types=IndexType.NONE)
        writer.start("ros2", "a test")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data\n")
        channel = writer.register_channel("/text", "cdr", schema)
        for number in (channel, channel + 7):
            writer.add_message(number, 1, b"\0\1\0\0", 1)
        writer.finish()  # type: ignore[no-untyped-call]
    with pytest.raises(BagReadError, match="is damaged at byte"), BagBlocks(path):
        pass
