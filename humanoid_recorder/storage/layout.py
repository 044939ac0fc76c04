"""Where recordings are on disk.

``<out>/<session>/<episode id>/`` is a bag; while it is recorded its directory ends in ``.unfinished``. Discarded
episodes wait in ``<session>/.discarded/``. One recorder at a time owns a session folder, by a lock on ``.lock``.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
from datetime import UTC, datetime
from pathlib import Path

from humanoid_recorder.core.errors import SessionError
from humanoid_recorder.storage.disk_space import DiskSpace, disk_space

UNFINISHED_SUFFIX = ".unfinished"
DISCARDED_FOLDER = ".discarded"
LOCK_FILE = ".lock"

_NS_PER_S = 1_000_000_000
_NS_PER_MS = 1_000_000
_ATTEMPTS_AT_A_NAME = 60


def unfinished_path(episode: Path) -> Path:
    """Return the directory in which an episode is while it is recorded."""
    return episode.with_name(episode.name + UNFINISHED_SUFFIX)


def clean_robot_name(robot: str) -> str:
    """Return a robot's name as it stands in folder names: a-z, 0-9, ``_`` and ``-``; ``robot`` if nothing is left."""
    return re.sub(r"[^a-z0-9_-]+", "_", robot.lower()).strip("_") or "robot"


def _utc(now_ns: int) -> datetime:
    return datetime.fromtimestamp(now_ns // _NS_PER_S, UTC)


def new_session_id(now_ns: int, robot: str) -> str:
    """Return ``<UTC yyyymmddThhmmssZ>_<robot>``; ``now_ns`` is ns since the epoch."""
    return f"{_utc(now_ns):%Y%m%dT%H%M%SZ}_{clean_robot_name(robot)}"


def new_episode_id(now_ns: int, robot: str) -> str:
    """Return ``<UTC yyyymmddThhmmss.mmmZ>_<robot>_<6 hex>``, the last part random; ``now_ns`` is since the epoch."""
    milliseconds = now_ns % _NS_PER_S // _NS_PER_MS
    return f"{_utc(now_ns):%Y%m%dT%H%M%S}.{milliseconds:03d}Z_{clean_robot_name(robot)}_{secrets.token_hex(3)}"


class SessionFolder:
    """A session's folder, locked for this process until ``release``.

    Args:
        path: The folder, which exists.

    Raises:
        SessionError: Another recorder holds it, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_fd: int | None = _lock(path)

    @classmethod
    def open(cls, out: Path, *, robot: str, now_ns: int) -> "SessionFolder":
        """Create and lock a new session folder.

        When the name is taken, because two sessions of one robot start in the same second, the next second's is used.

        Args:
            out: Where sessions go; created when only its last part is missing.
            robot: The robot's name.
            now_ns: Now, ns since the epoch.

        Raises:
            SessionError: ``out`` cannot be used.
        """
        _make_folder(out)
        for second in range(_ATTEMPTS_AT_A_NAME):
            path = out / new_session_id(now_ns + second * _NS_PER_S, robot)
            try:
                path.mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                raise _session_error(path, error) from error
            return cls(path)
        raise SessionError(f"{out} has {_ATTEMPTS_AT_A_NAME} sessions of {robot} from this minute already.")

    def episode_directory(self, episode_id: str) -> Path:
        """Return where an episode is, or will be, once it is sealed."""
        return self.path / _plain_name(episode_id)

    def discard(self, episode_id: str) -> Path:
        """Move a sealed episode among the discarded ones and return where it is now.

        Raises:
            SessionError: There is no such episode, or it cannot be moved.
        """
        target = self._discarded(episode_id)
        try:
            target.parent.mkdir(exist_ok=True)
            self._move(self.episode_directory(episode_id), target)
            os.utime(target)  # the age at which it is purged counts from now
        except OSError as error:
            raise _session_error(target, error) from error
        return target

    def undo_discard(self, episode_id: str) -> Path:
        """Move a discarded episode back and return where it is now.

        Raises:
            SessionError: There is no such discarded episode (any more), or it cannot be moved.
        """
        target = self.episode_directory(episode_id)
        try:
            self._move(self._discarded(episode_id), target)
        except OSError as error:
            raise _session_error(target, error) from error
        return target

    def check(self, *, tries_to_write: bool = True) -> DiskSpace:
        """Make sure that the folder is there, is ours and can be written, and look at its disk.

        A folder that has come back, with its disk or from a copy, is locked anew.

        Args:
            tries_to_write: Write the lock file again instead of only asking: ext4 takes nothing more after an error,
                and yet says that it is not read-only.

        Raises:
            SessionError: It has gone, another recorder holds it, or it cannot be written.
        """
        try:
            if not self._is_ours():
                new_fd = _lock(self.path)
                old_fd, self._lock_fd = self._lock_fd, new_fd
                if old_fd is not None:
                    os.close(old_fd)
            space = disk_space(self.path)
            if space.is_read_only:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if tries_to_write and self._lock_fd is not None:
                os.pwrite(self._lock_fd, _lock_text(), 0)
        except FileNotFoundError as error:
            raise SessionError(
                f"The session's folder {self.path} has gone.",
                remedy="Was it deleted, or its disk removed? Put it back; or deactivate and activate the recorder, "
                "which begins a new session.",
            ) from error
        except OSError as error:
            raise _session_error(self.path, error) from error
        return space

    def release(self) -> None:
        """Give the folder up, and remove it if nothing was recorded; may be called twice."""
        fd, self._lock_fd = self._lock_fd, None
        if fd is None:
            return
        with contextlib.suppress(OSError):  # an empty folder that stays does no harm
            if [entry.name for entry in self.path.iterdir()] == [LOCK_FILE]:
                (self.path / LOCK_FILE).unlink()
                self.path.rmdir()
        os.close(fd)

    def _is_ours(self) -> bool:
        """Whether what stands under the folder's name is what we hold the lock of."""
        directory = self.path.stat()
        if self._lock_fd is None or not stat.S_ISDIR(directory.st_mode):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        try:
            return os.path.samestat((self.path / LOCK_FILE).stat(), os.fstat(self._lock_fd))
        except FileNotFoundError:
            return False

    def _discarded(self, episode_id: str) -> Path:
        return self.path / DISCARDED_FOLDER / _plain_name(episode_id)

    def _move(self, source: Path, target: Path) -> None:
        if not source.is_dir():
            raise SessionError(f"There is no episode {source.name} in {source.parent}.")
        if os.path.lexists(target):
            raise SessionError(f"{target} exists already.", remedy="Move it away first.")
        source.rename(target)


def _plain_name(episode_id: str) -> str:
    if Path(episode_id).name != episode_id or episode_id in ("", ".", ".."):
        raise ValueError(f"{episode_id!r} is not an episode id")
    return episode_id


def is_episode(path: Path) -> bool:
    """Whether a directory holds the bag of the episode it is named after."""
    return (path / f"{path.name}_0.mcap").is_file()


def _make_folder(path: Path) -> None:
    """Create a folder whose parent exists, unless it is there."""
    if path.is_dir():
        return
    if os.path.lexists(path):
        raise SessionError(f"{path} is a file, not a folder.", remedy="Choose another output folder.")
    if not path.parent.is_dir():
        raise SessionError(
            f"{path} cannot be created: {path.parent} does not exist.",
            remedy="Create it, or mount the disk it is on.",
        )
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise _session_error(path, error) from error


def _lock(folder: Path) -> int:
    """Take the folder's lock and prove that it can be written; returns the descriptor that holds the lock."""
    path = folder / LOCK_FILE
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _session_error(folder, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, _lock_text(), 0)
        os.fsync(fd)
    except BlockingIOError as error:
        holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(fd)
        raise SessionError(
            f"{folder} is in use by another recorder (process {holder}).",
            remedy="Stop that one, or record to another folder.",
        ) from error
    except OSError as error:
        os.close(fd)
        raise _session_error(folder, error) from error
    return fd


def _lock_text() -> bytes:
    return f"{os.getpid()}\n".encode()


def _session_error(path: Path, error: OSError) -> SessionError:
    return SessionError(f"Cannot use {path}: {error.strerror or error}.", remedy=_remedy(error))


def _remedy(error: OSError) -> str:
    match error:
        case PermissionError():
            return "Choose a folder you may write to, or change its owner."
        case OSError(errno=number) if number in (errno.ENOSPC, errno.EDQUOT):
            return "Free space on that disk."
        case OSError(errno=errno.EROFS):
            return "The disk is mounted read-only; remount it or choose another one."
        case _:
            return ""
