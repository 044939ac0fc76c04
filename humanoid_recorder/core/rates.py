"""How fast a stream is right now."""

from collections import deque

RATE_TOLERANCE = 0.1
"""A rate that is off by more than this share of the expected one is shown as such."""


def is_off_rate(measured_hz: float | None, expected_hz: float | None) -> bool:
    """Tell whether a stream comes slower or faster than expected; False while either is unknown."""
    if not expected_hz or measured_hz is None:
        return False
    return abs(measured_hz / expected_hz - 1) > RATE_TOLERANCE


class RateMeter:
    """Messages per second over the last moments, from readings of a running count.

    Costs nothing per message: it is read when the state is shown.

    Args:
        span_ns: Length of the window.
    """

    def __init__(self, *, span_ns: int = 2_000_000_000) -> None:
        self._span_ns = span_ns
        self._readings: deque[tuple[int, int]] = deque()

    def read(self, *, count: int, now_ns: int) -> float | None:
        """Take a reading and return the rate in Hz; None until two readings at different times are there."""
        readings = self._readings
        readings.append((now_ns, count))
        while len(readings) > 2 and readings[1][0] <= now_ns - self._span_ns:
            readings.popleft()
        since_ns, since_count = readings[0]
        if now_ns <= since_ns:
            return None
        return (count - since_count) * 1e9 / (now_ns - since_ns)
