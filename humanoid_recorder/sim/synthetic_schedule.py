"""When each message goes out: absolute deadlines, one thread, nothing skipped."""

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

NAP_NS = 1_000_000
"""Least time between two wake-ups: everything that has become due meanwhile goes out together."""
LATE_NS = 10_000_000
"""A message that goes out later than this after its measurement counts as late."""
_LONGEST_NAP_NS = 50_000_000


class Source(Protocol):
    """A stream, as far as the schedule is concerned."""

    def due_ns(self, number: int) -> int:
        """When message ``number`` is measured, ns since the start."""


class Clock(Protocol):
    """The monotonic clock; replaced in tests."""

    def now_ns(self) -> int:
        """Return the monotonic time in ns."""

    def sleep(self, duration_ns: int) -> None:
        """Sleep."""


class SystemClock:
    """The clock of this machine."""

    def now_ns(self) -> int:
        """Return the monotonic time in ns."""
        return time.monotonic_ns()

    def sleep(self, duration_ns: int) -> None:
        """Sleep."""
        time.sleep(duration_ns / 1e9)


@dataclass(slots=True)
class Sent:
    """What has been sent on one stream."""

    sent: int = 0
    """Messages; the next running number."""
    first_ns: int | None = None
    """Stamp of the first message, ns since the epoch."""
    last_ns: int | None = None
    """Stamp of the last message, ns since the epoch."""


@dataclass(slots=True)
class Schedule:
    """Sends every message of every source, in the order in which they become due."""

    sources: Sequence[Source]
    send: Callable[[int, int, int], None]
    """Called with the index of the source, the running number and the stamp (ns since the epoch)."""
    duration_ns: int | None = None
    """End after all messages measured before this time; None = run until ``stop``."""
    on_first_late: Callable[[int], None] = lambda _late_ns: None
    """Called once, with the delay in ns, when a message goes out late for the first time."""
    clock: Clock = field(default_factory=SystemClock)
    sent: list[Sent] = field(init=False)
    """One per source; written by the thread that runs, may be read by others."""
    late: int = field(init=False, default=0)
    """Messages that went out more than ``LATE_NS`` after their measurement."""
    _stopped: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.sent = [Sent() for _ in self.sources]

    def stop(self) -> None:
        """Make ``run`` return after the message it is just sending."""
        self._stopped = True

    def run(self, start_ns: int, wall_start_ns: int) -> None:
        """Send until the duration is over or ``stop`` is called.

        A stream that has fallen behind catches up: its messages go out late, with the stamps they should have,
        and no number is skipped.

        Args:
            start_ns: Monotonic time at which the first messages are measured.
            wall_start_ns: The same instant in ns since the epoch; stamps count from here, so a step of the system
                clock does not break their period.
        """
        end_ns = self.duration_ns
        heap = [(source.due_ns(0), index, 0) for index, source in enumerate(self.sources)]
        heapq.heapify(heap)
        while heap and not self._stopped:
            now_ns = self.clock.now_ns() - start_ns
            while heap and heap[0][0] <= now_ns and not self._stopped:
                due_ns, index, number = heap[0]
                if end_ns is not None and due_ns >= end_ns:
                    heapq.heappop(heap)
                    continue
                self._send(index, number, due_ns, wall_start_ns + due_ns, now_ns)
                heapq.heapreplace(heap, (self.sources[index].due_ns(number + 1), index, number + 1))
            if heap and not self._stopped:
                wait_ns = heap[0][0] - (self.clock.now_ns() - start_ns)
                self.clock.sleep(min(max(wait_ns, NAP_NS), _LONGEST_NAP_NS))

    def _send(self, index: int, number: int, due_ns: int, stamp_ns: int, now_ns: int) -> None:
        self.send(index, number, stamp_ns)
        account = self.sent[index]
        account.sent = number + 1
        account.last_ns = stamp_ns
        if number == 0:
            account.first_ns = stamp_ns
        if now_ns - due_ns > LATE_NS:
            self.late += 1
            if self.late == 1:
                self.on_first_late(now_ns - due_ns)
