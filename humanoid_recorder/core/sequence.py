"""The publication sequence numbers of one publisher: which of them were received, and which are missing.

A DDS publisher numbers its messages from 1, one by one. The missing ones are kept as intervals, so that a message which
comes late fills its hole, and one that comes twice is known for what it is.
"""

from bisect import bisect_right
from enum import Enum

_MOST_HOLES = 4096
"""More holes than this are counted and no longer kept: what fills one of the oldest can then not be told any more."""


class Delivery(Enum):
    """What one more number means to those received before."""

    IN_ORDER = "in order"
    """The next one, or a later one: those between are missing."""
    LATE = "late"
    """Of a hole, or before the first; it came after messages that were sent later."""
    REPEATED = "repeated"
    """Received before."""
    UNTRACEABLE = "untraceable"
    """Of so long ago that its hole is not kept any more: it may be late or repeated."""


class SequenceRun:
    """The numbers received from one publisher in one life of it.

    Args:
        first: The first number that is expected. What is received below it counts as late.
    """

    __slots__ = ("_forgotten_below", "_hole_ends", "_hole_starts", "_lowest", "lost", "next")

    def __init__(self, first: int) -> None:
        self.next = first
        """One more than the highest number received."""
        self.lost = 0
        """Numbers between the first and the highest that have not been received."""
        self._lowest = first
        self._forgotten_below = 0
        self._hole_starts: list[int] = []
        self._hole_ends: list[int] = []

    def receive(self, sequence: int) -> Delivery:
        """Take note of a number."""
        if sequence >= self.next:
            if sequence > self.next:
                self._add_hole(self.next, sequence)
            self.next = sequence + 1
            return Delivery.IN_ORDER
        if sequence < self._lowest:
            self._hole_starts.insert(0, sequence + 1)
            self._hole_ends.insert(0, self._lowest)
            self.lost += self._lowest - sequence - 1
            self._lowest = sequence
            return Delivery.LATE
        if sequence < self._forgotten_below:
            return Delivery.UNTRACEABLE
        return self._fill(sequence)

    def _add_hole(self, start: int, end: int) -> None:
        self._hole_starts.append(start)
        self._hole_ends.append(end)
        self.lost += end - start
        if len(self._hole_starts) > _MOST_HOLES:
            del self._hole_starts[0]
            self._forgotten_below = self._hole_ends.pop(0)

    def _fill(self, sequence: int) -> Delivery:
        at = bisect_right(self._hole_starts, sequence) - 1
        if at < 0 or sequence >= self._hole_ends[at]:
            return Delivery.REPEATED
        start, end = self._hole_starts[at], self._hole_ends[at]
        rest = [(a, b) for a, b in ((start, sequence), (sequence + 1, end)) if a < b]
        self._hole_starts[at : at + 1] = [a for a, _ in rest]
        self._hole_ends[at : at + 1] = [b for _, b in rest]
        self.lost -= 1
        return Delivery.LATE
