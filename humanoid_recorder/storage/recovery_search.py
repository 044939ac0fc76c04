"""Finds what there is to recover below a folder."""

from pathlib import Path

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.layout import UNFINISHED_SUFFIX
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
