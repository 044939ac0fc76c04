"""Shared memory of the dead is removed, that of the living is not."""

import fcntl
import os
from pathlib import Path

from humanoid_recorder.cli.drill_memory import remove_orphans, segments_of


def segment(folder: Path, name: str) -> Path:
    (folder / f"{name}_el").touch()
    (folder / name).write_bytes(bytes(8))
    return folder / name


def test_only_a_segment_whose_maker_holds_no_lock_is_removed(tmp_path: Path) -> None:
    dead, living = segment(tmp_path, "fastdds_00000000000000aa"), segment(tmp_path, "fastdds_00000000000000bb")
    gone = tmp_path / "fastdds_00000000000000cc"
    fd = os.open(f"{living}_el", os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        remove_orphans([dead, living, gone])
    finally:
        os.close(fd)
    assert sorted(path.name for path in tmp_path.iterdir()) == [living.name, f"{living.name}_el"]


def test_a_process_that_has_gone_or_that_uses_no_dds_has_no_segments() -> None:
    assert segments_of(2**22 + 1) == frozenset()
    assert segments_of(os.getpid()) == frozenset()
