"""Where the taxels of a touch array are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from humanoid_recorder.spec.touch_spec import PadSpec

Array = npt.NDArray[np.float64]

ASSUMED_PITCH_M = 0.005
"""Between taxels whose places nobody has said."""
_LARGEST_M, _SMALLEST_M = 0.01, 0.001


@dataclass(frozen=True, slots=True)
class Pad:
    """Taxels on one link."""

    frame: str
    positions_m: Array
    """In that frame, in the order of the data, shape (taxels, 3)."""

    @property
    def taxel_size_m(self) -> float:
        """Return how large to draw a taxel so that neighbours do not cover each other."""
        if len(self.positions_m) < 2:
            return _LARGEST_M
        steps = np.linalg.norm(np.diff(self.positions_m, axis=0), axis=1)
        apart = steps[steps > 0]
        return float(np.clip(apart.min() if apart.size else _LARGEST_M, _SMALLEST_M, _LARGEST_M))


@dataclass(frozen=True, slots=True)
class TaxelLayout:
    """All taxels of one array."""

    pads: tuple[Pad, ...]

    @property
    def taxels(self) -> int:
        """How many there are."""
        return sum(len(pad.positions_m) for pad in self.pads)


def declared_layout(pads: Sequence[PadSpec]) -> TaxelLayout:
    """Return the layout that a profile declares."""
    return TaxelLayout(tuple(Pad(pad.frame, np.array(pad.places_m(), dtype=np.float64)) for pad in pads))


def assumed_layout(rows: int, columns: int, *, frame: str) -> TaxelLayout:
    """Lay an array out flat, because nobody has said where its taxels are.

    Args:
        rows: Along x of the frame.
        columns: Along y of the frame.
        frame: Whose origin is the middle of the array.
    """
    row, column = np.divmod(np.arange(rows * columns), max(columns, 1))
    x, y = (row - (rows - 1) / 2) * ASSUMED_PITCH_M, (column - (columns - 1) / 2) * ASSUMED_PITCH_M
    return TaxelLayout((Pad(frame, np.stack((x, y, np.zeros(rows * columns)), axis=1)),))
