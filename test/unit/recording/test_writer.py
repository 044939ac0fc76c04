import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from humanoid_recorder.core.errors import BagWriteError
from humanoid_recorder.core.labels import Labels
from humanoid_recorder.core.queue import SampleQueue
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.recording.live_episode import LiveEpisode
from humanoid_recorder.recording.writer import WriterThread
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter

MakeEpisode = Callable[[str], LiveEpisode]


class Desk:
    """A writer thread with its queue, and the faults it reports."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []
        self.queue = SampleQueue(max_bytes=2**20, on_drop=lambda _sample: None)
        self.writer = WriterThread(
            self.queue,
            on_fault=lambda episode, error: self.faults.append((episode.id if episode else "", str(error))),
            delivered_until_ns=lambda: 0,
            on_turn=lambda: None,
        )
        self.writer.start()

    def begin(self, episode: LiveEpisode) -> None:
        self.queue.put_marker(lambda: self.writer.select(episode))

    def put(self, *data: bytes) -> None:
        self.queue.put([Sample(1, each, 1, 1, None, 1) for each in data])

    def end(self, episode: LiveEpisode) -> None:
        def seal() -> None:
            episode.bag.seal(custom_data={})
            self.writer.release(episode)

        self.queue.put_marker(seal)

    def finish(self) -> bool:
        self.queue.close()
        return self.writer.join(30)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    assert made.finish()


@pytest.fixture
def make_episode(tmp_path: Path) -> MakeEpisode:
    def make(name: str) -> LiveEpisode:
        bag = BagWriter(tmp_path / name, ros_distro="kilted")
        bag.add_topic(BagTopic(1, "/t", "std_msgs/msg/String", "string data\n", "", ()))
        return LiveEpisode(id=name, start_ns=0, labels=Labels(), bag=bag, events_topic="/recorder/events")

    return make


def test_each_episode_gets_what_stands_between_its_markers(desk: Desk, make_episode: MakeEpisode) -> None:
    first, second = make_episode("first"), make_episode("second")
    desk.begin(first)
    desk.put(b"1", b"2")
    desk.end(first)
    desk.begin(second)
    desk.put(b"3")
    desk.end(second)
    assert desk.finish()
    assert (first.bag.message_counts, second.bag.message_counts) == ({1: 2}, {1: 1})
    assert desk.faults == []


def test_a_bag_that_fails_is_reported_once_and_the_next_is_written(
    desk: Desk, make_episode: MakeEpisode, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = make_episode("broken"), make_episode("sound")
    write = BagWriter.write

    def fail(bag: BagWriter, samples: list[Sample]) -> None:
        if bag is broken.bag and samples:
            raise BagWriteError(f"write of {samples[0].data!r} failed")
        write(bag, samples)

    monkeypatch.setattr(BagWriter, "write", fail)
    desk.begin(broken)
    for data in (b"1", b"2", b"3"):
        desk.put(data)
        desk.queue.put_marker(lambda: None)
    desk.end(broken)
    desk.begin(sound)
    desk.put(b"4")
    desk.end(sound)
    assert desk.finish()
    assert desk.faults == [("broken", "write of b'1' failed")]
    assert sound.bag.message_counts == {1: 1}


def test_what_waits_is_written_when_it_is_old_enough_though_nothing_follows(
    desk: Desk, make_episode: MakeEpisode
) -> None:
    episode = make_episode("slow")
    desk.begin(episode)
    desk.put(b"1")
    deadline_s = time.monotonic() + 30
    while not episode.bag.message_counts.get(1):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    assert episode.bag.message_counts == {1: 1}
    desk.end(episode)


def test_joining_a_writer_that_is_still_at_work_says_so(desk: Desk) -> None:
    assert not desk.writer.join(0)
