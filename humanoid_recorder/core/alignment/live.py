"""Alignment as samples come in: exactly the frames that ``offline.align`` finds afterwards."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Sequence

import numpy as np

from humanoid_recorder.core.alignment.frames import FIELDS, Frame, missing_cell
from humanoid_recorder.core.alignment.rules import NO_TIME, Alignment, Method, ReferenceClock, Status, StreamRule

_Cell = tuple[int, int, int, int, int]

MOST_HELD = 32_768
"""Samples of a stream that wait for a tick, and as many that the last tick left; 33 s at 1 kHz."""


class LiveAligner:
    """Takes samples stream by stream and gives frames, in the order of their ticks.

    A sample takes part in a tick if it arrived no later than the tick's reference sample (of a fixed rate: than the
    tick) plus the hold-off. *Arrived* is the latest log time of its stream up to it, in the order of acceptance: a
    message that had to wait for one before it arrives with that one. So late messages are treated alike live and
    offline, whatever the order between streams.

    Args:
        alignment: The rules. Of a ``RateClock``, frames come until ``finish``.
    """

    def __init__(self, alignment: Alignment) -> None:
        self._alignment = alignment
        self._streams = [_Stream(rule) for rule in alignment.rules]
        self._ticks: deque[tuple[int, int]] = deque()
        self._last_tick_ns: int | None = None
        self._index = 0
        self._given_until_ns = NO_TIME
        self.too_late = 0
        """Samples that were fed though frames in which they take part had been given: offline would differ."""

    @property
    def let_go(self) -> int:
        """Cells, of frames given, for which one of the samples might have been chosen that had to be let go.

        A stream is not held without end: while the reference is silent no tick asks for it, and one whose clock is far
        ahead is always of the future.
        """
        return sum(stream.let_go for stream in self._streams)

    def feed(self, stream: int, times_ns: Sequence[int], logs_ns: Sequence[int]) -> None:
        """Take the next samples of a stream.

        Args:
            stream: Index among the rules.
            times_ns: By the stream's time source, in ns since the epoch; ``NO_TIME`` for a sample without.
            logs_ns: Log times of the same samples.
        """
        held = self._streams[stream]
        clock = self._alignment.clock
        is_reference = isinstance(clock, ReferenceClock) and clock.stream == stream
        for time_ns, log_ns in zip(times_ns, logs_ns, strict=True):
            corrected_ns, arrived_ns = held.add(time_ns, log_ns)
            self.too_late += arrived_ns <= self._given_until_ns
            if (
                is_reference
                and time_ns != NO_TIME
                and (self._last_tick_ns is None or corrected_ns > self._last_tick_ns)
            ):
                self._last_tick_ns = corrected_ns
                self._ticks.append((corrected_ns, arrived_ns + self._alignment.hold_off_ns))

    def advance(self, fed_until_ns: int) -> list[Frame]:
        """Give the frames that can no longer change.

        Args:
            fed_until_ns: Every sample that arrived up to then, by log time, has been fed.
        """
        frames = []
        while (tick := self._next_tick()) is not None and tick[1] <= fed_until_ns:
            frames.append(self._frame(*tick))
        return frames

    def finish(self, end_ns: int) -> list[Frame]:
        """Give the remaining frames: nothing more will be fed. Of a fixed rate, those up to ``end_ns``."""
        frames = []
        while (tick := self._next_tick()) is not None:
            if not isinstance(self._alignment.clock, ReferenceClock) and tick[0] > end_ns:
                break
            frames.append(self._frame(*tick))
        return frames

    def _next_tick(self) -> tuple[int, int] | None:
        """Return the next tick and the last moment of arrival for it."""
        clock = self._alignment.clock
        if isinstance(clock, ReferenceClock):
            return self._ticks[0] if self._ticks else None
        tick_ns = clock.tick_ns(self._index)
        return tick_ns, tick_ns + self._alignment.hold_off_ns

    def _frame(self, tick_ns: int, until_ns: int) -> Frame:
        if self._ticks:
            self._ticks.popleft()
        self._given_until_ns = until_ns
        cells = np.array([stream.choose(tick_ns, until_ns) for stream in self._streams], np.int64)
        frame = Frame(tick_ns, self._index, cells.reshape(len(self._streams), len(FIELDS)))
        self._index += 1
        return frame


class _Stream:
    """The samples of one stream that may still be chosen."""

    def __init__(self, rule: StreamRule) -> None:
        self._rule = rule
        self._count = 0
        self._arrived_ns = NO_TIME
        self._waiting: deque[tuple[int, int, int]] = deque()
        self._known: list[tuple[int, int]] = []
        """Time and ordinal of those that have arrived for the last tick, in order."""
        self._has_any = False
        self._let_go: tuple[int, int] | None = None
        """Earliest and latest time of samples that found no place."""
        self.let_go = 0
        """Ticks for which one of those might have been chosen."""
        self._choose = {
            Method.LATEST: self._latest,
            Method.NEAREST: self._nearest,
            Method.INTERPOLATE: self._interpolated,
            Method.WINDOW: self._window,
        }[rule.method]

    def add(self, time_ns: int, log_ns: int) -> tuple[int, int]:
        """Take a sample; returns its corrected time and its time of arrival."""
        self._arrived_ns = max(self._arrived_ns, log_ns)
        corrected_ns = time_ns + self._rule.offset_ns
        if time_ns != NO_TIME:
            self._waiting.append((self._arrived_ns, corrected_ns, self._count))
            if len(self._waiting) > MOST_HELD:
                _arrived_ns, oldest_ns, _ordinal = self._waiting.popleft()
                self._note_let_go(oldest_ns, oldest_ns)
                self._has_any = True
        self._count += 1
        return corrected_ns, self._arrived_ns

    def choose(self, tick_ns: int, until_ns: int) -> _Cell:
        """Choose among what arrived up to ``until_ns``; ticks must come in order."""
        known, waiting = self._known, self._waiting
        while waiting and waiting[0][0] <= until_ns:
            _arrived_ns, time_ns, ordinal = waiting.popleft()
            insort(known, (time_ns, ordinal))
            self._has_any = True
        if not self._has_any:
            return missing_cell(Status.MISSING)
        cell = self._choose(tick_ns)
        if self._let_go is not None:
            first_ns, last_ns = self._let_go
            self.let_go += first_ns - self._rule.tolerance_ns <= tick_ns <= last_ns + self._rule.tolerance_ns
        # What is out of tolerance now will be so at every later tick. A window may reach further back.
        first = bisect_left(known, (tick_ns - self._rule.tolerance_ns, 0))
        del known[: max(0, first - self._rule.window + 1)]
        if len(known) > MOST_HELD:
            surplus = len(known) - MOST_HELD
            self._note_let_go(known[0][0], known[surplus - 1][0])
            del known[:surplus]
        return cell or missing_cell(Status.OUT_OF_TOLERANCE)

    def _note_let_go(self, first_ns: int, last_ns: int) -> None:
        before = self._let_go or (first_ns, last_ns)
        self._let_go = min(before[0], first_ns), max(before[1], last_ns)

    def _before(self, tick_ns: int) -> int:
        """Return the index of the last one at the tick or before; -1 for none."""
        return bisect_right(self._known, (tick_ns, self._count)) - 1

    def _single(self, at: int, tick_ns: int) -> _Cell:
        time_ns, ordinal = self._known[at]
        return ordinal, 1, time_ns, tick_ns - time_ns, int(Status.OK)

    def _latest(self, tick_ns: int) -> _Cell | None:
        at = self._before(tick_ns)
        if at < 0 or tick_ns - self._known[at][0] > self._rule.tolerance_ns:
            return None
        return self._single(at, tick_ns)

    def _after(self, at: int) -> int:
        """Return the index of the first one behind ``at``: of several at the same time the one accepted last."""
        known, after = self._known, at + 1
        while after + 1 < len(known) and known[after + 1][0] == known[after][0]:
            after += 1
        return after

    def _nearest(self, tick_ns: int) -> _Cell | None:
        known, at = self._known, self._before(tick_ns)
        after = self._after(at)
        if after < len(known) and (at < 0 or known[after][0] - tick_ns < tick_ns - known[at][0]):
            at = after
        if at < 0 or abs(tick_ns - known[at][0]) > self._rule.tolerance_ns:
            return None
        return self._single(at, tick_ns)

    def _interpolated(self, tick_ns: int) -> _Cell | None:
        known, at = self._known, self._before(tick_ns)
        if at < 0 or tick_ns - known[at][0] > self._rule.tolerance_ns:
            return None
        if known[at][0] == tick_ns:
            return self._single(at, tick_ns)
        after = self._after(at)
        if after >= len(known) or known[after][0] - tick_ns > self._rule.tolerance_ns:
            return None
        one, other = known[at][1], known[after][1]
        return min(one, other), abs(one - other) + 1, known[at][0], tick_ns - known[at][0], int(Status.OK)

    def _window(self, tick_ns: int) -> _Cell | None:
        at = self._before(tick_ns)
        if at < 0 or tick_ns - self._known[at][0] > self._rule.tolerance_ns:
            return None
        chosen = self._known[max(0, at + 1 - self._rule.window) : at + 1]
        ordinals = [ordinal for _, ordinal in chosen]
        first, last = min(ordinals), max(ordinals)
        status = Status.OK if len(chosen) == self._rule.window else Status.SHORT
        return first, last - first + 1, self._known[at][0], tick_ns - self._known[at][0], int(status)
