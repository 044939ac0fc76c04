"""Frames: which samples of each stream belong to each tick."""

from dataclasses import dataclass

import numpy as np

from humanoid_recorder.core.alignment.rules import Int64Array, Status

FIELDS = ("first_ordinal", "count", "stamp_ns", "age_ns", "status")
"""Of one stream in one frame; -1 stands for what is missing."""
FIRST_ORDINAL, COUNT, STAMP_NS, AGE_NS, STATUS = range(len(FIELDS))

Cells = np.ndarray[tuple[int, int, int], np.dtype[np.int64]]
FrameCells = np.ndarray[tuple[int, int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Frame:
    """The samples at one tick."""

    tick_ns: int
    index: int
    cells: FrameCells
    """streams x fields. An ordinal is the 0-based accepted order in its stream; the samples chosen are within
    ``first_ordinal`` .. ``first_ordinal + count - 1``, where the method is applied again if stamps are out of order."""


@dataclass(frozen=True, slots=True)
class FrameTable:
    """All frames of an episode."""

    names: tuple[str, ...]
    """Of the streams."""
    ticks_ns: Int64Array
    """Strictly increasing."""
    cells: Cells
    """ticks x streams x fields."""

    @property
    def is_complete(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Per tick, whether every stream has what its rule asks for."""
        return np.asarray((self.cells[:, :, STATUS] == Status.OK).all(axis=1))


def missing_cell(status: Status) -> tuple[int, int, int, int, int]:
    """Return the cell of a stream that has nothing to offer."""
    return (-1, 0, -1, -1, int(status))
