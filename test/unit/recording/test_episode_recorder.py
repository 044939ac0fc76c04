"""Commands, labels and what is on disk for them; see test_faults.py for what goes wrong."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import yaml

from humanoid_recorder.core.errors import CommandRefused, SessionError
from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.recording import sealed_episodes, stopped_episodes
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile
from humanoid_recorder.storage.layout import unfinished_path

if TYPE_CHECKING:
    from pathlib import Path

    from test.unit.recording.conftest import HeldSeal, MakeChannel, MakeRig, Rig

JOINTS, CAMERA, DESCRIPTION = 3, 4, 5


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Let time pass for the rule of 30 s: set ``after.seconds``."""
    passed = SimpleNamespace(seconds=0.0)
    real = time.monotonic
    fake = SimpleNamespace(time_ns=time.time_ns, monotonic=lambda: real() + passed.seconds)
    monkeypatch.setattr(stopped_episodes, "time", fake)
    return passed


def record(rig: "Rig", *data: bytes) -> str:
    """Record an episode of joint messages and wait until it is sealed."""
    episode = rig.recorder.start()
    for message in data:
        rig.deliver(JOINTS, message)
    rig.recorder.stop()
    rig.wait_until_sealed()
    return episode.id


def wait_for_hash(rig: "Rig", episode_id: str, directory: "Path | None" = None) -> EpisodeFile:
    directory = directory or rig.directory(episode_id)
    rig.wait_for(lambda: None not in EpisodeFile.read(directory).sha256.values())
    return EpisodeFile.read(directory)


# Start and stop ------------------------------------------------------------------------------------------------------


def test_an_episode_holds_what_was_received_between_start_and_stop(rig: "Rig") -> None:
    rig.deliver(JOINTS, b"before")
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"first")
    rig.deliver(CAMERA, b"picture")
    rig.receive(JOINTS, b"received before the stop, and not taken yet")
    rig.recorder.stop()
    rig.deliver(JOINTS, b"after")
    rig.wait_until_sealed()
    assert rig.data(episode.id, "/joints") == [b"first", b"received before the stop, and not taken yet"]
    assert rig.data(episode.id, "/head") == [b"picture"]
    joints = rig.file(episode.id).ledger["joints"]
    assert (joints.received, joints.written, joints.dropped, joints.lost) == (2, 2, 0, 0)


def test_messages_keep_their_bytes_times_and_numbers(rig: "Rig") -> None:
    episode = rig.recorder.start()
    rig.lose(JOINTS)
    rig.lose(JOINTS)
    before_ns = time.time_ns()
    rig.deliver(JOINTS, bytes(range(256)))
    rig.recorder.stop()
    rig.wait_until_sealed()
    (message,) = rig.messages(episode.id)
    assert message.data == bytes(range(256))
    assert message.sequence == 3
    assert 0 <= message.publish_ns + 1000 - before_ns < 10**9
    assert episode.start_ns <= message.log_ns


def test_the_names_on_disk_are_as_agreed_while_recording_and_after(rig: "Rig") -> None:
    episode = rig.recorder.start()
    assert re.fullmatch(r"\d{8}T\d{6}Z_g1", rig.folder.path.name)
    assert re.fullmatch(r"\d{8}T\d{6}\.\d{3}Z_g1_[0-9a-f]{6}", episode.id)
    unfinished = unfinished_path(rig.directory(episode.id))
    rig.wait_for((unfinished / "episode.json").exists)
    assert {path.name for path in unfinished.iterdir()} == {f"{episode.id}_0.mcap", "episode.json"}
    rig.recorder.stop()
    rig.wait_until_sealed()
    assert not unfinished.exists()
    names = {path.name for path in rig.directory(episode.id).iterdir()}
    assert names - {".episode.json.tmp"} == {f"{episode.id}_0.mcap", "episode.json", "metadata.yaml"}
    metadata = yaml.safe_load((rig.directory(episode.id) / "metadata.yaml").read_text())
    assert metadata["rosbag2_bagfile_information"]["version"] == 9


def test_the_record_is_on_disk_at_the_start_without_a_stop(rig: "Rig") -> None:
    rig.recorder.labels = Labels(task="carry", prompt="carry the tray", operator="ana", scene="kitchen", reason="old")
    episode = rig.recorder.start()
    unfinished = unfinished_path(rig.directory(episode.id))
    rig.wait_for((unfinished / "episode.json").exists)
    begun = EpisodeFile.read(unfinished)
    assert begun.stop is None
    assert begun.model_dump_json().encode() in (unfinished / f"{episode.id}_0.mcap").read_bytes()
    assert (begun.id, begun.session) == (episode.id, rig.folder.path.name)
    assert begun.start.time_ns == episode.start_ns
    assert asdict(begun.start.labels) == {
        "task": "carry",
        "prompt": "carry the tray",
        "operator": "ana",
        "scene": "kitchen",
        "reason": "",
    }
    assert [stream.name for stream in begun.start.streams] == ["joints", "head", "robot_description"]
    assert begun.start.provenance.robot_serial == "0815"
    assert begun.start.provenance.clock_synchronised is None


def test_the_record_is_complete_after_the_stop_and_stands_in_the_bag_too(rig: "Rig") -> None:
    rig.recorder.labels = Labels(task="carry")
    episode_id = record(rig, b"1", b"22", b"333")
    file = rig.file(episode_id)
    assert file.stop is not None
    assert (file.stop.end, file.stop.messages, file.stop.lost, file.stop.dropped) == (End.STOPPED, 3, 0, 0)
    assert file.stop.duration_s == pytest.approx((file.stop.time_ns - file.start.time_ns) / 1e9)
    assert file.outcome is Outcome.UNLABELLED
    assert file.ledger["joints"].bytes == 6
    info = BagReader(rig.directory(episode_id)).summary()
    assert info.message_count == 3
    assert info.custom_data["episode"] == episode_id
    assert info.custom_data["task"] == "carry"
    embedded = {entry.name: entry.entries for entry in info.metadata_records}["humanoid_recorder"]["episode"]
    assert EpisodeFile.model_validate_json(embedded).ledger == file.ledger


def test_a_second_start_is_refused_while_recording_and_a_stop_while_not(rig: "Rig") -> None:
    with pytest.raises(CommandRefused, match="No episode is being recorded"):
        rig.recorder.stop()
    episode = rig.recorder.start()
    with pytest.raises(CommandRefused, match=episode.id):
        rig.recorder.start()
    rig.recorder.stop()
    with pytest.raises(CommandRefused):
        rig.recorder.stop()


def test_the_next_episode_starts_while_the_last_is_still_on_its_way_to_the_disk(
    rig: "Rig", held_seal: "HeldSeal"
) -> None:
    first = rig.recorder.start()
    rig.deliver(JOINTS, b"of the first")
    rig.recorder.stop()
    second = rig.recorder.start()
    rig.deliver(JOINTS, b"of the second")
    rig.recorder.stop()
    third = rig.recorder.start()
    assert rig.recorder.is_sealing()
    assert rig.recorder.live() is third
    held_seal.may_go_on.set()
    rig.deliver(JOINTS, b"of the third")
    rig.recorder.stop()
    rig.wait_until_sealed()
    for episode, name in ((first, b"first"), (second, b"second"), (third, b"third")):
        assert rig.data(episode.id, "/joints") == [b"of the " + name]


def test_a_stream_that_joins_while_recording_is_in_the_bag_and_in_the_record(make_rig: "MakeRig", rig: "Rig") -> None:
    channels = [line.channel for line in rig.recorder.intake._lines.values()]
    other = make_rig()
    other.subscribe(channels[0])
    episode = other.recorder.start()
    other.deliver(JOINTS, b"1")
    other.subscribe(channels[1])
    other.deliver(CAMERA, b"late")
    other.recorder.stop()
    other.wait_until_sealed()
    file = other.file(episode.id)
    assert [stream.name for stream in file.start.streams] == ["joints"]
    assert [stream.name for stream in file.streams_joined_later] == ["head"]
    assert other.data(episode.id, "/head") == [b"late"]


def test_a_forgotten_episode_ends_as_timed_out(rig: "Rig") -> None:
    episode = rig.recorder.start()
    rig.recorder.end_if_longer_than(0)
    rig.recorder.end_if_longer_than(3600)
    assert rig.recorder.live() is episode
    rig.recorder.end_if_longer_than(1e-9)
    rig.wait_until_sealed()
    stop = rig.file(episode.id).stop
    assert stop is not None
    assert (stop.end, stop.detail) == (End.TIMED_OUT, "longer than max_episode_s = 1e-09 s")
    rig.recorder.end_if_longer_than(1e-9)


def test_closing_while_recording_seals_the_episode_as_cancelled(rig: "Rig") -> None:
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    rig.receive(JOINTS, b"2")
    assert rig.recorder.close(reason="SIGINT", timeout_s=30)
    file = rig.file(episode.id)
    assert file.stop is not None
    assert (file.stop.end, file.stop.detail) == (End.CANCELLED, "SIGINT")
    assert rig.data(episode.id, "/joints") == [b"1", b"2"]


def test_a_start_that_comes_after_the_end_is_refused_and_leaves_nothing_behind(rig: "Rig") -> None:
    assert rig.recorder.close(reason="SIGINT", timeout_s=30)
    with pytest.raises(CommandRefused, match="shutting down"):
        rig.recorder.start()
    assert not rig.folder.path.exists()


def test_every_change_is_announced(rig: "Rig") -> None:
    seen = rig.changes
    rig.recorder.start()
    assert rig.changes == seen + 1
    rig.recorder.stop()
    rig.wait_until_sealed()
    assert rig.changes >= seen + 3


# Labels --------------------------------------------------------------------------------------------------------------


def test_success_ends_the_running_episode_and_labels_it(rig: "Rig") -> None:
    episode = rig.recorder.start()
    assert rig.recorder.judge(Outcome.SUCCESS) == episode.id
    rig.wait_until_sealed()
    file = rig.file(episode.id)
    assert file.stop is not None
    assert (file.outcome, file.stop.end) == (Outcome.SUCCESS, End.STOPPED)


def test_the_labels_of_an_episode_can_be_asked_for_at_any_time(rig: "Rig", held_seal: "HeldSeal") -> None:
    rig.recorder.labels = Labels(task="fold")
    episode = rig.recorder.start()
    assert rig.recorder.labels_of(episode.id) == Labels(task="fold")
    rig.recorder.labels = Labels(task="the next", reason="slipped")
    rig.recorder.judge(Outcome.FAILURE)
    assert rig.recorder.labels_of(episode.id) == Labels(task="fold", reason="slipped")
    held_seal.may_go_on.set()
    rig.wait_until_sealed()
    assert rig.recorder.labels_of(episode.id) == Labels(task="fold", reason="slipped")


def test_a_failure_keeps_its_reason_and_the_next_start_clears_it(rig: "Rig") -> None:
    episode = rig.recorder.start()
    rig.recorder.labels = replace(rig.recorder.labels, task="fold", reason="dropped the shirt")
    rig.recorder.judge(Outcome.FAILURE)
    rig.wait_until_sealed()
    assert (rig.file(episode.id).outcome, rig.file(episode.id).labels.reason) == (
        Outcome.FAILURE,
        "dropped the shirt",
    )
    following = rig.recorder.start()
    assert following.labels == Labels(task="fold")


def test_a_label_after_the_stop_changes_the_record_and_not_a_byte_of_the_bag(rig: "Rig") -> None:
    episode_id = record(rig, b"1")
    wait_for_hash(rig, episode_id)
    mcap = rig.directory(episode_id) / f"{episode_id}_0.mcap"
    before, changed_ns = mcap.read_bytes(), mcap.stat().st_mtime_ns
    rig.recorder.labels = replace(rig.recorder.labels, reason="slipped")
    assert rig.recorder.judge(Outcome.FAILURE) == episode_id
    rig.wait_until_saved()
    file = rig.file(episode_id)
    assert (file.outcome, file.labels.reason) == (Outcome.FAILURE, "slipped")
    assert (mcap.read_bytes(), mcap.stat().st_mtime_ns) == (before, changed_ns)
    assert file.sha256 == {mcap.name: hashlib.sha256(before).hexdigest()}
    rig.recorder.judge(Outcome.SUCCESS)
    rig.wait_until_saved()
    assert rig.file(episode_id).outcome is Outcome.SUCCESS


def test_commands_act_on_the_last_episode_for_thirty_seconds(rig: "Rig", after: SimpleNamespace) -> None:
    episode_id = record(rig)
    after.seconds = 29.0
    assert rig.recorder.judge(Outcome.SUCCESS) == episode_id
    after.seconds = 31.0
    commands: list[Callable[[], str]] = [lambda: rig.recorder.judge(Outcome.FAILURE), rig.recorder.discard]
    for command in commands:
        with pytest.raises(CommandRefused, match="last 30 s"):
            command()
    rig.wait_until_saved()
    assert rig.file(episode_id).outcome is Outcome.SUCCESS


def test_without_any_episode_there_is_nothing_to_label(rig: "Rig") -> None:
    commands: list[Callable[[], str]] = [lambda: rig.recorder.judge(Outcome.FAILURE), rig.recorder.discard]
    for command in commands:
        with pytest.raises(CommandRefused):
            command()


@pytest.mark.parametrize("discarded", [False, True])
def test_what_is_said_while_an_episode_is_being_sealed_holds(
    rig: "Rig", held_seal: "HeldSeal", discarded: bool
) -> None:
    """The record is written before the bag is complete: a label in between must reach it all the same."""
    episode = rig.recorder.start()
    rig.recorder.stop()
    assert held_seal.has_begun.wait(30)
    rig.recorder.labels = replace(rig.recorder.labels, reason="late")
    assert rig.recorder.judge(Outcome.FAILURE) == episode.id
    assert rig.recorder.discard() == episode.id
    with pytest.raises(CommandRefused, match="discarded already"):
        rig.recorder.discard()
    if not discarded:
        assert rig.recorder.undo_discard() == episode.id
    held_seal.may_go_on.set()
    rig.wait_until_sealed()
    rig.wait_until_saved()
    directory = rig.directory(episode.id)
    if discarded:
        directory = directory.parent / ".discarded" / episode.id
    file = EpisodeFile.read(directory)
    assert (file.outcome, file.labels.reason) == (Outcome.FAILURE, "late")
    assert rig.recorder.sealed.counts() == ((0, 1) if discarded else (1, 0))


# Discarding ----------------------------------------------------------------------------------------------------------


def test_discarding_the_running_episode_stops_it_and_puts_it_aside(rig: "Rig") -> None:
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    assert rig.recorder.discard() == episode.id
    rig.wait_until_sealed()
    aside = rig.folder.path / ".discarded" / episode.id
    assert BagReader(aside).summary().message_count == 1
    assert not rig.directory(episode.id).exists()
    assert rig.recorder.sealed.counts() == (0, 1)


def test_a_discard_after_the_stop_can_be_undone_once(rig: "Rig") -> None:
    episode_id = record(rig, b"1")
    assert rig.recorder.discard() == episode_id
    with pytest.raises(CommandRefused, match="discarded already"):
        rig.recorder.discard()
    assert rig.recorder.undo_discard() == episode_id
    assert rig.data(episode_id, "/joints") == [b"1"]
    with pytest.raises(CommandRefused, match="No episode of this session is discarded"):
        rig.recorder.undo_discard()


def test_discards_are_undone_newest_first_also_while_recording_and_much_later(
    rig: "Rig", after: SimpleNamespace
) -> None:
    first, second = record(rig), ""
    rig.recorder.discard()
    second = record(rig)
    rig.recorder.discard()
    after.seconds = 3600.0
    rig.recorder.start()
    assert [rig.recorder.undo_discard(), rig.recorder.undo_discard()] == [second, first]


def test_an_episode_whose_folder_was_deleted_cannot_be_discarded(rig: "Rig") -> None:
    episode_id = record(rig)
    wait_for_hash(rig, episode_id)
    rig.directory(episode_id).rename(rig.folder.path.parent / "moved away")
    with pytest.raises(SessionError, match=episode_id):
        rig.recorder.discard()


# Hashing -------------------------------------------------------------------------------------------------------------


def test_the_hash_is_filled_in_afterwards_and_is_that_of_the_file(rig: "Rig") -> None:
    episode_id = record(rig, b"1" * 5_000_000)
    name = f"{episode_id}_0.mcap"
    digest = hashlib.sha256((rig.directory(episode_id) / name).read_bytes()).hexdigest()
    assert wait_for_hash(rig, episode_id).sha256 == {name: digest}


def test_an_episode_that_is_discarded_and_labelled_while_it_is_hashed_keeps_everything(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    is_hashing, may_hash = threading.Event(), threading.Event()

    def slow_sha256() -> object:
        is_hashing.set()
        assert may_hash.wait(30)
        return hashlib.sha256()

    monkeypatch.setattr(sealed_episodes, "hashlib", SimpleNamespace(sha256=slow_sha256))
    episode_id = record(rig, b"1")
    assert is_hashing.wait(30)
    rig.recorder.judge(Outcome.SUCCESS)
    rig.recorder.discard()
    may_hash.set()
    aside = rig.folder.path / ".discarded" / episode_id
    file = wait_for_hash(rig, episode_id, aside)
    digest = hashlib.sha256((aside / f"{episode_id}_0.mcap").read_bytes()).hexdigest()
    assert (file.outcome, file.sha256) == (Outcome.SUCCESS, {f"{episode_id}_0.mcap": digest})


def test_a_deleted_episode_does_not_keep_the_next_from_being_hashed(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    is_hashing, may_hash = threading.Event(), threading.Event()

    def slow_sha256() -> object:
        is_hashing.set()
        assert may_hash.wait(30)
        return hashlib.sha256()

    monkeypatch.setattr(sealed_episodes, "hashlib", SimpleNamespace(sha256=slow_sha256))
    first, second = record(rig), record(rig)
    assert is_hashing.wait(30)
    rig.directory(first).rename(rig.folder.path.parent / "moved away")
    may_hash.set()
    wait_for_hash(rig, second)
    assert EpisodeFile.read(rig.folder.path.parent / "moved away").sha256 == {f"{first}_0.mcap": None}


# Marks, latched messages, pre-roll -----------------------------------------------------------------------------------


def test_a_mark_is_recorded_as_an_event_with_its_time(rig: "Rig") -> None:
    with pytest.raises(CommandRefused):
        rig.recorder.mark()
    episode = rig.recorder.start()
    events = [json.loads(rig.recorder.mark()) for _ in range(2)]
    rig.recorder.stop()
    rig.wait_until_sealed()
    messages = [message for message in rig.messages(episode.id) if message.topic == "/g1/recorder/events"]
    assert [json.loads(bytes(message.data)[8:-1]) for message in messages] == events
    assert {(event["event"], event["episode"]) for event in events} == {("mark", episode.id)}
    assert [message.sequence for message in messages] == [1, 2]
    assert all(0 <= m.log_ns - e["time_ns"] < 10**9 for m, e in zip(messages, events, strict=True))
    ledger = rig.file(episode.id).ledger["/g1/recorder/events"]
    assert (ledger.received, ledger.written, ledger.lost) == (2, 2, 0)


def test_a_stream_of_the_profile_may_be_called_events_too(rig: "Rig", make_channel: "MakeChannel") -> None:
    rig.subscribe(make_channel(7, "events"))
    episode = rig.recorder.start()
    rig.deliver(7, b"1")
    rig.recorder.mark()
    rig.recorder.mark()
    rig.recorder.stop()
    rig.wait_until_sealed()
    ledger = rig.file(episode.id).ledger
    assert (ledger["events"].written, ledger["/g1/recorder/events"].written) == (1, 2)


def test_the_hundredth_episode_still_has_the_latched_message(rig: "Rig") -> None:
    rig.deliver(DESCRIPTION, b"urdf")
    first_received = set()
    for _ in range(100):
        episode = rig.recorder.start()
        rig.recorder.stop()
        rig.wait_until_sealed()
        (message,) = rig.messages(episode.id)
        file = rig.file(episode.id)
        assert (message.data, message.log_ns) == (b"urdf", file.start.time_ns)
        assert message.publish_ns < message.log_ns
        ledger = file.ledger["robot_description"]
        assert (ledger.received, ledger.latched, ledger.written, ledger.dropped) == (0, 1, 1, 0)
        first_received.add(message.publish_ns + 1000 - file.latched[0].first_received_ns)
    assert all(abs(difference_ns) < 50_000_000 for difference_ns in first_received)


def test_a_pre_roll_puts_the_last_seconds_in_front_and_nothing_twice(make_rig: "MakeRig", rig: "Rig") -> None:
    channels = [line.channel for line in rig.recorder.intake._lines.values()]
    early = make_rig(pre_roll_ns=3600 * 10**9)
    early.subscribe(*channels)
    early.deliver(DESCRIPTION, b"urdf")
    early.deliver(JOINTS, b"1")
    early.deliver(JOINTS, b"2")
    early.receive(JOINTS, b"3")
    first = early.recorder.start()
    early.deliver(JOINTS, b"4")
    early.recorder.stop()
    early.deliver(JOINTS, b"5")
    second = early.recorder.start()
    early.deliver(JOINTS, b"6")
    early.recorder.stop()
    early.wait_until_sealed()
    assert early.data(first.id, "/joints") == [b"1", b"2", b"3", b"4"]
    assert early.data(second.id, "/joints") == [b"5", b"6"]
    messages = early.messages(first.id)
    assert messages[0].topic == "/robot_description"
    assert messages[0].log_ns == min(message.log_ns for message in messages) < first.start_ns
    ledger = early.file(first.id).ledger["joints"]
    assert (ledger.received, ledger.lost, ledger.dropped) == (4, 0, 0)
