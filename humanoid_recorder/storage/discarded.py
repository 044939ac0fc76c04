"""Discarded episodes on the disk: which there are, and how one is deleted for good.

They wait in the ``.discarded/`` folders of all sessions of an output folder. The time at which one was discarded is the
modification time of its directory: ``SessionFolder.discard`` sets it after the rename, whatever is written into the
directory later only makes it younger, and it needs no room on a full disk, as a file that tells it would.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from humanoid_recorder.storage.layout import DISCARDED_FOLDER, LOCK_FILE, is_episode

_BLOCK_BYTES = 512
"""The unit of ``st_blocks``, whatever the file system's own is."""


@dataclass(frozen=True, slots=True)
class DiscardedEpisode:
    """One that may be deleted."""

    path: Path
    bytes: int
    """What it takes on the disk."""
    discarded_ns: int
    """When it was discarded; ns since the epoch, on the clock as it was set then."""

    @property
    def id(self) -> str:
        """Its episode id."""
        return self.path.name


def find_discarded(session: Path) -> list[DiscardedEpisode]:
    """Find the discarded episodes of a session of ours and of those beside it that no other recorder holds.

    Nothing but episodes is found: a folder of that name with other things in it is not ours.

    Args:
        session: Our session's folder; its lock is ours.

    Returns:
        The one discarded first comes first.
    """
    found = []
    for folder in session.parent.glob(f"*/{DISCARDED_FOLDER}"):
        if folder.parent != session and _is_locked(folder.parent):
            continue
        for path in folder.iterdir():
            with contextlib.suppress(OSError):  # deleted or brought back meanwhile, or it belongs to another user
                if is_episode(path):
                    changed_ns = path.stat().st_mtime_ns
                    found.append(DiscardedEpisode(path, sum(_sizes(path)), changed_ns))
    return sorted(found, key=lambda episode: (episode.discarded_ns, episode.id))


def delete_discarded(episode: DiscardedEpisode) -> None:
    """Delete it for good. Cut short by a crash it is still found the next time: what makes it an episode goes last.

    Raises:
        OSError: The disk refused, or it is not there any more.
    """
    bag = episode.path / f"{episode.id}_0.mcap"
    for path in sorted(episode.path.iterdir(), key=lambda path: path == bag):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    episode.path.rmdir()


def _is_locked(session: Path) -> bool:
    """Whether a recorder holds a session's folder; one that cannot be asked counts as held."""
    try:
        fd = os.open(session / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False  # a copy of a session
    except OSError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _sizes(directory: Path) -> Iterator[int]:
    with os.scandir(directory) as entries:
        for entry in entries:
            yield entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
