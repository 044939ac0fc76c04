"""What goes wrong ends the episode, says so, loses no account, and leaves the recorder fit for the next one."""

import errno
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.alignment.rules import ReferenceClock, StreamRule
from humanoid_recorder.core.alignment.times import TimeSource
from humanoid_recorder.core.errors import BagWriteError, CommandRefused, RosError, SessionError
from humanoid_recorder.core.labels import End, Outcome
from humanoid_recorder.core.streams import Stream
from humanoid_recorder.recording import sealing
from humanoid_recorder.recording.clock_watch import ClockWatch
from humanoid_recorder.recording.frame_writer import FrameWriter
from humanoid_recorder.spec.alignment_plan import AlignedStream, AlignmentPlan
from humanoid_recorder.storage.bag_writer import BagWriter
from humanoid_recorder.storage.episode_file import EpisodeFile, StopRecord
from humanoid_recorder.storage.layout import SessionFolder, unfinished_path

if TYPE_CHECKING:
    from test.unit.recording.conftest import HeldSeal, MakeChannel, MakeRig, Rig

JOINTS, CAMERA = 3, 4


@pytest.fixture
def disk_full(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While it is set, no MCAP file can be written; other files can."""
    full = threading.Event()
    writev = os.writev

    def maybe(fd: int, buffers: list[bytes]) -> int:
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return writev(fd, buffers)

    monkeypatch.setattr(os, "writev", maybe)
    return full


def stop_of(file: EpisodeFile) -> StopRecord:
    assert file.stop is not None
    return file.stop


def assert_next_episode_works(rig: "Rig") -> None:
    episode = rig.recorder.start()
    assert rig.recorder.fault == ""
    rig.deliver(JOINTS, b"next")
    rig.recorder.judge(Outcome.SUCCESS)
    rig.wait_until_sealed()
    assert rig.data(episode.id, "/joints") == [b"next"]
    assert (rig.file(episode.id).outcome, stop_of(rig.file(episode.id)).end) == (Outcome.SUCCESS, End.STOPPED)


def test_a_disk_that_fills_up_while_recording_ends_the_episode_as_a_fault(
    rig: "Rig", disk_full: threading.Event
) -> None:
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    disk_full.set()
    rig.deliver(CAMERA, bytes(5_000_000))
    rig.wait_for(lambda: rig.recorder.live() is None and not rig.recorder.is_sealing())
    assert "No space left" in rig.recorder.fault
    unfinished = unfinished_path(rig.directory(episode.id))
    assert not rig.directory(episode.id).exists()
    file = EpisodeFile.read(unfinished)
    assert stop_of(file).end is End.FAULT
    assert "No space left" in stop_of(file).detail
    assert [finding.check for finding in file.findings] == ["write_failed"]
    (sealed,) = rig.recorder.sealed.recent(8)
    assert (sealed.directory, sealed.is_whole) == (unfinished, False)
    for name in ("joints", "head"):
        ledger = file.ledger[name]
        assert (ledger.received, ledger.written, ledger.dropped) == (1, 0, 1)
    with pytest.raises(CommandRefused, match="could not be sealed"):
        rig.recorder.discard()
    assert rig.recorder.judge(Outcome.FAILURE) == episode.id
    rig.wait_for(lambda: EpisodeFile.read(unfinished).outcome is Outcome.FAILURE)
    disk_full.clear()
    assert_next_episode_works(rig)


def test_a_disk_that_is_full_only_when_the_episode_is_sealed_leaves_it_unfinished(
    rig: "Rig", disk_full: threading.Event
) -> None:
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    disk_full.set()
    rig.recorder.judge(Outcome.SUCCESS)
    rig.wait_until_sealed()
    file = EpisodeFile.read(unfinished_path(rig.directory(episode.id)))
    assert (stop_of(file).end, file.outcome) == (End.FAULT, Outcome.SUCCESS)
    assert (file.ledger["joints"].written, file.ledger["joints"].dropped) == (0, 1)
    assert "No space left" in rig.recorder.fault
    disk_full.clear()
    assert_next_episode_works(rig)


def test_a_fault_of_the_last_episode_does_not_end_the_one_that_follows_it(rig: "Rig", held_seal: "HeldSeal") -> None:
    first = rig.recorder.start()
    held_seal.error_in[first.bag] = BagWriteError("the disk broke")
    rig.recorder.stop()
    second = rig.recorder.start()
    held_seal.may_go_on.set()
    rig.wait_until_sealed()
    assert rig.recorder.live() is second
    assert rig.recorder.fault == "the disk broke"
    rig.deliver(JOINTS, b"2")
    rig.recorder.stop()
    rig.wait_until_sealed()
    assert rig.data(second.id, "/joints") == [b"2"]


def test_an_episode_whose_folder_is_deleted_ends_as_a_fault_at_once(rig: "Rig") -> None:
    episode = rig.recorder.start()
    rig.wait_for((episode.bag.unfinished_directory / "episode.json").exists)
    shutil.rmtree(episode.bag.unfinished_directory)
    rig.deliver(JOINTS)
    rig.wait_for(lambda: rig.recorder.live() is None)
    rig.wait_until_sealed()
    assert "deleted while it was being recorded" in rig.recorder.fault
    assert rig.recorder.fault.count("Nor can its record be written") <= 1
    assert_next_episode_works(rig)


def test_a_start_on_a_full_disk_is_refused_and_begins_nothing(rig: "Rig", disk_full: threading.Event) -> None:
    disk_full.set()
    with pytest.raises(BagWriteError, match="No space left"):
        rig.recorder.start()
    assert rig.recorder.live() is None
    assert "No space left" in rig.recorder.fault
    assert [path.name for path in rig.folder.path.iterdir()] == [".lock"]
    disk_full.clear()
    assert_next_episode_works(rig)


def test_an_episode_whose_first_record_cannot_be_written_ends_as_a_fault(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    write = EpisodeFile.write
    refusals = [SessionError("episode.json cannot be written")]

    def refuse_once(file: EpisodeFile, directory: os.PathLike[str]) -> None:
        if refusals:
            raise refusals.pop()
        write(file, directory)  # type: ignore[arg-type]

    monkeypatch.setattr(EpisodeFile, "write", refuse_once)
    rig.recorder.start()
    rig.wait_for(lambda: rig.recorder.live() is None)
    rig.wait_until_sealed()
    (sealed,) = rig.recorder.sealed.recent(8)
    assert stop_of(sealed.file).end is End.FAULT
    assert_next_episode_works(rig)


def test_a_disk_that_takes_its_time_at_a_start_keeps_nobody_waiting(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    may_sync = threading.Event()

    def wait_for_the_disk(_fd: int) -> None:
        assert may_sync.wait(30)

    monkeypatch.setattr(os, "fsync", wait_for_the_disk)
    monkeypatch.setattr(os, "fdatasync", wait_for_the_disk)
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    rig.recorder.stop()
    second = rig.recorder.start()
    rig.deliver(JOINTS, b"2")
    may_sync.set()
    rig.recorder.stop()
    rig.wait_until_sealed()
    assert (rig.data(episode.id, "/joints"), rig.data(second.id, "/joints")) == ([b"1"], [b"2"])


@pytest.mark.parametrize("method", ["write", "add_topic"])
def test_a_mistake_of_ours_in_writing_ends_the_episode_as_a_fault(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Such as a KeyError: no reason for the writer to stop writing later episodes, or to count wrongly."""
    mistaken = threading.Event()
    real = getattr(BagWriter, method)

    def mistake(bag: BagWriter, argument: list[object]) -> None:
        if mistaken.is_set() and argument:
            raise KeyError("a mistake")
        real(bag, argument)

    monkeypatch.setattr(BagWriter, method, mistake)
    first_ok = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    rig.wait_for(lambda: first_ok.bag.message_counts.get(JOINTS))
    mistaken.set()
    if method == "add_topic":
        channel = rig.recorder.intake._lines[CAMERA].channel
        first_ok.channels.pop(CAMERA)
        rig.subscribe(channel)
    rig.deliver(JOINTS, b"2")
    rig.wait_for(lambda: rig.recorder.live() is None and not rig.recorder.is_sealing())
    assert "KeyError('a mistake')" in rig.recorder.fault
    file = EpisodeFile.read(unfinished_path(rig.directory(first_ok.id)))
    assert stop_of(file).end is End.FAULT
    joints = file.ledger["joints"]
    assert joints.received == joints.written + joints.dropped
    assert joints.dropped > 0
    mistaken.clear()
    assert_next_episode_works(rig)


@pytest.mark.parametrize("method", ["feed", "advance", "finish", "quality"])
def test_a_mistake_of_ours_in_making_frames_costs_the_frames_and_no_message(
    make_rig: "MakeRig", make_channel: "MakeChannel", monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def mistake(*_: object) -> None:
        raise OverflowError("a mistake")

    monkeypatch.setattr(FrameWriter, method, mistake)
    joints = AlignedStream(Stream("joints", "/joints", ""), StreamRule("joints"), TimeSource.LOG, is_declared=True)
    rig = make_rig(alignment=AlignmentPlan((joints,), ReferenceClock(0), hold_off_ns=0))
    rig.subscribe(make_channel(JOINTS, "joints"))
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    rig.wait_for(lambda: episode.bag.message_counts.get(JOINTS))
    rig.deliver(JOINTS, b"2")
    rig.recorder.stop()
    rig.wait_until_sealed()
    file = rig.file(episode.id)
    assert (stop_of(file).end, rig.recorder.fault) == (End.STOPPED, "")
    assert rig.data(episode.id, "/joints") == [b"1", b"2"]
    assert [finding.check for finding in file.findings] == ["frames_failed"]
    assert "OverflowError('a mistake')" in file.findings[0].message


@pytest.mark.parametrize("method", ["feed", "accounts", "problems"])
def test_a_mistake_of_ours_in_watching_clocks_costs_their_account_and_no_message(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def mistake(*_: object, **__: object) -> None:
        raise OverflowError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(ClockWatch, method, mistake)
        episode = rig.recorder.start()
        rig.deliver(JOINTS, b"1")
        rig.recorder.stop()
        rig.wait_until_sealed()
    file = rig.file(episode.id)
    assert (stop_of(file).end, rig.recorder.fault, file.clocks) == (End.STOPPED, "", {})
    assert rig.data(episode.id, "/joints") == [b"1"]
    assert [finding.check for finding in file.findings] == ["clocks_failed"]
    assert_next_episode_works(rig)


def test_a_mistake_of_ours_between_two_turns_of_the_writer_is_a_fault_and_the_writer_goes_on(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistake() -> None:
        raise KeyError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(rig.recorder.intake, "end_overdue_waits", mistake)
        rig.recorder.start()
        rig.wait_for(lambda: rig.recorder.live() is None)
        assert "KeyError('a mistake')" in rig.recorder.fault
    assert_next_episode_works(rig)


def test_a_mistake_of_ours_in_making_the_record_is_a_fault_and_no_longer_being_sealed(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistake(*_: object, **__: object) -> EpisodeFile:
        raise KeyError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "stop_record", mistake)
        episode = rig.recorder.start()
        rig.deliver(JOINTS, b"1")
        rig.recorder.stop()
        rig.wait_until_sealed()
    rig.wait_for(lambda: "KeyError('a mistake')" in rig.recorder.fault)
    assert unfinished_path(rig.directory(episode.id)).is_dir()
    assert_next_episode_works(rig)


def test_a_label_that_cannot_be_written_after_sealing_is_a_fault_and_the_writer_goes_on(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise SessionError("cannot be moved")

    with monkeypatch.context() as patch:
        patch.setattr(rig.recorder.sealed, "discard", refuse)
        rig.recorder.start()
        rig.recorder.discard()
        rig.wait_until_sealed()
        rig.wait_for(lambda: rig.recorder.fault == "cannot be moved")
    assert_next_episode_works(rig)


def test_an_ingest_that_has_died_ends_the_episode_and_refuses_the_next(rig: "Rig") -> None:
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    rig.flush_error = RosError("The ingest is not running.")
    rig.recorder.intake.ingest_failed(RuntimeError("DDS has gone"))
    rig.wait_for(lambda: rig.recorder.live() is None and not rig.recorder.is_sealing())
    assert rig.data(episode.id, "/joints") == [b"1"]
    stop = stop_of(rig.file(episode.id))
    assert (stop.end, stop.detail) == (End.FAULT, "Nothing is received any more: RuntimeError('DDS has gone')")
    with pytest.raises(CommandRefused, match="DDS has gone"):
        rig.recorder.start()


@pytest.mark.parametrize("error", [RosError("The ingest is not running."), KeyError(7)])
def test_an_episode_can_be_stopped_though_the_ingest_no_longer_answers(rig: "Rig", error: Exception) -> None:
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    rig.flush_error = error
    rig.recorder.judge(Outcome.SUCCESS)
    rig.wait_until_sealed()
    file = rig.file(episode.id)
    assert (stop_of(file).end, file.outcome) == (End.FAULT, Outcome.SUCCESS)
    assert stop_of(file).detail.startswith("the last messages may be missing: ")
    assert rig.data(episode.id, "/joints") == [b"1"]


def test_closing_seals_though_the_ingest_no_longer_answers(rig: "Rig") -> None:
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    rig.flush_error = RosError("The ingest is not running.")
    assert rig.recorder.close(reason="SIGTERM", timeout_s=30)
    assert rig.data(episode.id, "/joints") == [b"1"]


def test_provenance_that_cannot_be_told_begins_nothing(rig: "Rig", monkeypatch: pytest.MonkeyPatch) -> None:
    def mistake() -> object:
        raise KeyError("a mistake")

    with monkeypatch.context() as patch:
        patch.setattr(rig.recorder, "_provenance", mistake)
        with pytest.raises(KeyError):
            rig.recorder.start()
    assert rig.recorder.live() is None
    assert [path.name for path in rig.folder.path.iterdir()] == [".lock"]
    assert_next_episode_works(rig)


def test_a_close_that_takes_too_long_says_so_and_keeps_the_folder(rig: "Rig", held_seal: "HeldSeal") -> None:
    rig.recorder.start()
    assert not rig.recorder.close(reason="SIGINT", timeout_s=0.01)
    with pytest.raises(SessionError, match="in use"):
        SessionFolder(rig.folder.path)
    held_seal.may_go_on.set()
    rig.recorder.finish()
    SessionFolder(rig.folder.path).release()


def test_a_label_that_the_disk_does_not_take_keeps_no_close_waiting_and_is_written_in_the_end(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = rig.recorder.start()
    rig.recorder.stop()
    rig.wait_until_sealed()
    write, may_write = EpisodeFile.write, threading.Event()

    def write_late(file: EpisodeFile, directory: Path) -> None:
        assert may_write.wait(30)
        write(file, directory)

    monkeypatch.setattr(EpisodeFile, "write", write_late)
    rig.recorder.judge(Outcome.FAILURE)
    assert not rig.recorder.close(reason="SIGINT", timeout_s=0.01)
    may_write.set()
    rig.recorder.finish()
    assert rig.file(episode.id).outcome is Outcome.FAILURE
