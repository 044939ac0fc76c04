"""Times of messages, peeked out of bags of ours and of others."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.alignment.rules import NO_TIME
from humanoid_recorder.core.alignment.times import TimeReader, TimeSource, time_reader
from humanoid_recorder.core.cdr import peek_header_stamp_ns
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.bag_times import read_times

if TYPE_CHECKING:
    from test.unit.storage.conftest import MakeBag

JOINTS, CAMERA = 1, 2


def by_stamp(_definition: str) -> TimeReader:
    return time_reader(TimeSource.STAMP, peek_header_stamp_ns)


def by_publish(_definition: str) -> TimeReader:
    return time_reader(TimeSource.PUBLISH, None)


def test_times_come_in_the_order_of_acceptance(make_bag: "MakeBag", samples: Sequence[Sample]) -> None:
    times = read_times(BagReader(make_bag().directory), {"/joint_states": by_stamp, "/head": by_publish})
    joints = [sample for sample in samples if sample.channel_id == JOINTS]
    pictures = [sample for sample in samples if sample.channel_id == CAMERA]
    assert times["/joint_states"].logs_ns.tolist() == [sample.log_ns for sample in joints]
    assert times["/joint_states"].times_ns.tolist() == [sample.stamp_ns for sample in joints]
    assert times["/head"].times_ns.tolist() == [sample.publish_ns for sample in pictures]


def test_a_topic_that_was_never_heard_has_no_times(make_bag: "MakeBag") -> None:
    times = read_times(BagReader(make_bag().directory), {"/more_joints": by_stamp, "/nowhere": by_stamp})
    assert {topic: len(found.times_ns) for topic, found in times.items()} == {"/more_joints": 0, "/nowhere": 0}


def test_the_reader_of_a_topic_is_chosen_by_its_definition(make_bag: "MakeBag") -> None:
    seen = []

    def remember(definition: str) -> TimeReader:
        seen.append(definition)
        return by_stamp(definition)

    read_times(BagReader(make_bag().directory), {"/head": remember})
    (definition,) = seen
    assert definition.startswith("std_msgs/Header header")


def test_a_message_without_a_time_keeps_its_place(make_bag: "MakeBag", samples: Sequence[Sample]) -> None:
    some = [sample for sample in samples if sample.channel_id == JOINTS][:3]
    some[1] = some[1]._replace(data=some[1].data[:4] + bytes(8) + some[1].data[12:], publish_ns=-5)
    reader = BagReader(make_bag(of=some).directory)
    stamps = read_times(reader, {"/joint_states": by_stamp})["/joint_states"].times_ns.tolist()
    assert stamps == [some[0].stamp_ns, NO_TIME, some[2].stamp_ns]
    sent = read_times(reader, {"/joint_states": by_publish})["/joint_states"].times_ns.tolist()
    assert sent == [some[0].publish_ns, NO_TIME, some[2].publish_ns]


def test_progress_counts_up_to_the_number_of_messages(
    make_bag: "MakeBag", samples: Sequence[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("humanoid_recorder.storage.bag_times._MESSAGES_PER_REPORT", 100)
    calls: list[tuple[int, int]] = []
    read_times(
        BagReader(make_bag().directory), {"/joint_states": by_stamp}, on_progress=lambda *call: calls.append(call)
    )
    assert calls == [(done, 600) for done in range(100, 601, 100)]


def test_a_damaged_bag_is_refused(make_bag: "MakeBag") -> None:
    (file,) = (path for path in Path(make_bag().directory).glob("*.mcap"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(BagReadError, match="damaged"):
        read_times(BagReader(file), {"/joint_states": by_stamp, "/head": by_stamp})
