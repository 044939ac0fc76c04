"""When the recorder that is to be killed synced what: written by that process, read when it is dead.

The recorder's own code does not know of it. ``os.fdatasync`` is watched from outside, by the module that starts it
(``drill_recorder``), so that the drill knows to the byte what a power cut at the moment of the kill would have left.
"""

import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path

_NOTE = struct.Struct("<QQQQ")
"""Inode of the file, its size at the call in bytes, begin and end on the monotonic clock in ns; end 0 = it began."""
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Syncs:
    """What is known of the ``fdatasync`` calls of one file."""

    synced_bytes: int = 0
    """The file up to here was on the disk: its size when the last call began that had returned."""
    longest_ms: float = 0.0
    """One that was under way at the kill counts up to the kill."""
    under_way: bool = False
    """Whether one was at the kill."""


def watch_syncs(log: Path) -> None:
    """Note every ``os.fdatasync`` of this process in a file, before and after it.

    Notes are single writes of a few bytes into the page cache, which a killed process leaves behind.

    Args:
        log: The file to make.
    """
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    sync = os.fdatasync

    def fdatasync(file: int) -> None:
        status, began_ns = os.fstat(file), time.monotonic_ns()
        os.write(fd, _NOTE.pack(status.st_ino, status.st_size, began_ns, 0))
        sync(file)
        os.write(fd, _NOTE.pack(status.st_ino, status.st_size, began_ns, time.monotonic_ns()))

    os.fdatasync = fdatasync  # type: ignore[assignment]  # the recorder gives it descriptors only


def is_syncing(log: Path) -> bool:
    """Whether a sync is under way right now; costs one call of the kernel."""
    try:
        return log.stat().st_size // _NOTE.size % 2 == 1  # the recorder syncs in one thread: begin, end, begin, end
    except OSError:
        return False


def read_syncs(log: Path, *, inode: int, killed_monotonic_ns: int) -> Syncs:
    """Read the notes about one file.

    Args:
        log: What ``watch_syncs`` wrote; may not exist.
        inode: Of the file.
        killed_monotonic_ns: When the process was killed.
    """
    data = log.read_bytes() if log.is_file() else b""
    whole = data[: len(data) // _NOTE.size * _NOTE.size]
    notes = [note for note in _NOTE.iter_unpack(whole) if note[0] == inode]
    if not notes:
        return Syncs()
    last_end_ns = notes[-1][3]
    longest_ns = max((end_ns or killed_monotonic_ns) - began_ns for _, _, began_ns, end_ns in _latest(notes))
    return Syncs(
        synced_bytes=max((size for _, size, _, end_ns in notes if end_ns), default=0),
        longest_ms=longest_ns / _NS_PER_MS,
        under_way=not last_end_ns,
    )


def _latest(notes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return one note for each call: that of its end, if it ended."""
    return list({note[2]: note for note in notes}.values())


def cut_power(file: Path, synced_bytes: int) -> int:
    """Leave a file as a power cut does in the bad case: as long as it was, and zeros where it was not synced.

    Returns:
        How many bytes are zero now.
    """
    size = file.stat().st_size
    os.truncate(file, min(size, synced_bytes))
    os.truncate(file, size)
    return size - min(size, synced_bytes)
