"""Discarded episodes are deleted when they are old, and when room is needed the oldest, no more than that takes."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from humanoid_recorder.recording import purge as purge_module
from humanoid_recorder.recording.chores import Chores
from humanoid_recorder.recording.purge import Purge, Tally
from humanoid_recorder.storage import layout
from humanoid_recorder.storage.discarded import DiscardedEpisode, delete_discarded
from humanoid_recorder.storage.disk_space import DiskSpace
from humanoid_recorder.storage.layout import SessionFolder

WAIT_S = 30.0
SIZE = 1_000_000
DAY_S = 24 * 3600


class Scene:
    """Discarded episodes on a disk as full as the test says."""

    def __init__(self, out: Path) -> None:
        self.folder = SessionFolder.open(out, robot="g1", now_ns=time.time_ns())
        self.free_bytes = 0
        self.frees_late = False
        self.forgotten: list[str] = []
        self.discarded_ns: dict[str, int] = {}
        self.mistakes: list[Exception] = []
        self.chores = Chores(on_mistake=self.mistakes.append)
        self.purge = Purge(
            self.folder,
            self.chores,
            discarded_ns=self.discarded_ns.get,
            forget=self.forgotten.append,
            on_change=lambda: None,
        )

    def discard(self, name: str, *, age_s: float = 0.0) -> None:
        directory = self.folder.episode_directory(name)
        directory.mkdir()
        (directory / f"{name}_0.mcap").write_bytes(bytes(SIZE))
        path = self.folder.discard(name)
        os.utime(path, ns=(0, time.time_ns() - round(age_s * 1e9)))

    def names(self) -> list[str]:
        return sorted(path.name for path in (self.folder.path / ".discarded").iterdir())

    def space(self, _path: Path) -> DiskSpace:
        freed = 0 if self.frees_late else self.purge.purged.bytes
        return DiskSpace(self.free_bytes + freed, 10**9)

    def wait(self) -> None:
        """Wait until everything asked for is done."""
        done = threading.Event()
        self.chores.some_time(done.set)
        assert done.wait(WAIT_S)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    made = Scene(tmp_path)
    monkeypatch.setattr(layout, "disk_space", made.space)
    yield made
    made.chores.close()
    made.folder.release()
    assert made.mistakes == []


def test_only_as_many_are_deleted_as_the_room_takes_and_the_oldest_first(scene: Scene) -> None:
    for name, age in (("a", 3), ("b", 9), ("c", 6)):
        scene.discard(name, age_s=age)
    scene.purge.make_room(SIZE + SIZE // 2)
    scene.wait()
    assert scene.names() == ["a"]
    assert scene.forgotten == ["b", "c"]
    assert scene.purge.last_purged() == ("b", "c")
    assert (scene.purge.purged.episodes, scene.purge.waiting.episodes) == (2, 1)
    assert scene.purge.waiting.bytes >= SIZE


def test_nothing_is_deleted_when_there_is_room(scene: Scene) -> None:
    scene.discard("a")
    scene.free_bytes = 10
    scene.purge.make_room(10)
    scene.wait()
    assert scene.names() == ["a"]
    assert scene.purge.waiting.episodes == 1


def test_a_file_system_that_frees_space_late_costs_no_more_episodes(scene: Scene) -> None:
    scene.frees_late = True
    for name in "abc":
        scene.discard(name)
    scene.purge.make_room(SIZE)
    scene.wait()
    assert scene.purge.purged.episodes == 1


def test_between_two_attempts_to_make_room_there_is_a_rest(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.frees_late = True
    for name in "abc":
        scene.discard(name)
    for _ in range(3):
        scene.purge.make_room(SIZE)
        scene.wait()
    assert (scene.purge.purged.episodes, scene.purge.is_making_room) == (1, False)
    monkeypatch.setattr(purge_module, "_REST_S", 0.0)
    scene.purge._rest_until_monotonic_s = 0.0
    scene.purge.make_room(SIZE)
    scene.wait()
    assert scene.purge.purged.episodes == 2


def test_one_that_cannot_be_deleted_is_left_and_the_next_is_taken(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, age in (("a", 9), ("b", 5)):
        scene.discard(name, age_s=age)

    def refuse(episode: DiscardedEpisode) -> None:
        if episode.id == "a":
            raise PermissionError("of another user")
        delete_discarded(episode)

    monkeypatch.setattr(purge_module, "delete_discarded", refuse)
    scene.purge.make_room(SIZE)
    scene.wait()
    assert scene.names() == ["a"]
    assert (scene.purge.purged.episodes, scene.purge.waiting.episodes) == (1, 1)


def test_old_ones_are_deleted_by_the_clock_of_the_discard(scene: Scene) -> None:
    scene.discard("old", age_s=DAY_S + 1)
    scene.discard("new", age_s=DAY_S - 60)
    scene.purge.recount()
    scene.wait()
    assert scene.names() == ["new"]


def test_a_system_clock_that_jumps_by_months_makes_no_episode_of_this_session_old(scene: Scene) -> None:
    scene.discard("a", age_s=100 * DAY_S)
    scene.discarded_ns["a"] = time.monotonic_ns()
    scene.purge.recount()
    scene.wait()
    assert scene.names() == ["a"]


def test_an_end_keeps_old_ones_for_the_next_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        scene.discard(name, age_s=DAY_S + 1)
    has_begun, may_delete = threading.Event(), threading.Event()

    def delete(episode: DiscardedEpisode) -> None:
        has_begun.set()
        assert may_delete.wait(WAIT_S)
        delete_discarded(episode)

    monkeypatch.setattr(purge_module, "delete_discarded", delete)
    scene.purge.recount()
    assert has_begun.wait(WAIT_S)
    assert not scene.chores.close(timeout_s=0)
    may_delete.set()
    assert scene.chores.close(timeout_s=WAIT_S)
    assert (scene.purge.purged.episodes, scene.purge.waiting.episodes) == (1, 1)
    assert len(scene.names()) == 1


def test_old_ones_are_looked_for_once_an_hour(scene: Scene) -> None:
    scene.purge.recount()
    scene.wait()
    scene.discard("old", age_s=DAY_S + 1)
    scene.purge.recount()
    scene.wait()
    assert scene.names() == ["old"]
    assert scene.purge.waiting.episodes == 1
    scene.purge._last_purge_monotonic_s -= 3600
    scene.purge.recount()
    scene.wait()
    assert scene.names() == []
    assert scene.purge.waiting == Tally()


def test_a_session_folder_that_has_gone_ends_the_attempt(scene: Scene) -> None:
    scene.discard("a")
    away = scene.folder.path.rename(scene.folder.path.with_name("away"))
    scene.purge.make_room(SIZE)
    scene.wait()
    assert not scene.purge.is_making_room
    away.rename(scene.folder.path)
    assert scene.names() == ["a"]
