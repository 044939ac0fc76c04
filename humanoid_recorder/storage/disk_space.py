"""How much room a disk has."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """One look at a mounted file system."""

    free_bytes: int
    """What may still be written, by others than root."""
    total_bytes: int
    is_read_only: bool = False


def disk_space(path: Path) -> DiskSpace:
    """Look at the disk that a path is on.

    Raises:
        OSError: The path does not exist, or its disk does not answer.
    """
    found = os.statvfs(path)
    return DiskSpace(
        free_bytes=found.f_bavail * found.f_frsize,
        total_bytes=found.f_blocks * found.f_frsize,
        is_read_only=bool(found.f_flag & os.ST_RDONLY),
    )
