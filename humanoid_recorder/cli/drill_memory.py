"""Shared memory that a killed process leaves behind: Fast DDS makes a segment of 0.5 MB, and nobody removes it.

Only segments: their names are random, and who made one holds a lock beside it for as long as he lives. The ports
(``fastdds_port7000``) are numbered for the whole computer, may be in use by others, and are used again.
"""

import fcntl
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_SEGMENT = re.compile(r"/dev/shm/fast(?:dds|rtps)_[0-9a-f]{16}\b")  # noqa: S108 - names that the kernel says
_LOCK_SUFFIX = "_el"


def segments_of(pid: int) -> frozenset[Path]:
    """Return the segments that a process of ours has in use; empty when it has gone."""
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return frozenset()
    return frozenset(map(Path, _SEGMENT.findall(maps)))


def remove_orphans(segments: Iterable[Path]) -> None:
    """Remove those segments whose maker has gone."""
    for segment in segments:
        lock = segment.with_name(segment.name + _LOCK_SUFFIX)
        with suppress(OSError):  # it was removed, or its maker lives and holds the lock
            fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                segment.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)
            finally:
                os.close(fd)
