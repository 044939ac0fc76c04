"""Values of touch arrays as colours, on a scale that is said."""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_STOPS = np.array(
    [
        [0.20, 0.22, 0.30, 0.45],
        [0.16, 0.35, 0.85, 1.0],
        [0.10, 0.75, 0.65, 1.0],
        [0.95, 0.85, 0.15, 1.0],
        [0.90, 0.15, 0.10, 1.0],
    ]
)
"""Red, green, blue, alpha from 0 to the full scale: grey, blue, green, yellow, red."""
_NOT_A_NUMBER = np.array([1.0, 0.0, 1.0, 1.0])


class TouchScale:
    """What the last colour stands for.

    Without a declared value it follows the data: the largest value so far, rounded up to 1, 2 or 5 times a power of
    ten. It never falls, so that one colour means one pressure for the rest of the showing.

    Args:
        declared: The full scale, in the unit of the stream; None to follow the data.
    """

    def __init__(self, declared: float | None) -> None:
        self._declared = declared
        self._largest = 0.0

    @property
    def full(self) -> float:
        """The value of the last colour."""
        return self._declared if self._declared is not None else round_up(self._largest)

    def see(self, values: Array) -> None:
        """Take values into account."""
        finite = values[np.isfinite(values)]
        self._largest = max(self._largest, float(finite.max(initial=0.0)))

    def colours(self, values: Array) -> Array:
        """Return red, green, blue, alpha of values, shape (n, 4); magenta for what is not a number."""
        share = np.clip(np.nan_to_num(values / self.full), 0.0, 1.0) * (len(_STOPS) - 1)
        colours = np.stack([np.interp(share, np.arange(len(_STOPS)), channel) for channel in _STOPS.T], axis=-1)
        colours[~np.isfinite(values)] = _NOT_A_NUMBER
        return colours


def round_up(value: float) -> float:
    """Return the least of ..., 0.5, 1, 2, 5, 10, ... that is not below a value; 1 for none above zero."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(float(step * power) for step in (1, 2, 5, 10) if value <= step * power)


def with_unit(value: float, unit: str) -> str:
    """Write a value briefly: ``3.4 kPa``."""
    if unit == "Pa" and value >= 1000:
        return f"{value / 1000:.3g} kPa"
    return f"{value:.3g} {unit}".rstrip()
