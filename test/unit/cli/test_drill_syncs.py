"""What was on the disk at a kill: noted by the process that is killed, without its knowing."""

import struct
import subprocess
import sys
from pathlib import Path

from humanoid_recorder.cli.drill_syncs import Syncs, cut_power, is_syncing, read_syncs

MS = 1_000_000
INODE = 42


def note(size: int, began_ms: int, ended_ms: int = 0, *, inode: int = INODE) -> bytes:
    return struct.pack("<QQQQ", inode, size, began_ms * MS, ended_ms * MS)


def test_the_notes_of_a_process_that_is_killed_tell_what_it_had_synced(tmp_path: Path) -> None:
    file, log = tmp_path / "file", tmp_path / "log"
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from humanoid_recorder.cli.drill_syncs import watch_syncs\n"
        "watch_syncs(Path(sys.argv[2]))\n"
        "fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)\n"
        "os.write(fd, b'on the disk')\n"
        "os.fdatasync(fd)\n"
        "os.write(fd, b' and not')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(file), str(log)], check=False)
    syncs = read_syncs(log, inode=file.stat().st_ino, killed_monotonic_ns=0)
    assert syncs.synced_bytes == len(b"on the disk")
    assert syncs.longest_ms > 0
    assert not syncs.under_way
    assert not is_syncing(log)
    assert cut_power(file, syncs.synced_bytes) == len(b" and not")
    assert file.read_bytes() == b"on the disk" + bytes(len(b" and not"))


def test_a_sync_that_was_under_way_does_not_count_as_done_but_for_its_length(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(note(100, 10) + note(100, 10, 12) + note(900, 20))
    assert is_syncing(log)
    assert read_syncs(log, inode=INODE, killed_monotonic_ns=27 * MS) == Syncs(100, 7.0, under_way=True)


def test_other_files_and_half_a_note_are_left_aside(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(note(500, 1, inode=7) + note(500, 1, 9, inode=7) + note(100, 10) + note(100, 10, 12) + b"half")
    assert read_syncs(log, inode=INODE, killed_monotonic_ns=0) == Syncs(100, 2.0, under_way=False)


def test_without_notes_nothing_was_synced(tmp_path: Path) -> None:
    assert read_syncs(tmp_path / "none", inode=INODE, killed_monotonic_ns=0) == Syncs()
    assert not is_syncing(tmp_path / "none")


def test_a_file_that_was_synced_to_its_end_loses_nothing_in_a_power_cut(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"all of it")
    assert cut_power(file, 9) == 0
    assert cut_power(file, 99) == 0
    assert file.read_bytes() == b"all of it"
    assert cut_power(file, 0) == 9
    assert file.read_bytes() == bytes(9)
