"""The log clock: receipt times that do not jump when somebody sets the system clock.

Receipt is measured by the middleware on the system clock. The log clock runs at the pace of the monotonic clock and
starts at the system time of its creation, so an NTP step in the middle of an episode neither reorders messages nor
opens a gap; the step itself is reported.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

NS_PER_S = 1_000_000_000
STEP_NS = 50_000_000
"""A difference between the clocks that grows by more than this between two readings is a step, not NTP slewing."""

_CLOSE_NS = 20_000
"""The two clocks count as read at the same time when they were read within this."""
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The system clock was set while we were recording."""

    at_log_ns: int
    """When, on the log clock, ns since the epoch."""
    step_ns: int
    """By how much; positive = forward."""


class LogClock:
    """Monotonic time expressed as ns since the epoch.

    Any thread may read ``now_ns``; the intake calls the rest under its lock.
    """

    def __init__(
        self,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._offset_ns = self._read_offset_ns()
        self._correction_ns = 0
        self._earliest_ns = 0
        self._previous_now_ns = self.now_ns()

    def now_ns(self) -> int:
        """Current log time, ns since the epoch."""
        return self._monotonic_ns() + self._offset_ns

    def from_monotonic_ns(self, monotonic_ns: int) -> int:
        """Convert a reading of the monotonic clock to log time, ns since the epoch."""
        return monotonic_ns + self._offset_ns

    def rebase(self) -> int:
        """Start anew from the system clock, as every episode does.

        Returns:
            By how many ns the log clock moved; log times from before must be moved by as much.
        """
        before_ns = self.now_ns()
        self._offset_ns = self._read_offset_ns()
        self._correction_ns = 0
        self._earliest_ns = 0
        self._previous_now_ns = self.now_ns()
        return self._previous_now_ns - before_ns

    def read_batch(self) -> "BatchClock":
        """Relate the two clocks once for everything taken in one wake-up.

        Returns:
            The conversion for this batch, with the step of the system clock since the previous batch, if any.
        """
        correction_ns = self._offset_ns - self._read_offset_ns()
        now_ns = self.now_ns()
        change_ns = self._correction_ns - correction_ns
        step = ClockStep(at_log_ns=now_ns, step_ns=change_ns) if abs(change_ns) > STEP_NS else None
        if step is not None:
            # What was received before the step may be taken much later, on any stream: its receipt time, read on the
            # clock as it is now, means nothing. Without a step an old receipt is real (a reliable message that waited
            # for a lost one before it) and is kept.
            self._earliest_ns = self._previous_now_ns
        self._correction_ns, self._previous_now_ns = correction_ns, now_ns
        return BatchClock(now_ns=now_ns, correction_ns=correction_ns, earliest_ns=self._earliest_ns, step=step)

    def _read_offset_ns(self) -> int:
        """Return system time minus monotonic time, from a pair of readings the thread was not interrupted between."""
        closest_ns, offset_ns = None, 0
        for _ in range(_ATTEMPTS):
            before_ns, wall_ns, after_ns = self._monotonic_ns(), self._wall_ns(), self._monotonic_ns()
            apart_ns = after_ns - before_ns
            if closest_ns is None or apart_ns < closest_ns:
                closest_ns, offset_ns = apart_ns, wall_ns - (before_ns + after_ns) // 2
            if apart_ns <= _CLOSE_NS:
                break
        return offset_ns


class BatchClock(NamedTuple):
    """How receipt times of one wake-up become log times. All in ns since the epoch but the correction."""

    now_ns: int
    correction_ns: int
    """Added to system time to get log time."""
    earliest_ns: int
    """No log time of this batch is earlier: the last reading before the clock was last set; 0 if it never was."""
    step: ClockStep | None

    def log_ns(self, received_ns: int) -> int:
        """Convert a receipt time.

        Args:
            received_ns: System time of receipt in ns since the epoch; 0 where the middleware gives none.

        Returns:
            Log time in ns since the epoch, never later than now.
        """
        if received_ns <= 0:
            return self.now_ns
        log_ns = received_ns + self.correction_ns  # comparisons cost half of min and max, and this is done per message
        if log_ns > self.now_ns:
            return self.now_ns
        return max(log_ns, self.earliest_ns)
