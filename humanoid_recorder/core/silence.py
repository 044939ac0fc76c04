"""The longest silence of a stream, in the order of log time, while messages come in any order."""

from bisect import bisect_right
from operator import itemgetter

_KEPT = 32


class Silences:
    """Follows the times of a stream's messages and knows its longest silence.

    A message that waited for a repeated one is delivered later than others that were received after it. It lies within
    a silence that was noted before, and splits it. The 32 longest are kept for that: the answer is exact unless all of
    them are split and a shorter one would have become the longest.
    """

    __slots__ = ("_kept", "_shortest_ns", "first_ns", "last_ns")

    def __init__(self) -> None:
        self.first_ns: int | None = None
        """The earliest time, ns since the epoch."""
        self.last_ns: int | None = None
        """The latest time, ns since the epoch."""
        self._kept: list[tuple[int, int]] = []
        """Begin and end of each, in order of time; one list, because it is read while messages arrive."""
        self._shortest_ns = 0
        """A silence must be longer to be noted."""

    def add(self, log_ns: int) -> None:
        """Take note of a message."""
        first_ns, last_ns = self.first_ns, self.last_ns
        if first_ns is None or last_ns is None:
            self.first_ns = self.last_ns = log_ns
        elif log_ns >= last_ns:
            if log_ns - last_ns > self._shortest_ns:
                self._keep(len(self._kept), last_ns, log_ns)
            self.last_ns = log_ns
        elif log_ns < first_ns:
            self._keep(0, log_ns, first_ns)
            self.first_ns = log_ns
        else:
            self._split(log_ns)

    def longest(self) -> tuple[int, int | None]:
        """Return how long it was in ns, and when it began; (0, None) with fewer than two messages."""
        return max(((end - start, start) for start, end in self._kept[:]), default=(0, None))

    def _keep(self, at: int, start_ns: int, end_ns: int) -> None:
        if end_ns == start_ns:
            return
        self._kept.insert(at, (start_ns, end_ns))
        if len(self._kept) > _KEPT:
            lengths = sorted((end - start, index) for index, (start, end) in enumerate(self._kept))
            del self._kept[lengths[0][1]]
            self._shortest_ns = lengths[1][0]

    def _split(self, log_ns: int) -> None:
        at = bisect_right(self._kept, log_ns, key=itemgetter(0)) - 1
        if at < 0 or log_ns >= self._kept[at][1]:
            return
        start_ns, end_ns = self._kept.pop(at)
        self._keep(at, log_ns, end_ns)
        self._keep(at, start_ns, log_ns)
