"""How late messages go out, as percentiles, in a bounded number of counts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimingSummary:
    """Actual minus planned time of publishing, in microseconds; None before the first message."""

    messages: int
    p50_us: float | None
    p99_us: float | None
    max_us: float | None


class TimingError:
    """Counts delays in steps that grow with the delay.

    A percentile is too large by one part in eight at most; the largest is exact.
    """

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._total = 0
        self._max_ns = 0

    def add(self, error_ns: int) -> None:
        """Count one message; early ones do not happen and count as in time."""
        error_ns = max(0, error_ns)
        shift = max(0, error_ns.bit_length() - 4)
        step = (shift << 4) + (error_ns >> shift)
        self._counts[step] = self._counts.get(step, 0) + 1
        self._total += 1
        self._max_ns = max(self._max_ns, error_ns)

    def summary(self) -> TimingSummary:
        """Return what has been counted so far."""
        if not self._total:
            return TimingSummary(0, None, None, None)
        return TimingSummary(self._total, self._percentile_us(50), self._percentile_us(99), self._max_ns / 1000)

    def _percentile_us(self, percent: int) -> float:
        """Return the upper end of the step in which the percentile lies."""
        wanted, seen = self._total * percent / 100, 0
        for step in sorted(self._counts):
            seen += self._counts[step]
            if seen >= wanted:
                shift, digits = step >> 4, step & 15
                return min(self._max_ns, ((digits + 1) << shift) - 1) / 1000
        raise AssertionError("the counts are their total")
