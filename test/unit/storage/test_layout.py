"""Names on disk, one owner per session folder, and discarding."""

import errno
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.errors import SessionError
from humanoid_recorder.storage import layout
from humanoid_recorder.storage.disk_space import DiskSpace
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


def test_a_folder_that_is_well_tells_the_room_on_its_disk(session: SessionFolder) -> None:
    space, found = session.check(), os.statvfs(session.path)
    assert 0 < space.free_bytes <= space.total_bytes == found.f_blocks * found.f_frsize
    assert not space.is_read_only


def test_a_folder_that_has_gone_is_named_and_found_again_when_it_comes_back(session: SessionFolder) -> None:
    away = session.path.rename(session.path.with_name("away"))
    with pytest.raises(SessionError, match=f"{session.path} has gone") as raised:
        session.check()
    assert "Put it back" in raised.value.remedy
    away.rename(session.path)
    assert session.check().free_bytes > 0


def test_a_folder_that_comes_back_as_a_copy_is_locked_anew(session: SessionFolder) -> None:
    make_episode(session)
    copy = shutil.copytree(session.path, session.path.with_name("copy"))
    shutil.rmtree(session.path)
    copy.rename(session.path)
    assert session.check().free_bytes > 0
    with pytest.raises(SessionError, match="in use by another recorder"):
        SessionFolder(session.path)
    session.release()
    SessionFolder(session.path).release()


def test_a_folder_that_another_recorder_holds_is_not_taken_back(session: SessionFolder) -> None:
    make_episode(session)
    copy = shutil.copytree(session.path, session.path.with_name("copy"))
    shutil.rmtree(session.path)
    copy.rename(session.path)
    other = SessionFolder(session.path)
    with pytest.raises(SessionError, match="in use by another recorder"):
        session.check()
    other.release()
    assert session.check().free_bytes > 0


@pytest.mark.parametrize(
    ("space", "may_write", "words"),
    [
        (DiskSpace(10**9, 10**9, is_read_only=True), True, "Read-only file system. The disk is mounted read-only"),
        (DiskSpace(10**9, 10**9), False, "Permission denied"),
    ],
)
def test_a_folder_that_can_no_longer_be_written_is_named(
    session: SessionFolder, monkeypatch: pytest.MonkeyPatch, space: DiskSpace, may_write: bool, words: str
) -> None:
    monkeypatch.setattr(layout, "disk_space", lambda _path: space)
    monkeypatch.setattr(os, "access", lambda _path, _mode: may_write)
    with pytest.raises(SessionError, match=words):
        session.check()


def test_a_disk_that_takes_nothing_though_it_says_it_would_is_found_out_by_writing(
    session: SessionFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "pwrite", refuse)
    assert session.check(tries_to_write=False).free_bytes > 0
    with pytest.raises(SessionError, match="Read-only file system"):
        session.check()


def test_a_disk_that_reports_an_error_is_named(session: SessionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> DiskSpace:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(layout, "disk_space", fail)
    with pytest.raises(SessionError, match="Input/output error"):
        session.check()


def test_a_folder_that_was_given_up_is_not_taken_back(session: SessionFolder) -> None:
    make_episode(session)
    session.release()
    with pytest.raises(SessionError, match="has gone"):
        session.check()
    SessionFolder(session.path).release()
