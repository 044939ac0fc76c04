"""The disk is watched: starts are refused in time, episodes end while they can be sealed, and it says what is left."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.errors import CommandRefused
from humanoid_recorder.core.labels import End
from humanoid_recorder.recording import disk_watch, purge
from humanoid_recorder.recording.disk_watch import DiskWatch
from humanoid_recorder.storage import layout
from humanoid_recorder.storage.disk_space import DiskSpace
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.unit.recording.conftest import Rig

JOINTS, CAMERA = 3, 4
GB = 10**9
RESERVE = 2 * GB


class Scene:
    """A recorder on a disk as full as the test says."""

    def __init__(self, rig: "Rig") -> None:
        self.rig = rig
        self.recorder = rig.recorder
        self.free_bytes = 100 * GB
        self.now_ns = 10**18
        self.purging_frees = 0
        """Bytes given back by each episode that is purged."""
        self.is_read_only = False
        self.error: OSError | None = None
        self.looks = 0

    def space(self, _path: Path) -> DiskSpace:
        self.looks += 1
        if self.error is not None:
            raise self.error
        freed = self.recorder.sealed.purge.purged.episodes * self.purging_frees
        return DiskSpace(self.free_bytes + freed, 500 * GB, self.is_read_only)

    def watch(self) -> DiskWatch:
        return DiskWatch(self.recorder, reserve_bytes=0, pre_roll_bytes=0)

    def record(self, size: int = 1000) -> str:
        episode = self.recorder.start()
        self.rig.deliver(JOINTS, bytes(size))
        self.recorder.stop()
        self.rig.wait_until_sealed()
        return episode.id

    def discard_one(self) -> str:
        episode_id = self.record()
        waiting = self.recorder.sealed.purge.waiting.episodes
        self.recorder.discard()
        self.rig.wait_for(lambda: self.recorder.sealed.purge.waiting.episodes > waiting)
        return episode_id


@pytest.fixture
def scene(rig: "Rig", monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    made = Scene(rig)
    monkeypatch.setattr(layout, "disk_space", made.space)
    monkeypatch.setattr(disk_watch, "_LOOK_NS", 0)
    monkeypatch.setattr(disk_watch, "time", SimpleNamespace(monotonic_ns=lambda: made.now_ns))
    yield made
    made.error, made.is_read_only = None, False


def test_the_disk_is_looked_at_twice_a_second_at_most(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_watch, "_LOOK_NS", 3600 * GB)
    watch = scene.watch()
    looks = scene.looks
    for _ in range(10):
        watch.look()
        watch.check_start()
        watch.state()
    assert scene.looks == looks == 1


def test_a_start_is_refused_below_the_reserve_with_what_to_do(scene: Scene) -> None:
    watch = scene.watch()
    watch.check_start()
    scene.free_bytes = RESERVE - 1
    with pytest.raises(CommandRefused, match=r"The disk is low: 2\.0 GB free, and 2\.0 GB are kept") as raised:
        watch.check_start()
    assert "Nothing discarded is left: free space on the disk of" in raised.value.remedy
    assert str(scene.rig.folder.path.parent) in raised.value.remedy
    state = watch.state()
    assert (state.problem, state.remedy) == (raised.value.message, raised.value.remedy)
    assert (state.free_bytes, state.reserve_bytes, state.is_little) == (RESERVE - 1, RESERVE, True)
    scene.free_bytes = RESERVE
    watch.check_start()
    assert watch.state().problem == ""


def test_discarded_episodes_are_deleted_before_a_start_would_be_refused(scene: Scene) -> None:
    first, second = scene.discard_one(), scene.discard_one()
    watch = scene.watch()
    assert watch.state().discarded_episodes == 2
    assert watch.state().discarded_bytes > 0
    scene.free_bytes, scene.purging_frees = round(1.2 * RESERVE), GB
    watch.look()
    watch.check_start()
    scene.rig.wait_for(lambda: watch.state().purged_episodes == 1)
    state = watch.state()
    assert (state.last_purged, state.discarded_episodes) == ((first,), 1)
    assert scene.recorder.sealed.counts() == (0, 1)
    assert scene.recorder.undo_discard() == second
    with pytest.raises(CommandRefused):
        scene.recorder.undo_discard()


def test_a_start_on_a_disk_that_is_being_cleared_says_to_try_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.discard_one()
    monkeypatch.setattr(purge.Purge, "is_making_room", True)
    watch = scene.watch()
    scene.free_bytes = GB
    with pytest.raises(CommandRefused) as raised:
        watch.check_start()
    assert "1 discarded episode (" in raised.value.remedy
    assert "are being deleted: try again at once" in raised.value.remedy


def test_discarded_episodes_that_cannot_be_deleted_are_told_of(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_episode: object) -> None:
        raise PermissionError("of another user")

    monkeypatch.setattr(purge, "delete_discarded", refuse)
    scene.discard_one()
    watch = scene.watch()
    scene.free_bytes = GB
    watch.look()
    scene.rig.wait_for(lambda: not scene.recorder.sealed.purge.is_making_room)
    assert "1 discarded episode could not be deleted: free space" in watch.state().remedy


def test_an_episode_ends_as_a_fault_while_there_is_room_to_seal_it_whole(scene: Scene) -> None:
    watch = scene.watch()
    episode = scene.recorder.start()
    scene.rig.deliver(JOINTS, b"1")
    scene.rig.wait_for(lambda: episode.bag.message_counts.get(JOINTS))
    watch.look()
    limit = watch.state().stop_bytes
    scene.free_bytes = limit
    watch.look()
    assert scene.recorder.live() is episode
    scene.free_bytes = limit - 1
    watch.look()
    scene.rig.wait_until_sealed()
    stop = scene.rig.file(episode.id).stop
    assert stop is not None
    assert stop.end is End.FAULT
    assert stop.detail.startswith("the disk is nearly full: 50 MB left; stopped to seal what is there")
    assert scene.recorder.fault == stop.detail
    assert scene.rig.data(episode.id, "/joints") == [b"1"]
    watch.look()
    with pytest.raises(CommandRefused, match="low"):
        watch.check_start()


def test_others_that_fill_the_disk_are_reckoned_with(scene: Scene) -> None:
    watch = scene.watch()
    before = watch.state().stop_bytes
    scene.now_ns += 500_000_000
    scene.free_bytes -= 50_000_000
    watch.look()
    assert watch.state().stop_bytes == before + 200_000_000
    scene.now_ns += 10 * GB
    watch.look()
    scene.now_ns += 500_000_000
    watch.look()
    assert watch.state().stop_bytes == before


def test_what_waits_in_the_queue_needs_room_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = scene.watch()
    before = watch.state().stop_bytes
    level = scene.recorder.queue_level()
    full = type(level)(messages=1000, bytes=200_000_000, high_water_bytes=0, max_bytes=2**28)
    monkeypatch.setattr(scene.recorder, "queue_level", lambda: full)
    watch.look()
    assert watch.state().stop_bytes >= before + 200_047_000


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error"),
        (OSError(errno.ESTALE, os.strerror(errno.ESTALE)), "Stale file handle"),
        (None, "mounted read-only"),
    ],
)
def test_a_disk_that_breaks_ends_the_episode_and_refuses_the_next_until_it_is_well(
    scene: Scene, error: OSError | None, words: str
) -> None:
    watch = scene.watch()
    episode = scene.recorder.start()
    scene.rig.deliver(JOINTS, b"1")
    scene.error, scene.is_read_only = error, error is None
    watch.look()
    assert scene.recorder.live() is None
    assert episode.stop is not None
    assert episode.stop.end is End.FAULT
    assert "the recording cannot go on: Cannot use" in episode.stop.detail
    state = watch.state()
    assert words in state.problem + state.remedy
    assert (state.free_bytes, state.is_little) == (None, True)
    with pytest.raises(CommandRefused, match="Cannot use"):
        watch.check_start()
    scene.error, scene.is_read_only = None, False
    watch.check_start()
    assert watch.state().problem == ""
    scene.rig.wait_until_sealed()


def test_a_disk_is_tried_every_ten_seconds_and_at_every_look_after_a_fault(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[bool] = []
    check = scene.rig.folder.check

    def note(*, tries_to_write: bool) -> DiskSpace:
        tried.append(tries_to_write)
        return check(tries_to_write=tries_to_write)

    monkeypatch.setattr(scene.rig.folder, "check", note)
    watch = scene.watch()
    for passed_s in (0.5, 0.5, 10.0, 0.5):
        scene.now_ns += round(passed_s * GB)
        watch.look()
    scene.recorder.fault = "No space left"
    watch.look()
    assert tried == [True, False, False, True, False, True]


def test_a_session_folder_that_was_moved_away_refuses_a_start_until_it_is_back(scene: Scene) -> None:
    scene.record()
    watch = scene.watch()
    folder = scene.rig.folder.path
    away = folder.rename(folder.with_name("away"))
    with pytest.raises(CommandRefused, match=f"{folder} has gone") as raised:
        watch.check_start()
    assert "Put it back" in raised.value.remedy
    assert "has gone" in watch.state().problem
    away.rename(folder)
    watch.check_start()
    assert EpisodeFile.read(scene.rig.directory(scene.record())).stop is not None


def test_before_anything_is_recorded_the_time_left_is_that_of_what_arrives(scene: Scene) -> None:
    watch = scene.watch()
    assert (watch.state().bytes_per_s, watch.state().minutes_left, watch.state().episodes_left) == (None, None, None)
    for _ in range(50):
        scene.rig.deliver(CAMERA, bytes(1_000_000))
    scene.now_ns += 500_000_000
    watch.look()
    state = watch.state()
    assert state.bytes_per_s == 100_000_000
    assert state.minutes_left == pytest.approx(98 * GB / 100_000_000 / 60)
    assert (state.episodes_left, state.is_little) == (None, True)
    assert state.stop_bytes > 200_000_000


def test_after_an_episode_its_size_and_speed_tell_what_is_left(scene: Scene) -> None:
    scene.record(size=100_000)
    scene.record(size=300_000)
    ends = [scene.rig.file(sealed.file.id).stop for sealed in scene.recorder.sealed.recent(8)]
    sizes = [stop.bytes for stop in ends if stop is not None]
    state = scene.watch().state()
    assert state.episodes_left == int(98 * GB / (sum(sizes) / 2))


def test_the_running_episode_tells_the_speed_once_it_has_run_for_a_while(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = scene.watch()
    episode = scene.recorder.start()
    scene.rig.deliver(CAMERA, bytes(10_000_000))
    scene.rig.wait_for(lambda: episode.bag.bytes_written > 10_000_000)
    episode.start_ns -= 10 * 10**9
    state = watch.state()
    assert state.bytes_per_s == pytest.approx(episode.bag.bytes_written / 10, rel=0.2)


def test_a_label_that_could_not_be_written_is_tried_again_when_the_disk_is_looked_at(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    watch = scene.watch()
    monkeypatch.setattr(type(scene.recorder.sealed), "trouble", "not on the disk yet")
    monkeypatch.setattr(scene.recorder.sealed, "save_again", lambda: asked.append("again"))
    watch.look()
    watch.look()
    assert asked == ["again"]
