import threading
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from humanoid_recorder.core import queue as queue_module
from humanoid_recorder.core.queue import SampleQueue
from humanoid_recorder.core.samples import MESSAGE_OVERHEAD_BYTES, Sample

Item = Sample | Callable[[], None]

IMAGES, JOINTS = 2, 1


@pytest.fixture(autouse=True)
def _only_payloads_count(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make sizes easy to read; the one test that is about them says so."""
    if "overhead" not in request.node.name:
        monkeypatch.setattr(queue_module, "MESSAGE_OVERHEAD_BYTES", 0)


def sample(channel_id: int, size: int, number: int = 0) -> Sample:
    return Sample(channel_id, bytes(size), number, number, None, number)


def take_all(queue: SampleQueue) -> list[Item]:
    items = queue.take(enough_bytes=0, max_wait_s=0)
    assert items is not None
    return items


def make(max_bytes: int) -> tuple[SampleQueue, list[Sample]]:
    dropped: list[Sample] = []
    queue = SampleQueue(max_bytes=max_bytes, on_drop=dropped.append)
    queue.set_bulk_channels([IMAGES])
    return queue, dropped


puts = st.lists(st.tuples(st.sampled_from([JOINTS, IMAGES]), st.integers(0, 60)), max_size=6)
operations = st.lists(st.one_of(puts, st.sampled_from(["marker", "take"])), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(max_bytes=st.integers(0, 200), operations=operations)
def test_whatever_goes_in_comes_out_in_order_or_is_dropped(
    max_bytes: int, operations: list[list[tuple[int, int]] | Literal["marker", "take"]]
) -> None:
    queue, dropped = make(max_bytes)
    put: list[Item] = []
    taken: list[Item] = []
    for operation in operations:
        if operation == "take":
            taken += take_all(queue)
        elif operation == "marker":
            put.append(marker := lambda: None)
            queue.put_marker(marker)
        else:
            samples = [sample(channel, size, len(put) + i) for i, (channel, size) in enumerate(operation)]
            put += samples
            queue.put(samples)
        level = queue.level()
        assert level.bytes <= level.high_water_bytes <= max_bytes
        assert level.messages + len(taken) + len(dropped) == len(put)
    taken += take_all(queue)
    gone = {id(item) for item in dropped}
    assert [id(item) for item in taken] == [id(item) for item in put if id(item) not in gone]
    assert len(taken) + len(dropped) == len(put)
    assert queue.level().messages == queue.level().bytes == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.tuples(st.sampled_from([JOINTS, IMAGES]), st.integers(1, 60)), min_size=1, max_size=60))
def test_one_message_at_a_time_images_go_first_and_oldest_first(sizes: list[tuple[int, int]]) -> None:
    queue, dropped = make(100)
    for number, (channel_id, size) in enumerate(sizes):
        held_before = queue.level().bytes
        already = len(dropped)
        queue.put([sample(channel_id, size, number)])
        fresh = dropped[already:]
        kept = [item for item in queue._items if isinstance(item, Sample)]
        if fresh:
            assert held_before + size > 100
        for kind in (IMAGES, JOINTS):
            newest_dropped = max((s.sequence for s in fresh if s.channel_id == kind), default=-1)
            assert all(s.sequence > newest_dropped for s in kept if s.channel_id == kind)
        if any(s.channel_id == JOINTS for s in fresh):
            assert not [s for s in kept if s.channel_id == IMAGES]


def test_an_overflow_frees_a_sixteenth_so_that_the_next_message_finds_room() -> None:
    queue, dropped = make(1600)
    queue.put([sample(JOINTS, 10, number) for number in range(160)])
    queue.put([sample(JOINTS, 10, 160)])
    assert [s.sequence for s in dropped] == list(range(11))
    queue.put([sample(JOINTS, 100, 161)])
    assert len(dropped) == 11
    assert queue.level().bytes == 1600


def test_the_overhead_of_each_message_counts_so_that_many_small_ones_are_bounded_too() -> None:
    queue, dropped = make(100 * (84 + MESSAGE_OVERHEAD_BYTES))
    queue.put([sample(JOINTS, 84, number) for number in range(100)])
    assert (dropped, queue.level().bytes) == ([], 100 * (84 + MESSAGE_OVERHEAD_BYTES))
    queue.put([sample(JOINTS, 84, 100)])
    assert len(dropped) == 8, "one too many, and a sixteenth"
    taken = take_all(queue)
    assert (len(taken), queue.level().bytes) == (93, 0)


def test_a_message_larger_than_the_queue_is_dropped_alone() -> None:
    queue, dropped = make(100)
    queue.put([sample(JOINTS, 40, 1), sample(IMAGES, 40, 2)])
    giant = sample(IMAGES, 101, 3)
    queue.put([giant, sample(JOINTS, 20, 4)])
    assert dropped == [giant]
    assert [item.sequence for item in take_all(queue) if isinstance(item, Sample)] == [1, 2, 4]


def test_markers_are_kept_when_everything_around_them_is_dropped() -> None:
    queue, dropped = make(10)
    calls: list[str] = []
    queue.put([sample(JOINTS, 10, 1)])
    queue.put_marker(lambda: calls.append("first"))
    queue.put([sample(JOINTS, 10, 2)])
    queue.put_marker(lambda: calls.append("second"))
    queue.put([sample(JOINTS, 10, 3)])
    items = take_all(queue)
    assert [s.sequence for s in dropped] == [1, 2]
    assert [item.sequence if isinstance(item, Sample) else "marker" for item in items] == ["marker", "marker", 3]
    for item in items:
        if not isinstance(item, Sample):
            item()
    assert calls == ["first", "second"]


def test_closing_wakes_a_consumer_that_waits_and_lets_it_finish() -> None:
    queue, _ = make(100)
    taken: list[list[Item] | None] = []
    queue.put([sample(JOINTS, 5)])

    def consume() -> None:
        while True:
            taken.append(queue.take(enough_bytes=1000, max_wait_s=600))
            if taken[-1] is None:
                return

    consumer = threading.Thread(target=consume)
    consumer.start()
    queue.close()
    consumer.join(20)
    assert not consumer.is_alive()
    assert [len(items) for items in taken if items is not None] == [1]


def test_a_marker_wakes_a_consumer_that_waits_for_more() -> None:
    queue, _ = make(100)
    woken = threading.Event()

    def consume() -> None:
        queue.take(enough_bytes=1000, max_wait_s=600)
        woken.set()

    consumer = threading.Thread(target=consume)
    consumer.start()
    queue.put_marker(lambda: None)
    assert woken.wait(20)
    consumer.join()


def test_two_threads_leave_nothing_unaccounted() -> None:
    queue, dropped = make(2_000)
    taken: list[Sample] = []
    total, batch = 20_000, 7

    def consume() -> None:
        while (items := queue.take(enough_bytes=500, max_wait_s=0.001)) is not None:
            taken.extend(item for item in items if isinstance(item, Sample))

    consumer = threading.Thread(target=consume)
    consumer.start()
    for first in range(0, total, batch):
        numbers = range(first, min(first + batch, total))
        queue.put([sample(IMAGES if number % 5 == 0 else JOINTS, number % 90, number) for number in numbers])
    queue.close()
    consumer.join(60)
    assert not consumer.is_alive()
    assert sorted(s.sequence for s in (*taken, *dropped)) == list(range(total))
    assert [s.sequence for s in taken] == sorted(s.sequence for s in taken)


def test_a_long_queue_is_taken_in_parts_so_that_memory_stays_bounded() -> None:
    queue, dropped = make(2**30)
    done: list[str] = []
    put: list[Item] = []
    for number in range(40):
        put.append(sample(IMAGES, 2**20, number))
        queue.put([sample(IMAGES, 2**20, number)])
    queue.put_marker(lambda: done.append("sealed"))
    first, second, third = take_all(queue), take_all(queue), take_all(queue)
    assert [len(part) for part in (first, second, third)] == [16, 16, 9]
    assert [*first, *second, *third[:-1]] == put
    assert callable(third[-1])
    assert (queue.level().messages, queue.level().bytes, dropped) == (0, 0, [])


def test_nothing_is_taken_before_there_is_enough_or_the_wait_is_over() -> None:
    queue, _ = make(100)
    assert queue.take(enough_bytes=10, max_wait_s=0) == []
    queue.put([sample(JOINTS, 4, 1)])
    items = queue.take(enough_bytes=10, max_wait_s=0)
    assert items is not None
    assert [item.sequence for item in items if isinstance(item, Sample)] == [1]
