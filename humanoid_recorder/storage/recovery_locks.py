"""Whose a recording is at the moment: the recorder's that makes it, a recovery's, or nobody's."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from humanoid_recorder.core.errors import SessionError
from humanoid_recorder.storage.layout import LOCK_FILE


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a bag for a recovery: against the recorder by its session's lock, against others by its directory.

    Args:
        path: The bag's directory, or a file that is a bag.

    Raises:
        SessionError: It is being recorded, or recovered by somebody else, or cannot be opened.
    """
    session_lock = path.parent / LOCK_FILE
    with _locked(path, f"{path} is being recovered by another process."):
        if session_lock.is_file():
            with _locked(session_lock, f"{path.parent} is being recorded, or recovered by another process."):
                yield
        else:
            yield


def is_held(session: Path) -> bool:
    """Whether a session is being recorded, or one of its episodes recovered, right now."""
    try:
        with _locked(session / LOCK_FILE, ""):
            return False
    except SessionError:
        return (session / LOCK_FILE).is_file()


@contextmanager
def _locked(path: Path, held: str) -> Iterator[None]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SessionError(f"Cannot use {path}: {error.strerror or error}.") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise SessionError(held, remedy="Wait until that is over.") from error
    try:
        yield
    finally:
        os.close(fd)
