"""How often a topic was heard, and its longest silence, from log times that come in no particular order."""

import numpy as np

from humanoid_recorder.storage.mcap_chunk import UInt64Array

_NS_PER_S = 1_000_000_000


class LogTimes:
    """Count, range and longest gap of one topic's log times (ns), exact and without keeping them all.

    Times are added chunk by chunk, chunks in the order of their earliest log time. Once it is known that no later
    chunk holds anything before some time, everything up to it is settled and forgotten.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self._longest_gap_ns = 0
        self._unsettled: list[UInt64Array] = []
        self._settled_up_to: UInt64Array = np.empty(0, np.uint64)

    @property
    def rate_hz(self) -> float | None:
        """Mean rate between the first and the last message; None when that is no time at all."""
        if self.first_ns is None or self.last_ns is None or self.first_ns == self.last_ns:
            return None
        return (self.count - 1) * _NS_PER_S / (self.last_ns - self.first_ns)

    @property
    def longest_gap_ns(self) -> int | None:
        """The longest time between neighbours, after ``settle``; None with fewer than two messages."""
        return self._longest_gap_ns if self.count > 1 else None

    def add(self, times_ns: UInt64Array) -> None:
        """Add the times of one chunk; there may be none."""
        if len(times_ns) == 0:
            return
        self._extend_range(len(times_ns), int(times_ns.min()), int(times_ns.max()))
        self._unsettled.append(times_ns)

    def add_uncompared(self, time_ns: int) -> None:
        """Add one time to count and range only; no gap is known then."""
        self._extend_range(1, time_ns, time_ns)

    def settle(self, before_ns: int | None = None) -> None:
        """Work in all times up to ``before_ns``, behind which the rest is; None when nothing follows."""
        if not self._unsettled:
            return
        times = np.sort(np.concatenate(self._unsettled))
        settled = len(times) if before_ns is None else int(np.searchsorted(times, np.uint64(before_ns), "right"))
        if settled:
            known = np.concatenate([self._settled_up_to, times[:settled]])
            if len(known) > 1:
                self._longest_gap_ns = max(self._longest_gap_ns, int(np.diff(known).max()))
            self._settled_up_to = known[-1:]
        self._unsettled = [times[settled:]] if settled < len(times) else []

    def _extend_range(self, count: int, first_ns: int, last_ns: int) -> None:
        self.count += count
        self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        self.last_ns = last_ns if self.last_ns is None else max(self.last_ns, last_ns)
