"""A file of records that grows at its end, and that a failing disk leaves with its last whole record."""

import contextlib
import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from humanoid_recorder.core.errors import BagWriteError

_MAX_BUFFERS_PER_WRITE: int = os.sysconf("SC_IOV_MAX")


class RecordFile:
    """A new file that is written by one thread.

    The first write that fails is kept: every later one raises the same error again, and writes nothing.

    Args:
        path: The file to create; it must not exist.

    Raises:
        BagWriteError: The file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self.synced_bytes = 0
        """The file up to here is on the disk."""
        self.longest_sync_ns = 0
        """The longest ``fdatasync`` so far."""
        self._failure: BagWriteError | None = None
        try:
            self._fd: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise write_error(path, error) from error

    def check(self) -> None:
        """Find out whether the file still takes anything.

        Raises:
            BagWriteError: A write has failed, or the file is closed.
        """
        self._writable_fd()

    def write(self, pieces: Sequence[bytes]) -> None:
        """Write a record, or some that stand together, wholly or not at all.

        Args:
            pieces: The bytes, which go to the kernel as they are, without being copied together.

        Raises:
            BagWriteError: A write failed, now or earlier. What was begun has been cut off again, if the disk allows
                that, and what stood before it has been synced: ``synced_bytes`` tells.
        """
        fd = self._writable_fd()
        begins_at = self.size_bytes
        try:
            self._write_all(fd, pieces)
        except OSError as error:
            self._cut_back(fd, begins_at)
            self._fail(error)

    def sync(self) -> None:
        """Make what has been written durable.

        Raises:
            BagWriteError: The disk refused, now or earlier. What is in the file is left as it is.
        """
        fd = self._writable_fd()
        started_ns = time.monotonic_ns()
        try:
            self._sync(fd)
        except OSError as error:
            self._fail(error)
        self.longest_sync_ns = max(self.longest_sync_ns, time.monotonic_ns() - started_ns)

    def close(self) -> None:
        """Close the file descriptor and write nothing more; may be called at any time and twice."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):  # what counts has been synced, and the descriptor is gone all the same
                os.close(fd)

    def _write_all(self, fd: int, pieces: Sequence[bytes]) -> None:
        """Write pieces one after another, however few bytes the kernel takes at a time."""
        waiting: list[bytes | memoryview] = [piece for piece in pieces if piece]
        waiting.reverse()
        while waiting:
            taken = os.writev(fd, waiting[: -_MAX_BUFFERS_PER_WRITE - 1 : -1])
            if not taken:  # to go on asking would hang the recorder
                raise OSError(errno.EIO, "the disk takes nothing more")
            self.size_bytes += taken
            while waiting and taken >= len(waiting[-1]):
                taken -= len(waiting.pop())
            if taken:
                waiting[-1] = memoryview(waiting[-1])[taken:]

    def _sync(self, fd: int) -> None:
        os.fdatasync(fd)
        if not os.fstat(fd).st_nlink:  # the kernel goes on taking data for a file that nobody will ever see again
            raise FileNotFoundError(errno.ENOENT, "it was deleted while it was being recorded")
        self.synced_bytes = self.size_bytes

    def _cut_back(self, fd: int, size_bytes: int) -> None:
        """End the file where a record ends; a full disk has the room again, for the record of the episode."""
        with contextlib.suppress(OSError):  # a torn end stays: readers of unfinished files know what to do with it
            os.ftruncate(fd, size_bytes)
            self.size_bytes = size_bytes
        with contextlib.suppress(OSError):  # then what stands before it does not count, as after any failed sync
            self._sync(fd)

    def _fail(self, error: OSError) -> NoReturn:
        self._failure = write_error(self.path, error)
        raise self._failure from error

    def _writable_fd(self) -> int:
        if self._failure:
            raise BagWriteError(self._failure.message, remedy=self._failure.remedy) from self._failure
        if self._fd is None:
            raise BagWriteError(f"{self.path} is closed.")
        return self._fd


def write_error(path: Path, error: OSError) -> BagWriteError:
    """Say what failed and what to do, for a file or a directory that could not be written."""
    what = f"Cannot write {path}: {error.strerror or error}."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BagWriteError(what, remedy="Free space on that disk; what is on it already is kept.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return BagWriteError(what, remedy="Record to a folder you may write to.")
    if error.errno == errno.ENOENT:
        remedy = "Was the folder deleted or its disk removed? Put it back, or activate the recorder anew."
        return BagWriteError(what, remedy=remedy)
    if error.errno == errno.EIO:
        return BagWriteError(what, remedy="The disk reports an error (see `dmesg`); record to another one.")
    return BagWriteError(what)
