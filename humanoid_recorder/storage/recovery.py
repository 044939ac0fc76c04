"""Recovery of bags that were never sealed, or that are damaged: ``recover_bag``.

Nothing is believed before it has been counted: the result is opened by our own reader, every message of it is read, and
each topic must have as many as were found in the damaged file. Until then the original stays where it is, untouched,
so a recovery that is killed at any point is simply done again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.layout import UNFINISHED_SUFFIX
from humanoid_recorder.storage.recovery_directory import DirectoryRecovery
from humanoid_recorder.storage.recovery_episode import EpisodeRecovery
from humanoid_recorder.storage.recovery_locks import exclusive
from humanoid_recorder.storage.recovery_report import OnProgress, RecoveryReport
from humanoid_recorder.storage.rosbag2_metadata import METADATA_FILE


def recover_bag(
    directory: Path, *, keep_original: bool = False, on_progress: OnProgress | None = None
) -> RecoveryReport:
    """Put a bag in order that was never sealed, or that is damaged; one that is whole is left alone.

    An unfinished episode gets its final name. Its original is deleted if the result holds everything that it held, and
    kept in ``damaged/`` inside the result if a part of it could not be read. A bag that had its name already is
    repaired where it is, and its damaged files are always kept in ``damaged/``.

    Args:
        directory: An ``.unfinished`` directory, a bag, its ``metadata.yaml``, or an ``.mcap`` file.
        keep_original: Keep the original of an unfinished episode in any case.
        on_progress: Told the bytes done and those to do; may block for a while, or raise to give up.

    Raises:
        BagReadError: There is no bag, nothing in it can be read, or the result does not count.
        BagWriteError: There is no room, or the disk refused.
        SessionError: It is being recorded, or recovered by somebody else.
    """
    with _opened(directory, on_progress) as bag:
        return bag.recover(keep_original=keep_original) if isinstance(bag, EpisodeRecovery) else bag.recover()


def examine_bag(directory: Path, *, on_progress: OnProgress | None = None) -> RecoveryReport:
    """Say what ``recover_bag`` would find, and change nothing.

    Args:
        directory: As for ``recover_bag``.
        on_progress: As for ``recover_bag``.

    Raises:
        BagReadError: There is no bag, or nothing in it can be read.
        SessionError: It is being recorded, or recovered by somebody else.
    """
    with _opened(directory, on_progress) as bag:
        return bag.examine()


@contextmanager
def _opened(path: Path, on_progress: OnProgress | None) -> Iterator[EpisodeRecovery | DirectoryRecovery]:
    if not path.exists():
        raise BagReadError(f"There is no {path}.")
    if path.name == METADATA_FILE or (path.suffix == ".mcap" and _is_a_bag(path.parent)):
        path = path.parent
    with exclusive(path):
        if path.name.endswith(UNFINISHED_SUFFIX):
            yield EpisodeRecovery(path, on_progress)
        else:
            yield DirectoryRecovery(path, on_progress)


def _is_a_bag(directory: Path) -> bool:
    return (directory / METADATA_FILE).exists() or directory.name.endswith(UNFINISHED_SUFFIX)
