"""Finding the bags below a folder: a session, or everything ever recorded."""

import os
from collections.abc import Iterator
from pathlib import Path

from humanoid_recorder.storage.layout import DISCARDED_FOLDER
from humanoid_recorder.storage.recovery_search import is_bag


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
