"""How samples are chosen for an instant, stream by stream."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from fractions import Fraction

import numpy as np

Int64Array = np.ndarray[tuple[int], np.dtype[np.int64]]

NO_TIME = -(2**63)
"""Stands for the time of a sample that has none: it is counted, and never chosen."""

_NS_PER_S = 1_000_000_000


class Method(StrEnum):
    """Which samples of a stream belong to a tick. Ties go to the sample accepted last."""

    LATEST = "latest"
    """The last one measured at the tick or before."""
    NEAREST = "nearest"
    """The one measured closest to the tick; of two at the same distance the earlier."""
    INTERPOLATE = "interpolate"
    """The one before and the one after, to interpolate linearly between; or one alone that hits the tick."""
    WINDOW = "window"
    """The last k measured at the tick or before."""


class Status(IntEnum):
    """What became of one stream at one tick."""

    OK = 0
    MISSING = 1
    """Nothing of the stream had arrived."""
    OUT_OF_TOLERANCE = 2
    """Samples had arrived, and none is close enough."""
    SHORT = 3
    """A window with fewer samples than asked for."""


@dataclass(frozen=True, slots=True)
class StreamRule:
    """How one stream is aligned."""

    name: str
    method: Method = Method.LATEST
    tolerance_ns: int = 20_000_000
    """The largest distance between a sample and the tick; for a window, that of its newest sample."""
    offset_ns: int = 0
    """Added to the stream's times, to bring them on the clock of the ticks."""
    window: int = 1
    """How many samples a window has; 1 for the other methods."""

    def __post_init__(self) -> None:
        if self.tolerance_ns < 0 or self.window < 1 or (self.window > 1) != (self.method is Method.WINDOW):
            raise ValueError(f"the rule of {self.name} contradicts itself: {self}")


@dataclass(frozen=True, slots=True)
class ReferenceClock:
    """Ticks are the times of one stream; one that does not come later than the tick before it is left out."""

    stream: int
    """Index among the rules."""


@dataclass(frozen=True, slots=True)
class RateClock:
    """Ticks at a fixed rate."""

    rate_hz: float
    start_ns: int
    """The first tick, log time in ns since the epoch."""

    def tick_ns(self, index: int) -> int:
        """Return a tick; no error adds up, whatever the rate."""
        rate = Fraction(self.rate_hz).limit_denominator(1000)
        return self.start_ns + index * _NS_PER_S * rate.denominator // rate.numerator

    def count_until(self, end_ns: int) -> int:
        """Return how many ticks there are up to and including ``end_ns``."""
        if end_ns < self.start_ns:
            return 0
        rate = Fraction(self.rate_hz).limit_denominator(1000)
        index = (end_ns - self.start_ns) * rate.numerator // (_NS_PER_S * rate.denominator)
        return index + 1 + (self.tick_ns(index + 1) <= end_ns)


@dataclass(frozen=True, slots=True)
class Alignment:
    """The whole rule. ``hold_off_ns`` is how long after a tick a sample may still arrive to take part in it."""

    rules: tuple[StreamRule, ...]
    clock: ReferenceClock | RateClock
    hold_off_ns: int = 60_000_000
