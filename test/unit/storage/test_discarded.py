"""Which discarded episodes are found, in which order, and what deleting one leaves."""

import os
from pathlib import Path

import pytest

from humanoid_recorder.storage.discarded import DiscardedEpisode, delete_discarded, find_discarded
from humanoid_recorder.storage.layout import SessionFolder

NOW_NS = 1_795_160_424_044_668_177  # 2026-11-20 07:00:24.044 UTC


@pytest.fixture
def session(tmp_path: Path) -> SessionFolder:
    return SessionFolder.open(tmp_path, robot="G1", now_ns=NOW_NS)


def discard(session: SessionFolder, name: str, *, age_s: int = 0, size: int = 10_000) -> Path:
    """Record an episode long ago and discard it."""
    directory = session.episode_directory(name)
    directory.mkdir()
    (directory / f"{name}_0.mcap").write_bytes(bytes(size))
    (directory / "episode.json").write_text("{}")
    os.utime(directory, (1, 1))
    path = session.discard(name)
    if age_s:
        os.utime(path, ns=(0, path.stat().st_mtime_ns - age_s * 10**9))
    return path


def test_the_age_of_a_discarded_episode_counts_from_the_discard(session: SessionFolder) -> None:
    before_ns = session.path.stat().st_mtime_ns
    discard(session, "recorded_long_ago")
    (found,) = find_discarded(session.path)
    assert found.discarded_ns >= before_ns


def test_the_one_discarded_first_comes_first(session: SessionFolder) -> None:
    for name, age_s in (("a", 10), ("b", 30), ("c", 20)):
        discard(session, name, age_s=age_s)
    assert [episode.id for episode in find_discarded(session.path)] == ["b", "c", "a"]


def test_the_size_is_what_the_episode_takes_on_the_disk(session: SessionFolder) -> None:
    path = discard(session, "a", size=1_000_000)
    os.truncate(path / "a_0.mcap", 10**9)  # the rest of it is a hole
    (found,) = find_discarded(session.path)
    assert 1_000_000 <= found.bytes < 2_000_000


def test_sessions_beside_ours_are_searched_unless_another_recorder_holds_them(session: SessionFolder) -> None:
    ended = SessionFolder.open(session.path.parent, robot="g1", now_ns=NOW_NS - 10**14)
    discard(ended, "of_yesterday")
    ended.release()
    held = SessionFolder.open(session.path.parent, robot="h1", now_ns=NOW_NS)
    discard(held, "of_the_other_robot")
    discard(session, "ours")
    copied = session.path.parent / "copied" / ".discarded" / "without_a_lock"
    copied.mkdir(parents=True)
    (copied / "without_a_lock_0.mcap").write_bytes(b"mcap")
    assert {episode.id for episode in find_discarded(session.path)} == {"of_yesterday", "ours", "without_a_lock"}
    held.release()
    assert "of_the_other_robot" in {episode.id for episode in find_discarded(session.path)}


def test_nothing_but_episodes_is_found(session: SessionFolder, tmp_path: Path) -> None:
    others = tmp_path / "photos" / ".discarded"
    (others / "holiday").mkdir(parents=True)
    (others / "holiday" / "beach.jpg").write_bytes(b"jpeg")
    (others / "notes.txt").write_text("keep")
    path = discard(session, "a")
    assert [episode.path for episode in find_discarded(session.path)] == [path]


def test_deleting_leaves_nothing_of_it_and_everything_else(session: SessionFolder) -> None:
    path, other = discard(session, "a"), discard(session, "b")
    (path / "notes").mkdir()
    (path / "notes" / "mine.txt").write_text("on a discarded episode")
    (path / "elsewhere").symlink_to(other)
    (found,) = [episode for episode in find_discarded(session.path) if episode.id == "a"]
    delete_discarded(found)
    assert not path.exists()
    assert sorted(entry.name for entry in other.iterdir()) == ["b_0.mcap", "episode.json"]


def test_a_deletion_that_was_cut_short_is_taken_up_again(
    session: SessionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = discard(session, "a")
    (found,) = find_discarded(session.path)
    unlink = Path.unlink

    def crash_at_the_bag(entry: Path) -> None:
        if entry.suffix == ".mcap":
            raise OSError("the power went")
        unlink(entry)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", crash_at_the_bag)
        with pytest.raises(OSError, match="power"):
            delete_discarded(found)
    (again,) = find_discarded(session.path)
    delete_discarded(again)
    assert not path.exists()


def test_deleting_what_has_gone_is_an_error(session: SessionFolder) -> None:
    with pytest.raises(FileNotFoundError):
        delete_discarded(DiscardedEpisode(session.path / "nobody", 1, 1))
