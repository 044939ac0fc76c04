"""Aligned frames in the bag: written as messages go to the disk, and the same afterwards from the bag alone."""

import struct
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from humanoid_recorder.core import queue as queue_module
from humanoid_recorder.core.alignment.frame_message import decode_frame
from humanoid_recorder.core.alignment.frames import STATUS, Frame
from humanoid_recorder.core.alignment.offline import StreamTimes, align
from humanoid_recorder.core.alignment.rules import Method, ReferenceClock, Status, StreamRule
from humanoid_recorder.core.alignment.times import TimeSource
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.core.streams import FieldStamp, StampSource, Stream, StreamKind
from humanoid_recorder.recording import writer as writer_module
from humanoid_recorder.recording.channels import FRAMES_CHANNEL_ID
from humanoid_recorder.recording.frame_writer import FrameWriter
from humanoid_recorder.spec.alignment_plan import AlignedStream, AlignmentPlan
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.bag_writer import BagWriter
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.unit.recording.conftest import MakeChannel, MakeRig, Rig

JOINTS, CAMERA = 3, 4
FRAMES = "/g1/recorder/frames"
STAMP = FieldStamp(4, "int64", "ns")
MS = 1_000_000


def aligned(name: str, method: Method, tolerance_ns: int) -> AlignedStream:
    stream = Stream(name, f"/{name}", "std_msgs/msg/String", kind=StreamKind.OTHER, stamp=STAMP)
    return AlignedStream(stream, StreamRule(name, method, tolerance_ns), TimeSource.STAMP, is_declared=True)


PLAN = AlignmentPlan(
    (aligned("joints", Method.INTERPOLATE, 30 * MS), aligned("head", Method.LATEST, 30 * MS)),
    ReferenceClock(1),
    hold_off_ns=MS // 5,
)


def stamped(stamp_ns: int) -> bytes:
    return b"\0\1\0\0" + struct.pack("<q", stamp_ns)


@pytest.fixture
def make_aligning_rig(make_rig: "MakeRig", make_channel: "MakeChannel") -> "Callable[[], Rig]":
    def make() -> "Rig":
        rig = make_rig(alignment=PLAN)
        rig.subscribe(make_channel(JOINTS, "joints", stamp=STAMP), make_channel(CAMERA, "head", stamp=STAMP))
        return rig

    return make


def frames_of(directory: Path) -> list[Frame]:
    return [decode_frame(message.data)[1] for message in BagReader(directory).messages([FRAMES])]


def frames_again(directory: Path) -> list[Frame]:
    """Align the messages of the bag, knowing nothing but the bag."""
    file = EpisodeFile.read(directory)
    assert file.stop is not None
    columns = []
    for topic in ("/joints", "/head"):
        messages = list(BagReader(directory).messages([topic]))
        times = np.array([struct.unpack_from("<q", message.data, 4)[0] for message in messages], np.int64)
        columns.append(StreamTimes(times, np.array([message.log_ns for message in messages], np.int64)))
    alignment = PLAN.alignment(start_ns=file.start.time_ns)
    table = align(alignment, columns, end_ns=file.stop.time_ns)
    ticks = table.ticks_ns.tolist()
    return [Frame(tick, at, cells) for at, (tick, cells) in enumerate(zip(ticks, table.cells, strict=True))]


def assert_same(one: list[Frame], other: list[Frame]) -> None:
    assert [(frame.tick_ns, frame.index) for frame in one] == [(frame.tick_ns, frame.index) for frame in other]
    for frame, again in zip(one, other, strict=True):
        assert (frame.cells == again.cells).all()


def test_frames_are_in_the_bag_with_their_account_and_their_quality(make_aligning_rig: "Callable[[], Rig]") -> None:
    rig = make_aligning_rig()
    episode = rig.recorder.start()
    start_ns = episode.start_ns
    for at in range(40):
        rig.deliver(JOINTS, stamped(start_ns + at * 5 * MS))
        if at % 8 == 3:
            rig.deliver(CAMERA, stamped(start_ns + at * 5 * MS - 2 * MS))
    rig.recorder.stop()
    rig.wait_until_sealed()
    directory = rig.directory(episode.id)
    frames = frames_of(directory)
    assert len(frames) == 5
    assert all((frame.cells[:, STATUS] == Status.OK).all() for frame in frames)
    assert_same(frames, frames_again(directory))
    file = EpisodeFile.read(directory)
    account = file.ledger[FRAMES]
    assert (account.received, account.written, account.lost, account.tail) == (5, 5, 0, "closed")
    assert file.alignment is not None
    assert (file.alignment.ticks, file.alignment.complete, file.alignment.worst_stream) == (5, 5, "")
    assert file.findings == ()


def test_frames_are_written_while_the_episode_goes_on(make_aligning_rig: "Callable[[], Rig]") -> None:
    rig = make_aligning_rig()
    episode = rig.recorder.start()
    rig.deliver(CAMERA, stamped(episode.start_ns))
    assert episode.frames is not None

    def is_written() -> bool:
        rig.drain()
        return bool(episode.bag.message_counts.get(FRAMES_CHANNEL_ID))

    rig.wait_for(is_written)
    rig.recorder.stop()
    rig.wait_until_sealed()


def test_frames_are_written_behind_a_disk_that_never_catches_up(
    make_aligning_rig: "Callable[[], Rig]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_AVAILABLE_NS", 0)
    monkeypatch.setattr(queue_module, "_MOST_TAKEN_BYTES", 1)
    rig = make_aligning_rig()
    write, waiting_behind_frames = BagWriter.write, []

    def note(bag: BagWriter, samples: list[Sample]) -> None:
        if samples and samples[0].channel_id == FRAMES_CHANNEL_ID:
            waiting_behind_frames.append(rig.recorder.queue_level().messages)
        write(bag, samples)

    monkeypatch.setattr(BagWriter, "write", note)
    start_ns = rig.recorder.start().start_ns
    is_busy, may_go_on = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def keep_busy(turn: int) -> None:
        is_busy[turn].set()
        assert may_go_on[turn].wait(30)

    def deliver(first: int) -> None:
        for at in range(first, first + 20):
            rig.deliver(JOINTS, stamped(start_ns + at * MS))
            rig.deliver(CAMERA, stamped(start_ns + at * MS))
        rig.drain()

    rig.recorder._queue.put_marker(partial(keep_busy, 0))
    assert is_busy[0].wait(30)
    deliver(0)
    rig.recorder._queue.put_marker(partial(keep_busy, 1))
    deliver(20)
    may_go_on[0].set()
    assert is_busy[1].wait(30)
    deliver(40)
    may_go_on[1].set()
    rig.recorder.stop()
    rig.wait_until_sealed()
    assert waiting_behind_frames[0] >= 30, "they waited for an empty queue"


def test_without_a_rule_no_frames_are_made(rig: "Rig") -> None:
    episode = rig.recorder.start()
    assert episode.frames is None
    rig.recorder.stop()
    rig.wait_until_sealed()
    assert rig.file(episode.id).alignment is None


def test_a_stream_without_stamps_falls_back_to_the_time_it_was_sent() -> None:
    stream = Stream("touch", "/touch", "std_msgs/msg/String", stamp=StampSource.NONE)
    undeclared = AlignedStream(stream, StreamRule("touch"), TimeSource.STAMP, is_declared=False)
    assert undeclared.time_source(has_header=False) is TimeSource.PUBLISH
    assert FrameWriter(AlignmentPlan((undeclared,), ReferenceClock(0), 0)).quality().ticks == 0


steps = st.lists(
    st.tuples(
        st.sampled_from(["joints", "head", "receive joints", "receive head", "take", "drain"]), st.integers(-40, 40)
    ),
    max_size=60,
)


@pytest.mark.parametrize("most_taken_bytes", [1, queue_module._MOST_TAKEN_BYTES])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(episodes=st.lists(steps, min_size=1, max_size=3))
def test_frames_written_live_are_those_of_the_bag_whatever_comes_in_whatever_order(
    make_aligning_rig: "Callable[[], Rig]",
    monkeypatch: pytest.MonkeyPatch,
    episodes: list[list[tuple[str, int]]],
    most_taken_bytes: int,
) -> None:
    monkeypatch.setattr(queue_module, "_MOST_TAKEN_BYTES", most_taken_bytes)
    monkeypatch.setattr(writer_module, "_AVAILABLE_NS", MS // 10)  # here nothing comes between receipt and delivery
    rig = make_aligning_rig()
    ids = []
    for schedule in episodes:
        episode = rig.recorder.start()
        ids.append(episode.id)
        for step, stamp_ms in schedule:
            channel_id = JOINTS if step.endswith("joints") else CAMERA
            data = stamped(episode.start_ns + stamp_ms * MS)
            if step == "take":
                rig.take_waiting()
            elif step == "drain":
                rig.drain()
            elif step.startswith("receive"):
                rig.receive(channel_id, data)
            else:
                rig.deliver(channel_id, data)
        rig.recorder.stop()
    assert rig.recorder.close(reason="end", timeout_s=30)
    for episode_id in ids:
        directory = rig.directory(episode_id)
        assert_same(frames_of(directory), frames_again(directory))
        assert not [finding for finding in EpisodeFile.read(directory).findings if finding.check == "frames_late"]
