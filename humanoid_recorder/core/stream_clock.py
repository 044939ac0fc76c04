"""The clock of one stream against ours, from stamp and receipt alone, while its messages go by.

Receipt minus stamp is latency minus how far the sender's clock is ahead. Latency varies and is never negative, so the
smallest difference of each short window follows the clock; a robust line through those gives offset and drift. What no
clock can tell is the latency that every message has: it is part of the offset (``delay`` finds it from movement).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from humanoid_recorder.core.alignment.rules import NO_TIME, Int64Array

_NS_PER_MS = 1e6
_NS_PER_S = 1e9
_WINDOW_NS = 500_000_000
_MOST_WINDOWS = 64
_LEAST_IN_WINDOW = 8
"""Messages, in the mean: the smallest of fewer is no envelope."""
_FEWEST_WINDOWS = 8
"""For a drift."""
_JUMP_WINDOWS = 3
"""A clock that was set has stayed so for as many, and was as steady before."""
_LEAST_JUMP_NS = 10e6
_RARE = 5.0
"""A jump is this many times as far as one window mostly is from the next."""
_MOST_ROWS = 4096
_BURST = 0.2
_SCATTER = 1.4826
"""From the median of absolute deviations to a standard deviation."""
_HASH = np.uint32(2_654_435_761)
_ALL = 2**32 - 1

FloatArray = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class ClockAccount:
    """What is known of a stream's clock. What cannot be known is None."""

    messages: int
    stamped: int
    """Those with a stamp; the fields up to ``latency_p99_ms`` are of these."""
    offset_ms: float | None
    """Receipt minus stamp at its smallest, in the middle of the time: what to add to the stamps to bring them to
    receipt. Negative: the clock is ahead. Positive: it is behind, or every message is late by as much."""
    drift_ppm: float | None
    """How fast the offset grows, in millionths; negative: too fast. None below 8 windows (4 s), and with a jump."""
    drift_error_ppm: float | None
    """One standard error of it."""
    latency_p50_ms: float | None
    """Of receipt minus stamp, beyond offset and drift."""
    latency_p99_ms: float | None
    period_ms: float | None
    """Mean distance between two receipts."""
    burst_share: float | None
    """Share of messages received within a fifth of the period after the one before: they waited for each other."""
    jitter_ms: float | None
    """99th percentile of how far the distance between two receipts is from the period."""
    jump_ms: float | None = None
    """How far the offset jumped at once and stayed: the clock was set. ``offset_ms`` is that after it; None = never."""


class StreamClock:
    """Takes the times of a stream's messages, in the order of their receipt; keeps 130 kB at most."""

    def __init__(self) -> None:
        self._messages = 0
        self._stamped = 0
        self._first_ns: int | None = None
        self._last_ns = 0
        self._window_ns = _WINDOW_NS
        self._windows: list[_Minimum] = []
        self._rows = np.empty((0, 4), np.int64)
        """Of messages picked by chance: log time, receipt minus stamp, receipt since the one before, their draw."""
        self._draw_limit = _ALL

    def feed(self, logs_ns: Sequence[int], stamps_ns: Sequence[int]) -> None:
        """Take the next messages.

        Args:
            logs_ns: Log times, ns since the epoch.
            stamps_ns: Their stamps; ``NO_TIME`` for a message without.
        """
        if not logs_ns:
            return
        logs, stamps = np.array(logs_ns, np.int64), np.array(stamps_ns, np.int64)
        since = np.empty_like(logs)
        since[1:] = logs[1:] - logs[:-1]
        if self._first_ns is None:
            self._first_ns, since[0] = int(logs[0]), NO_TIME
        else:
            since[0] = logs[0] - self._last_ns
        self._last_ns = int(logs[-1])
        has_stamp = stamps != NO_TIME
        delays = np.where(has_stamp, logs - np.where(has_stamp, stamps, 0), NO_TIME)
        self._pick(logs, delays, since)
        self._messages += len(logs)
        if has_stamp.any():
            self._stamped += int(np.count_nonzero(has_stamp))
            self._follow(logs[has_stamp], delays[has_stamp])

    def account(self) -> ClockAccount:
        """Sum up what was fed so far."""
        envelope = _fit(self._merged())
        late_p50 = late_p99 = None
        timed = self._rows[self._rows[:, 1] != NO_TIME]
        if envelope is not None and len(timed):
            beyond = timed[:, 1] - envelope.at(timed[:, 0])
            late_p50, late_p99 = (float(value) / _NS_PER_MS for value in np.percentile(beyond, (50, 99)))
        intervals = self._rows[self._rows[:, 2] != NO_TIME, 2].astype(np.float64)
        period_ns = burst = jitter = None
        if self._first_ns is not None and self._messages > 1 and self._last_ns > self._first_ns and len(intervals):
            period_ns = (self._last_ns - self._first_ns) / (self._messages - 1)
            burst = float(np.mean(intervals < _BURST * period_ns))
            jitter = float(np.percentile(np.abs(intervals - period_ns), 99))
        return ClockAccount(
            messages=self._messages,
            stamped=self._stamped,
            offset_ms=None if envelope is None else _rounded(envelope.offset_ns / _NS_PER_MS),
            drift_ppm=None if envelope is None else _rounded(envelope.drift_ppm),
            drift_error_ppm=None if envelope is None else _rounded(envelope.drift_error_ppm),
            jump_ms=None if envelope is None or not envelope.jump_ns else _rounded(envelope.jump_ns / _NS_PER_MS),
            latency_p50_ms=_rounded(late_p50),
            latency_p99_ms=_rounded(late_p99),
            period_ms=_rounded(None if period_ns is None else period_ns / _NS_PER_MS),
            burst_share=_rounded(burst),
            jitter_ms=_rounded(None if jitter is None else jitter / _NS_PER_MS),
        )

    def _pick(self, logs: Int64Array, delays: Int64Array, since: Int64Array) -> None:
        """Keep some messages by a draw that depends on their number only, so that no rhythm is favoured."""
        numbers = np.arange(self._messages + 1, self._messages + 1 + len(logs), dtype=np.int64).astype(np.uint32)
        draws = (numbers * _HASH).astype(np.int64)
        rows = np.stack((logs, delays, since, draws), axis=1)
        if self._draw_limit != _ALL:
            rows = rows[draws <= self._draw_limit]
        self._rows = np.concatenate((self._rows, rows))
        while len(self._rows) > _MOST_ROWS:
            self._draw_limit //= 2
            self._rows = self._rows[self._rows[:, 3] <= self._draw_limit]

    def _follow(self, logs: Int64Array, delays: Int64Array) -> None:
        """Note the smallest delay of each window."""
        first_ns = self._first_ns or 0
        keys = np.maximum.accumulate((logs - first_ns) // self._window_ns)
        begins = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        for begin, end in zip(begins, (*begins[1:], len(keys)), strict=True):
            at = begin + int(np.argmin(delays[begin:end]))
            self._windows.append(_Minimum(int(keys[at]), int(logs[at]), int(delays[at])))
        self._windows = _per_key(self._windows)
        while len(self._windows) > _MOST_WINDOWS:
            self._window_ns *= 2
            self._windows = _halved(self._windows)

    def _merged(self) -> list["_Minimum"]:
        """Return windows with enough messages in each, where that leaves some."""
        windows = self._windows
        while len(windows) >= 2 * _FEWEST_WINDOWS and self._stamped < _LEAST_IN_WINDOW * len(windows):
            windows = _halved(windows)
        return windows


class _Minimum(NamedTuple):
    """The message of a window with the smallest delay; times in ns."""

    key: int
    log_ns: int
    delay_ns: int


class _Envelope(NamedTuple):
    """The lower edge of the delays: a line."""

    middle_ns: int
    offset_ns: float
    slope: float = 0.0
    drift_ppm: float | None = None
    drift_error_ppm: float | None = None
    jump_ns: float = 0.0
    jump_at_ns: int = 0

    def at(self, logs_ns: Int64Array) -> FloatArray:
        """Return the smallest delay expected at some log times, ns."""
        since_ns: FloatArray = (logs_ns - self.middle_ns).astype(np.float64)
        jump: FloatArray = np.where(logs_ns < self.jump_at_ns, self.jump_ns, 0.0)
        return self.offset_ns + self.slope * since_ns - jump


def _per_key(windows: list[_Minimum]) -> list[_Minimum]:
    merged: dict[int, _Minimum] = {}
    for window in windows:
        before = merged.get(window.key)
        if before is None or window.delay_ns < before.delay_ns:
            merged[window.key] = window
    return list(merged.values())


def _halved(windows: list[_Minimum]) -> list[_Minimum]:
    return _per_key([window._replace(key=window.key // 2) for window in windows])


def _fit(windows: list[_Minimum]) -> _Envelope | None:
    """Lay a line through the minima by Theil and Sen: over a quarter of them may be wild."""
    if not windows:
        return None
    middle_ns = (windows[0].log_ns + windows[-1].log_ns) // 2
    times_s = np.array([window.log_ns - middle_ns for window in windows], np.float64) / _NS_PER_S
    first_ns = windows[0].delay_ns  # in integers: a clock may be off by years
    delays_ns = np.array([window.delay_ns - first_ns for window in windows], np.float64)
    if len(windows) < _FEWEST_WINDOWS:
        return _Envelope(middle_ns, first_ns + float(np.median(delays_ns)))
    jump_at = _jump(delays_ns)
    if jump_at is not None:
        before_ns, after_ns = (float(np.median(part)) for part in (delays_ns[:jump_at], delays_ns[jump_at:]))
        # It was between the two minima; taken so that no message of the meantime counts as late.
        at_ns = windows[jump_at].log_ns if after_ns < before_ns else windows[jump_at - 1].log_ns + 1
        return _Envelope(middle_ns, first_ns + after_ns, jump_ns=after_ns - before_ns, jump_at_ns=at_ns)
    one, other = np.triu_indices(len(windows), 1)
    apart_s = times_s[other] - times_s[one]
    is_apart = apart_s > 0
    slopes = (delays_ns[other] - delays_ns[one])[is_apart] / apart_s[is_apart]
    ns_per_s = float(np.median(slopes)) if len(slopes) else 0.0
    rest = delays_ns - ns_per_s * times_s
    offset_ns = float(np.median(rest))
    scatter_ns = _SCATTER * float(np.median(np.abs(rest - offset_ns)))
    spread_s = float(np.sqrt(np.sum((times_s - times_s.mean()) ** 2))) or 1.0
    error = scatter_ns / spread_s / 1000
    return _Envelope(middle_ns, first_ns + offset_ns, ns_per_s / _NS_PER_S, ns_per_s / 1000, error)


def _jump(delays_ns: FloatArray) -> int | None:
    """Return the first window after a jump that stayed; None without one.

    A drift changes every window alike, and a stall comes back.
    """
    changes = np.diff(delays_ns)
    at = int(np.argmax(np.abs(changes))) + 1
    if not _JUMP_WINDOWS <= at <= len(delays_ns) - _JUMP_WINDOWS:
        return None
    limit_ns = _LEAST_JUMP_NS + _RARE * float(np.median(np.abs(changes)))
    stayed_ns = float(np.median(delays_ns[at : at + 4]) - np.median(delays_ns[max(0, at - 4) : at]))
    return at if abs(stayed_ns) > limit_ns and stayed_ns * changes[at - 1] > 0 else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
