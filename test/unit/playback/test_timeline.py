"""The order of the messages of a bag, from any position on, and what is kept in memory for it."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.playback.block_cache import BlockCache
from humanoid_recorder.playback.timeline import OrderBy, TimedMessage, Timeline
from humanoid_recorder.storage.bag_blocks import Block, BlockMessage

JOINTS, MAP, CAMERA = 0, 1, 2
START = 1_000_000
Stored = tuple[int, int, int]
"""Topic, log time, publish time."""


class FakeBag:
    """Blocks in memory. The payload of a message is its number in the bag."""

    def __init__(
        self, blocks: Sequence[Sequence[Stored]], *, damaged: Iterable[int] = (), says_topics: bool = True
    ) -> None:
        self.blocks: list[Block] = []
        self.reads: list[int] = []
        self._damaged = set(damaged)
        self._messages: list[list[BlockMessage]] = []
        number = 0
        for offset, stored in enumerate(blocks):
            messages = []
            for topic, log_ns, publish_ns in stored:
                messages.append(BlockMessage(topic, log_ns, publish_ns, b"%d" % number))
                number += 1
            self._messages.append(messages)
            logs = [message.log_ns for message in messages]
            topics = frozenset(message.topic for message in messages) if says_topics else frozenset()
            self.blocks.append(Block(0, offset, offset + 1, min(logs), max(logs), is_chunk=True, topics=topics))

    def read(self, block: Block) -> list[BlockMessage]:
        self.reads.append(block.offset)
        if block.offset in self._damaged:
            raise BagReadError(f"block {block.offset} is damaged")
        return self._messages[block.offset]

    def count_in_index(self, block: Block) -> dict[int, int] | None:
        return {JOINTS: len(self._messages[block.offset])}


def timeline(
    bag: FakeBag,
    *,
    by: OrderBy = OrderBy.LOG,
    topics: Iterable[int] = (JOINTS, MAP, CAMERA),
    latched: dict[int, int] | None = None,
    cache_bytes: int = 1_000_000,
) -> Timeline:
    cache = BlockCache(bag, max_bytes=cache_bytes)
    return Timeline(cache, by=by, topics=list(topics), latched=latched or {})


def numbers(messages: Iterable[TimedMessage]) -> list[int]:
    return [int(message.data) for message in messages]


def joints(*log_ns: int) -> list[Stored]:
    return [(JOINTS, START + at, START + at) for at in log_ns]


STORED = st.lists(
    st.lists(
        st.tuples(st.sampled_from([JOINTS, CAMERA]), st.integers(START, START + 60), st.integers(START, START + 60)),
        min_size=1,
        max_size=12,
    ),
    min_size=1,
    max_size=8,
)


@given(STORED, st.sampled_from(OrderBy), st.sampled_from([1, 4, 1_000_000]), st.integers(0, 70), st.booleans())
def test_the_order_is_exact_from_any_position_whatever_the_blocks_and_however_little_is_kept(
    stored: list[list[Stored]], by: OrderBy, cache_bytes: int, position: int, says_topics: bool
) -> None:
    bag = FakeBag(stored, says_topics=says_topics)
    found = timeline(bag, by=by, cache_bytes=cache_bytes)
    time_at = 1 if by is OrderBy.LOG else 2
    flat = [message for block in stored for message in block]
    ordered = sorted(range(len(flat)), key=lambda number: (flat[number][time_at], number))
    begin = flat[ordered[0]][time_at]
    assert found.begin_ns == begin
    assert found.duration_ns == flat[ordered[-1]][time_at] - begin
    expected = [number for number in ordered if flat[number][time_at] >= begin + position]
    played = list(found.messages(position))
    assert numbers(played) == expected
    assert [m.position_ns for m in played] == [flat[number][time_at] - begin for number in expected]


def test_blocks_that_do_not_overlap_are_read_once_and_only_when_it_is_their_turn() -> None:
    bag = FakeBag([joints(0, 10), joints(20, 30), joints(40, 50)])
    messages = timeline(bag).messages()
    next(messages)
    assert bag.reads == [0]
    assert len(list(messages)) == 5
    assert bag.reads == [0, 1, 2]


def test_a_seek_reads_only_what_follows() -> None:
    bag = FakeBag([joints(0, 10), joints(20, 30), joints(40, 50)])
    found = timeline(bag)
    bag.reads.clear()
    assert numbers(found.messages(30)) == [3, 4, 5]
    assert bag.reads == [1, 2]


def test_blocks_without_a_wanted_topic_are_not_read() -> None:
    bag = FakeBag([joints(0, 10), [(CAMERA, START + 20, 0)], joints(30)])
    found = timeline(bag, topics=[JOINTS])
    assert numbers(found.messages()) == [0, 1, 3]
    assert 1 not in bag.reads


def test_no_more_than_the_bound_is_kept_of_blocks_that_overlap() -> None:
    bag = FakeBag([joints(*range(0, 100, 7)), joints(*range(1, 100, 7)), joints(*range(2, 100, 7))])
    found = timeline(bag, cache_bytes=10)
    assert [m.position_ns for m in found.messages()] == sorted(
        [*range(0, 100, 7), *range(1, 100, 7), *range(2, 100, 7)]
    )
    assert len(bag.reads) > 10  # exact order is paid with reading again, not with memory


def test_the_bag_begins_with_the_first_message_that_is_not_latched() -> None:
    hour = 3_600 * 10**9
    bag = FakeBag([[(MAP, START, START)], [(MAP, START + 5, START), *joints(hour, hour + 10)]])
    found = timeline(bag, latched={MAP: 1})
    assert found.begin_ns == START + hour
    assert found.duration_ns == 10
    assert [(int(m.data), m.position_ns, m.at_once) for m in found.messages()] == [
        (0, 0, True),
        (1, 0, True),
        (2, 0, False),
        (3, 10, False),
    ]


def test_where_everything_is_latched_the_bag_begins_with_its_first_message() -> None:
    bag = FakeBag([[(MAP, START, START)], [(MAP, START + 5, START)]])
    found = timeline(bag, latched={MAP: 1})
    assert [(m.position_ns, m.at_once) for m in found.messages()] == [(0, True), (5, False)]


@pytest.mark.parametrize(("keep", "expected"), [(1, [4]), (2, [2, 4]), (9, [0, 2, 4])])
def test_a_seek_begins_with_the_last_messages_of_latched_topics_from_before(keep: int, expected: list[int]) -> None:
    blocks = [
        [(MAP, START + 1, 0), *joints(0)],
        [(MAP, START + 8, 0), *joints(5)],
        [(MAP, START + 20, 0), *joints(15)],
        [(MAP, START + 40, 0), *joints(30)],
    ]
    played = list(timeline(FakeBag(blocks), latched={MAP: keep}).messages(25))
    early = [message for message in played if message.at_once]
    assert numbers(early) == expected
    assert all(message.position_ns == 25 for message in early)
    assert numbers(played[len(early) :]) == [7, 6]


@given(STORED, st.integers(1, 70), st.integers(1, 3))
def test_the_latched_messages_of_a_position_are_the_last_before_it(
    stored: list[list[Stored]], position: int, keep: int
) -> None:
    found = timeline(FakeBag(stored), latched={CAMERA: keep})
    flat = [message for block in stored for message in block]
    before = [n for n, (topic, log, _) in enumerate(flat) if topic == CAMERA and log < found.begin_ns + position]
    expected = sorted(before, key=lambda n: (flat[n][1], n))[-keep:]
    assert numbers(m for m in found.messages(position) if m.at_once) == expected


def test_a_damaged_block_is_left_out_and_told_once() -> None:
    bag = FakeBag([joints(0, 10), joints(20, 30), joints(40)], damaged=[1])
    cache = BlockCache(bag)
    found = Timeline(cache, by=OrderBy.LOG, topics=[JOINTS], latched={})
    assert numbers(found.messages()) == [0, 1, 4]
    assert numbers(found.messages()) == [0, 1, 4]
    (damage,) = cache.damaged.values()
    assert (damage.first_ns, damage.last_ns, damage.messages) == (START + 20, START + 30, {JOINTS: 2})
    assert "block 1" in damage.reason


def test_a_damaged_first_block_leaves_the_beginning_where_the_index_says_it_is() -> None:
    bag = FakeBag([joints(0, 10), joints(20)], damaged=[0])
    found = timeline(bag)
    assert found.begin_ns == START
    assert [m.position_ns for m in found.messages()] == [20]
