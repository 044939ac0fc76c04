"""Recovery of bags that were never sealed, or that are damaged."""

from collections.abc import Callable
from pathlib import Path

from humanoid_recorder.storage.recovery_report import RecoveryReport

OnProgress = Callable[[int, int], None]


def recover_bag(
    directory: Path, *, keep_original: bool = False, on_progress: OnProgress | None = None
) -> RecoveryReport:
    """Recover a bag."""
    raise NotImplementedError
