"""A disk that does not answer keeps nobody waiting but the writer, and costs no more memory than the queue may have."""

import os
import threading
import tracemalloc
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.labels import End
from humanoid_recorder.core.streams import StreamKind

if TYPE_CHECKING:
    from test.unit.recording.conftest import MakeChannel, MakeRig

JOINTS, CAMERA = 3, 4
QUEUE_BYTES = 1_000_000
PICTURE_BYTES = 20_000
WAIT_S = 30.0


class StuckDisk:
    """``os.fdatasync`` that does not return while the disk is stuck."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.is_waited_for = threading.Event()
        self._fdatasync = os.fdatasync

    def fdatasync(self, fd: int) -> None:
        if not self.answers.is_set():
            self.is_waited_for.set()
            assert self.answers.wait(WAIT_S)
        self._fdatasync(fd)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[StuckDisk]:
    stuck = StuckDisk()
    monkeypatch.setattr(os, "fdatasync", stuck.fdatasync)
    yield stuck
    stuck.answers.set()


def test_a_disk_that_does_not_answer_stops_the_writer_and_nothing_else(
    make_rig: "MakeRig", make_channel: "MakeChannel", disk: StuckDisk
) -> None:
    rig = make_rig(queue_max_bytes=QUEUE_BYTES)
    rig.subscribe(make_channel(JOINTS, "joints"), make_channel(CAMERA, "head", kind=StreamKind.CAMERA))
    episode = rig.recorder.start()
    rig.wait_for((episode.bag.unfinished_directory / "episode.json").exists)
    disk.answers.clear()
    rig.deliver(JOINTS, b"before")
    assert disk.is_waited_for.wait(WAIT_S)

    tracemalloc.start()
    try:
        for at in range(2_000):
            rig.deliver(JOINTS, at.to_bytes(4, "little"))
            rig.deliver(CAMERA, bytes(PICTURE_BYTES))
        held_bytes, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert episode.bag.message_counts.get(JOINTS, 0) == 0, "the disk answered"
    assert rig.recorder.live() is episode
    assert rig.recorder.queue_level().high_water_bytes <= QUEUE_BYTES
    assert held_bytes <= most_bytes < 5 * QUEUE_BYTES < 2_000 * PICTURE_BYTES

    rig.recorder.stop()
    disk.answers.set()
    rig.wait_until_sealed()
    file = rig.file(episode.id)
    assert file.stop is not None
    assert file.stop.end is End.STOPPED
    joints, head = file.ledger["joints"], file.ledger["head"]
    assert (joints.received, joints.written, joints.dropped) == (2_001, 2_001, 0)
    assert head.received == 2_000 == head.written + head.dropped
    assert 0 < head.written < QUEUE_BYTES / PICTURE_BYTES + 1
    assert rig.data(episode.id, "/joints")[1:] == [at.to_bytes(4, "little") for at in range(2_000)]
    assert len(rig.data(episode.id, "/head")) == head.written
