"""What is said of a sealed episode holds at once and reaches the disk, however slow or full that is."""

import os
import threading
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.errors import SessionError
from humanoid_recorder.core.labels import Outcome
from humanoid_recorder.recording import sealed_episodes
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.unit.recording.conftest import HeldSeal, Rig

JOINTS = 3
WAIT_S = 30.0


class SlowDisk:
    """A disk that takes its time to sync, once it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_asked = threading.Event()
        self.may_sync = threading.Event()
        fsync = os.fsync

        def wait(fd: int) -> None:
            self.is_asked.set()
            assert self.may_sync.wait(WAIT_S)
            fsync(fd)

        monkeypatch.setattr(os, "fsync", wait)


def record(rig: "Rig") -> str:
    """Record an episode and wait until it is sealed and hashed."""
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"1")
    rig.recorder.stop()
    rig.wait_until_sealed()
    rig.wait_for(lambda: None not in rig.file(episode.id).sha256.values())
    return episode.id


def test_a_late_label_is_answered_while_the_disk_takes_its_time(rig: "Rig", monkeypatch: pytest.MonkeyPatch) -> None:
    episode_id = record(rig)
    disk = SlowDisk(monkeypatch)
    assert rig.recorder.judge(Outcome.SUCCESS) == episode_id
    assert disk.is_asked.wait(WAIT_S)
    assert rig.recorder.sealed.recent(1)[0].file.outcome is Outcome.SUCCESS
    assert rig.recorder.judge(Outcome.FAILURE) == episode_id
    assert rig.recorder.sealed.recent(1)[0].file.outcome is Outcome.FAILURE
    assert rig.file(episode_id).outcome is Outcome.UNLABELLED
    disk.may_sync.set()
    rig.wait_until_saved()
    assert rig.file(episode_id).outcome is Outcome.FAILURE


def test_an_episode_that_is_discarded_and_brought_back_while_its_label_is_written_keeps_it(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    episode_id = record(rig)
    disk = SlowDisk(monkeypatch)
    rig.recorder.judge(Outcome.FAILURE)
    assert disk.is_asked.wait(WAIT_S)
    rig.recorder.discard()
    aside = rig.folder.path / ".discarded" / episode_id
    disk.may_sync.set()
    rig.wait_until_saved()
    assert EpisodeFile.read(aside).outcome is Outcome.FAILURE
    assert rig.recorder.sealed.trouble == ""
    assert sorted(path.name for path in aside.iterdir()) == [f"{episode_id}_0.mcap", "episode.json", "metadata.yaml"]


def test_the_recorder_does_not_end_before_a_label_is_on_the_disk(rig: "Rig", monkeypatch: pytest.MonkeyPatch) -> None:
    episode_id = record(rig)
    disk = SlowDisk(monkeypatch)
    rig.recorder.judge(Outcome.SUCCESS)
    assert disk.is_asked.wait(WAIT_S)
    rig.recorder.judge(Outcome.FAILURE)
    closing = threading.Thread(target=lambda: rig.recorder.close(reason="SIGINT", timeout_s=WAIT_S))
    closing.start()
    disk.may_sync.set()
    closing.join(WAIT_S)
    assert rig.file(episode_id).outcome is Outcome.FAILURE


def test_a_label_given_while_an_episode_is_sealed_outlasts_a_recorder_that_could_not_wait(
    rig: "Rig", held_seal: "HeldSeal"
) -> None:
    episode = rig.recorder.start()
    rig.recorder.stop()
    assert held_seal.has_begun.wait(WAIT_S)
    rig.recorder.judge(Outcome.SUCCESS)
    assert not rig.recorder.close(reason="SIGINT", timeout_s=0.01)
    held_seal.may_go_on.set()
    rig.wait_until_sealed()
    assert rig.file(episode.id).outcome is Outcome.SUCCESS


def test_a_label_that_the_disk_refuses_is_told_and_written_at_the_end(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    episode_id = record(rig)

    def refuse(*_: object) -> None:
        raise SessionError("No space left.")

    with monkeypatch.context() as patch:
        patch.setattr(EpisodeFile, "write", refuse)
        rig.recorder.judge(Outcome.SUCCESS)
        rig.wait_until_saved()
        assert rig.recorder.sealed.trouble == f"The label of {episode_id} is not on the disk yet: No space left."
        changes = rig.changes
        rig.recorder.sealed.save_again()
        rig.wait_until_saved()
        assert rig.changes == changes, "nothing new was to be told"
    assert rig.recorder.close(reason="SIGINT", timeout_s=WAIT_S)
    assert rig.recorder.sealed.trouble == ""
    assert rig.file(episode_id).outcome is Outcome.SUCCESS


def test_a_mistake_in_a_chore_is_told(rig: "Rig", monkeypatch: pytest.MonkeyPatch) -> None:
    def mistake(*_: object) -> None:
        raise KeyError("a mistake")

    episode_id = record(rig)
    with monkeypatch.context() as patch:
        patch.setattr(EpisodeFile, "write", mistake)
        rig.recorder.judge(Outcome.SUCCESS)
        rig.wait_until_saved()
    assert "A chore failed: KeyError('a mistake')." in rig.recorder.sealed.trouble
    rig.recorder.judge(Outcome.FAILURE)
    rig.wait_until_saved()
    assert rig.file(episode_id).outcome is Outcome.FAILURE


def test_the_usage_of_a_session_counts_every_episode(rig: "Rig") -> None:
    ids = [record(rig), record(rig)]
    rig.recorder.discard()
    stops = [sealed.file.stop for sealed in rig.recorder.sealed.recent(2)]
    usage = rig.recorder.sealed.usage()
    assert usage.episodes == len(ids)
    assert usage.bytes == sum(stop.bytes for stop in stops if stop is not None) > 0
    assert usage.duration_s == sum(stop.duration_s for stop in stops if stop is not None) > 0


def test_of_old_episodes_only_the_disk_keeps_the_account(rig: "Rig", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed_episodes, "_KEPT_WHOLE", 1)
    old, _, new = (record(rig) for _ in range(3))
    rig.wait_until_saved()
    kept = {episode.file.id: episode for episode in rig.recorder.sealed.recent(3)}
    assert [kept[id_].is_brief for id_ in (old, new)] == [True, False]
    assert (kept[old].file.ledger, kept[old].file.start.streams) == ({}, ())
    assert kept[old].file.stop == rig.file(old).stop
    before = rig.file(old)
    assert before.ledger["joints"].written == 1
    rig.recorder.sealed.relabel(old, outcome=Outcome.FAILURE, reason="late")
    rig.wait_until_saved()
    assert rig.file(old).outcome is Outcome.FAILURE
    assert rig.file(old).ledger == before.ledger
    assert rig.recorder.sealed.usage().episodes == 3


def test_an_old_episode_is_not_shortened_before_its_label_is_on_the_disk(
    rig: "Rig", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_episodes, "_KEPT_WHOLE", 1)
    old, new = record(rig), record(rig)
    rig.wait_until_saved()
    sealed = rig.recorder.sealed
    sealed._change(old, outcome=Outcome.SUCCESS)
    sealed._shorten_old()
    sealed._save(old)
    sealed._shorten_old()
    assert (rig.file(old).outcome, list(rig.file(old).ledger)) == (Outcome.SUCCESS, list(rig.file(new).ledger))
    assert sealed.recent(2)[0].is_brief
