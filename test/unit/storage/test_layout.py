"""Names on disk, one owner per session folder, and discarding."""

import errno
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.errors import SessionError
from humanoid_recorder.storage.layout import SessionFolder, clean_robot_name, new_episode_id, new_session_id

NOW_NS = 1_795_160_424_044_668_177  # 2026-11-20 07:00:24.044 UTC


@pytest.fixture
def session(tmp_path: Path) -> SessionFolder:
    return SessionFolder.open(tmp_path, robot="G1", now_ns=NOW_NS)


def make_episode(session: SessionFolder, name: str = "episode", size: int = 100) -> Path:
    directory = session.episode_directory(name)
    directory.mkdir()
    (directory / f"{name}_0.mcap").write_bytes(bytes(size))
    return directory


def test_ids_have_the_agreed_form() -> None:
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(NOW_NS // 10**9))
    assert new_session_id(NOW_NS, "G1 left") == f"{stamp}Z_g1_left"
    assert re.fullmatch(stamp + r"\.044Z_g1_left_[0-9a-f]{6}", new_episode_id(NOW_NS, "G1 left"))


def test_two_episodes_of_one_moment_have_different_ids() -> None:
    assert len({new_episode_id(NOW_NS, "g1") for _ in range(50)}) == 50


@given(st.text())
def test_any_robot_name_gives_a_safe_folder_name(robot: str) -> None:
    assert re.fullmatch("[a-z0-9_-]+", clean_robot_name(robot))


def test_a_session_is_created_below_out_which_is_created_too(tmp_path: Path) -> None:
    session = SessionFolder.open(tmp_path / "recordings", robot="g1", now_ns=NOW_NS)
    assert session.path == tmp_path / "recordings" / new_session_id(NOW_NS, "g1")
    assert session.path.is_dir()


def test_out_is_not_created_below_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="missing does not exist") as raised:
        SessionFolder.open(tmp_path / "missing" / "out", robot="g1", now_ns=NOW_NS)
    assert "mount" in raised.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_out_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(SessionError, match="is a file, not a folder"):
        SessionFolder.open(tmp_path / "out", robot="g1", now_ns=NOW_NS)


def test_sessions_of_one_second_get_different_folders(tmp_path: Path) -> None:
    sessions = [SessionFolder.open(tmp_path, robot="g1", now_ns=NOW_NS) for _ in range(3)]
    assert [each.path.name for each in sessions] == [new_session_id(NOW_NS + s * 10**9, "g1") for s in range(3)]


def test_a_second_recorder_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from humanoid_recorder.storage.layout import SessionFolder;"
        "folder = SessionFolder(pathlib.Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
    )
    (tmp_path / "session").mkdir()
    command = [sys.executable, "-c", program, str(tmp_path / "session")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(SessionError, match=f"in use by another recorder \\(process {holder.pid}\\)"):
            SessionFolder(tmp_path / "session")
        holder.kill()
        holder.wait()
    SessionFolder(tmp_path / "session").release()


def test_a_released_folder_can_be_taken_again_and_releasing_twice_is_fine(session: SessionFolder) -> None:
    make_episode(session)
    with pytest.raises(SessionError, match=f"process {os.getpid()}"):
        SessionFolder(session.path)
    session.release()
    session.release()
    again = SessionFolder(session.path)
    assert again.path == session.path
    again.release()


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "may write to"),
        (errno.ENOSPC, "Free space"),
        (errno.EROFS, "read-only"),
    ],
)
def test_a_folder_that_cannot_be_written_is_found_out_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "pwrite", refuse)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(SessionError, match=os.strerror(number)) as raised:
        SessionFolder.open(tmp_path, robot="g1", now_ns=NOW_NS)
    assert remedy in raised.value.remedy
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_discarded_episode_can_be_brought_back(session: SessionFolder) -> None:
    directory = make_episode(session)
    target = session.discard("episode")
    assert target == session.path / ".discarded" / "episode"
    assert (target / "episode_0.mcap").exists()
    assert not directory.exists()
    assert session.undo_discard("episode") == directory
    assert (directory / "episode_0.mcap").exists()


def test_discarding_what_is_not_there_is_an_error(session: SessionFolder) -> None:
    with pytest.raises(SessionError, match="There is no episode nobody"):
        session.discard("nobody")
    with pytest.raises(SessionError, match="There is no episode nobody"):
        session.undo_discard("nobody")


def test_undoing_never_overwrites(session: SessionFolder) -> None:
    make_episode(session)
    session.discard("episode")
    make_episode(session, size=7)
    with pytest.raises(SessionError, match="exists already"):
        session.undo_discard("episode")


def test_purging_deletes_only_what_was_discarded_long_enough_ago(session: SessionFolder) -> None:
    for name in ("old", "new"):
        os.utime(make_episode(session, name), (1, 1))  # an old recording, discarded just now, is still new
        session.discard(name)
    day_ns = 24 * 3600 * 10**9
    os.utime(session.path / ".discarded" / "old", ns=(0, time.time_ns() - day_ns - 10**9))
    assert session.purge_discarded(older_than_ns=day_ns) == [session.path / ".discarded" / "old"]
    assert [path.name for path in (session.path / ".discarded").iterdir()] == ["new"]
    assert session.purge_discarded(older_than_ns=0) == [session.path / ".discarded" / "new"]
    assert session.purge_discarded(older_than_ns=0) == []


def test_purging_reaches_the_sessions_beside_this_one(session: SessionFolder) -> None:
    yesterday = SessionFolder.open(session.path.parent, robot="g1", now_ns=NOW_NS - 10**14)
    make_episode(yesterday)
    yesterday.discard("episode")
    kept = make_episode(yesterday, "kept")
    yesterday.release()
    assert session.purge_discarded(older_than_ns=0) == [yesterday.path / ".discarded" / "episode"]
    assert (kept / "kept_0.mcap").exists()


def test_purging_deletes_nothing_but_episodes(session: SessionFolder, tmp_path: Path) -> None:
    others = tmp_path / "photos" / ".discarded"
    (others / "holiday").mkdir(parents=True)
    (others / "holiday" / "beach.jpg").write_bytes(b"jpeg")
    (others / "notes.txt").write_text("keep")
    make_episode(session)
    discarded = session.discard("episode")
    assert session.purge_discarded(older_than_ns=0) == [discarded]
    assert sorted(path.name for path in others.rglob("*")) == ["beach.jpg", "holiday", "notes.txt"]


def test_a_session_in_which_nothing_was_recorded_leaves_no_folder(tmp_path: Path) -> None:
    empty = SessionFolder.open(tmp_path, robot="g1", now_ns=NOW_NS)
    full = SessionFolder.open(tmp_path, robot="g1", now_ns=NOW_NS)
    make_episode(full)
    empty.release()
    full.release()
    assert [path.name for path in tmp_path.iterdir()] == [full.path.name]


@pytest.mark.parametrize("name", ["", ".", "..", "../other", "a/b", "/etc"])
def test_an_id_that_leads_elsewhere_is_refused(session: SessionFolder, name: str) -> None:
    with pytest.raises(ValueError, match="is not an episode id"):
        session.episode_directory(name)


def test_free_bytes_are_those_of_the_disk(session: SessionFolder) -> None:
    stat = os.statvfs(session.path)
    assert 0 < session.free_bytes() <= stat.f_blocks * stat.f_frsize
