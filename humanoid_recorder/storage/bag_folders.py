"""Finding the bags below a folder: a session, or everything ever recorded."""

import os
from collections.abc import Iterator
from pathlib import Path

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.layout import DISCARDED_FOLDER, UNFINISHED_SUFFIX
from humanoid_recorder.storage.rosbag2_metadata import METADATA_FILE


def is_bag(path: Path) -> bool:
    """Whether this is one bag, sealed or not, and not a folder of them."""
    if path.is_file() or path.name.endswith(UNFINISHED_SUFFIX):
        return True
    return (path / METADATA_FILE).exists() or any(path.glob("*.mcap"))


def unfinished_below(folder: Path) -> list[Path]:
    """Return the unfinished episodes of a session, or of all sessions in a folder, oldest first.

    Raises:
        BagReadError: The folder cannot be looked at.
    """
    try:
        found = [*folder.glob(f"*{UNFINISHED_SUFFIX}"), *folder.glob(f"*/*{UNFINISHED_SUFFIX}")]
        return sorted((path for path in found if path.is_dir()), key=lambda path: path.name)
    except OSError as error:
        raise BagReadError(f"Cannot look into {folder}: {error.strerror or error}.") from error


def bags_below(folder: Path, *, discarded: bool = False) -> Iterator[Path]:
    """Yield the bag folders below a folder, sorted by path; unfinished ones too.

    Args:
        folder: Where to look. Hidden folders are left out, and nothing is looked for inside a bag.
        discarded: Also those that were discarded.
    """
    for path in sorted(_folders(folder)):
        if path.name.startswith(".") and not (discarded and path.name == DISCARDED_FOLDER):
            continue
        if is_bag(path):
            yield path
        else:
            yield from bags_below(path, discarded=discarded)


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
