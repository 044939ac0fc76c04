"""Where playing stands, and when each position is due: a straight line between two clocks.

Nothing is added up from message to message, so nothing drifts: a position's time follows from the last change of
speed alone.
"""


class Transport:
    """Relates positions in the bag to the steady clock. Pure: every method is told the time.

    Positions are ns since the beginning of the bag, times ns of the steady clock.

    Args:
        position_ns: Where playing begins.
        rate: Seconds of the bag per second.
    """

    def __init__(self, *, position_ns: int, rate: float) -> None:
        self._from_position_ns = position_ns
        self._from_ns: int | None = None
        self._rate = rate

    @property
    def is_running(self) -> bool:
        """Whether positions become due."""
        return self._from_ns is not None

    @property
    def rate(self) -> float:
        """Seconds of the bag per second."""
        return self._rate

    def position_ns(self, now_ns: int) -> int:
        """Return where playing stands at a time."""
        if self._from_ns is None:
            return self._from_position_ns
        return self._from_position_ns + round((now_ns - self._from_ns) * self._rate)

    def due_ns(self, position_ns: int) -> int:
        """Return when a position is due; it must be running."""
        if self._from_ns is None:
            raise ValueError("nothing is due while it stands still")
        return self._from_ns + round((position_ns - self._from_position_ns) / self._rate)

    def run(self, now_ns: int) -> None:
        """Go on from where it stands."""
        if self._from_ns is None:
            self._from_ns = now_ns

    def stand(self, position_ns: int) -> None:
        """Stand still at a position."""
        self._from_position_ns, self._from_ns = position_ns, None

    def set_rate(self, rate: float, *, position_ns: int, now_ns: int) -> None:
        """Change the speed from here on, where playing stands being at ``position_ns``."""
        self._from_position_ns, self._rate = position_ns, rate
        if self._from_ns is not None:
            self._from_ns = now_ns
