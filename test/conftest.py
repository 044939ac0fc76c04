"""What tests of several kinds share: a ROS domain of their own, and a disk that can be filled."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from humanoid_recorder.cli.demo_children import busy_domains

settings.register_profile("untimed", deadline=None)  # how long an example takes depends on what else runs here
settings.load_profile("untimed")

DOMAINS = 100


class SmallDisk:
    """A file system of its own, mounted for one test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def free_bytes(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def leave(self, free_bytes: int) -> None:
        """Let something else take all space but so much."""
        self._ballast.unlink(missing_ok=True)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.free_bytes() - free_bytes)


MountDisk = Callable[..., SmallDisk]


@pytest.fixture
def mount_disk(tmp_path: Path) -> Iterator[MountDisk]:
    """Mounts a small disk: in memory, or an image as ext4, which can fail. Skips where that is not permitted."""
    with ExitStack() as stack:

        def mount(size_mb: int, *, is_ext4: bool = False) -> SmallDisk:
            folder, image = tmp_path / "disk", tmp_path / "image"
            folder.mkdir()
            commands = [["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "small", str(folder)]]
            if is_ext4:
                with image.open("wb") as file:
                    file.truncate(size_mb * 2**20)
                commands = [
                    ["mkfs.ext4", "-q", "-F", "-m", "0", str(image)],
                    ["mount", "-o", "loop,errors=remount-ro", str(image), str(folder)],
                ]
            for command in commands:
                if shutil.which(command[0]) is None:
                    pytest.skip(f"there is no {command[0]} here")
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    pytest.skip(f"a disk cannot be mounted here: {done.stderr.strip()}")
            stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
            return SmallDisk(folder)

        yield mount


@pytest.fixture
def domain_id(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A domain that nobody on this machine uses, no other test and no demo; child processes inherit it."""
    tables = (Path("/proc/net/udp"), Path("/proc/net/udp6"))
    busy = busy_domains(table.read_text() for table in tables if table.is_file())
    with ExitStack() as stack:
        for attempt in range(DOMAINS):
            domain = 1 + (os.getpid() + attempt) % DOMAINS
            lock = stack.enter_context((Path(tempfile.gettempdir()) / f"ros_test_domain_{domain}.lock").open("w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if domain in busy:
                continue
            monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
            monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
            yield domain
            return
        pytest.fail(f"all {DOMAINS} ROS domains are in use")
