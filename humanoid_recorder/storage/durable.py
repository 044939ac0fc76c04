"""Files and directory entries that survive a power cut. All raise OSError; callers know what to say about it."""

import contextlib
import os
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Make created, renamed and removed entries of a directory durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_atomically(path: Path, text: str) -> None:
    """Write or replace a text file so that a reader, or a power cut, finds the old one or the new one, never half."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):  # half a file only takes room on a full disk; the first error is raised
            temporary.unlink()
        raise
    sync_directory(path.parent)
