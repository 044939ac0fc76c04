"""Alignment of whole episodes, vectorised: an hour of them in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from humanoid_recorder.core.alignment.frames import FIELDS, Cells, FrameTable, missing_cell
from humanoid_recorder.core.alignment.rules import (
    NO_TIME,
    Alignment,
    Int64Array,
    Method,
    RateClock,
    Status,
    StreamRule,
)

Rows = np.ndarray[tuple[int, int], np.dtype[np.int64]]
"""Ticks x fields, of one stream."""


@dataclass(frozen=True, slots=True)
class StreamTimes:
    """The samples of one stream in the order of acceptance; both arrays have the same length."""

    times_ns: Int64Array
    """By the stream's time source, ns since the epoch; ``NO_TIME`` for a sample without."""
    logs_ns: Int64Array
    """Log times, ns since the epoch."""


def align(alignment: Alignment, streams: Sequence[StreamTimes], *, end_ns: int) -> FrameTable:
    """Find the frames of an episode.

    Args:
        alignment: The rules.
        streams: One for each rule.
        end_ns: Where a fixed rate ends, log time in ns since the epoch; a reference ends by itself.

    Returns:
        The frames that a ``LiveAligner`` gives for the same samples, to the bit.
    """
    arrived = [np.maximum.accumulate(stream.logs_ns) if len(stream.logs_ns) else stream.logs_ns for stream in streams]
    ticks, until = _ticks(alignment, streams, arrived, end_ns)
    cells: Cells = np.empty((len(ticks), len(streams), len(FIELDS)), np.int64)
    for at, (rule, stream) in enumerate(zip(alignment.rules, streams, strict=True)):
        cells[:, at, :] = _Aligned(rule, stream, arrived[at]).cells(ticks, until)
    return FrameTable(tuple(rule.name for rule in alignment.rules), ticks, cells)


def _ticks(
    alignment: Alignment, streams: Sequence[StreamTimes], arrived: Sequence[Int64Array], end_ns: int
) -> tuple[Int64Array, Int64Array]:
    """Return the ticks, and until when a sample may arrive for each."""
    clock = alignment.clock
    if isinstance(clock, RateClock):
        ticks = np.array([clock.tick_ns(index) for index in range(clock.count_until(end_ns))], np.int64)
        return ticks, ticks + alignment.hold_off_ns
    is_timed = streams[clock.stream].times_ns != NO_TIME
    times = streams[clock.stream].times_ns[is_timed] + alignment.rules[clock.stream].offset_ns
    logs = arrived[clock.stream][is_timed]
    if len(times) == 0:
        return times, logs
    highest_before = np.concatenate(([NO_TIME], np.maximum.accumulate(times)[:-1]))
    is_later = times > highest_before
    return times[is_later], logs[is_later] + alignment.hold_off_ns


class _Aligned:
    """One stream, sorted by time, with what it takes to leave out what had not arrived."""

    def __init__(self, rule: StreamRule, stream: StreamTimes, arrived_ns: Int64Array) -> None:
        self._rule = rule
        (timed,) = np.nonzero(stream.times_ns != NO_TIME)
        self._arrived_ns = arrived_ns[timed]
        times = stream.times_ns[timed] + rule.offset_ns
        order = np.argsort(times, kind="stable")  # equal times stay in the order of acceptance
        self._times = times[order]
        self._ordinals = timed[order].astype(np.int64)
        self._ranks = order
        """Of each in time order, its place in the order of acceptance among those with a time."""

    def cells(self, ticks: Int64Array, until: Int64Array) -> Rows:
        """Return one cell for each tick."""
        cells = np.empty((len(ticks), len(FIELDS)), np.int64)
        cells[:] = missing_cell(Status.MISSING)
        there = np.searchsorted(self._arrived_ns, until, "right")
        """How many had arrived for each tick: the first so many in the order of acceptance."""
        cells[there > 0] = missing_cell(Status.OUT_OF_TOLERANCE)
        if len(self._times) and len(ticks):
            before = self._walk(np.searchsorted(self._times, ticks, "right") - 1, there, step=-1)
            match self._rule.method:
                case Method.LATEST:
                    self._fill_single(cells, before, ticks)
                case Method.NEAREST:
                    self._fill_single(cells, self._nearest(before, ticks, there), ticks)
                case Method.INTERPOLATE:
                    self._fill_pairs(cells, before, ticks, there)
                case Method.WINDOW:
                    self._fill_windows(cells, before, ticks, there)
        return cells

    def _walk(self, at: Int64Array, there: Int64Array, *, step: int) -> Int64Array:
        """Move each index on until its sample had arrived; -1 or the length when there is none."""
        at = at.copy()
        while True:
            is_inside = (at >= 0) & (at < len(self._times))
            moves = is_inside.copy()
            moves[is_inside] = self._ranks[at[is_inside]] >= there[is_inside]
            if not moves.any():
                return at
            at[moves] += step

    def _after(self, ticks: Int64Array, there: Int64Array) -> Int64Array:
        """Return the first sample behind each tick: of several at the same time the one accepted last."""
        after = self._walk(np.searchsorted(self._times, ticks, "right"), there, step=1)
        is_inside = after < len(self._times)
        last = after.copy()
        ends = np.searchsorted(self._times, self._times[after[is_inside]], "right") - 1
        last[is_inside] = ends
        return np.where(is_inside, self._walk(last, there, step=-1), after)

    def _nearest(self, before: Int64Array, ticks: Int64Array, there: Int64Array) -> Int64Array:
        after = self._after(ticks, there)
        has_after, has_before = after < len(self._times), before >= 0
        to_after = self._times[np.minimum(after, len(self._times) - 1)] - ticks
        to_before = ticks - self._times[np.maximum(before, 0)]
        return np.where(has_after & (~has_before | (to_after < to_before)), after, before)

    def _fill_single(self, cells: Rows, at: Int64Array, ticks: Int64Array) -> None:
        times = self._times[np.maximum(at, 0)]
        is_ok = (at >= 0) & (np.abs(ticks - times) <= self._rule.tolerance_ns)
        chosen = at[is_ok]
        cells[is_ok] = np.stack(
            [
                self._ordinals[chosen],
                np.ones_like(chosen),
                times[is_ok],
                ticks[is_ok] - times[is_ok],
                np.full_like(chosen, Status.OK),
            ],
            axis=1,
        )

    def _fill_pairs(self, cells: Rows, before: Int64Array, ticks: Int64Array, there: Int64Array) -> None:
        times = self._times[np.maximum(before, 0)]
        hits = (before >= 0) & (times == ticks)
        self._fill_single(cells, np.where(hits, before, -1), ticks)
        after = self._after(ticks, there)
        after_times = self._times[np.minimum(after, len(self._times) - 1)]
        tolerance = self._rule.tolerance_ns
        is_ok = (before >= 0) & ~hits & (ticks - times <= tolerance)
        is_ok &= (after < len(self._times)) & (after_times - ticks <= tolerance)
        one, other = self._ordinals[before[is_ok]], self._ordinals[after[is_ok]]
        cells[is_ok] = np.stack(
            [
                np.minimum(one, other),
                np.abs(one - other) + 1,
                times[is_ok],
                (ticks - times)[is_ok],
                np.full_like(one, Status.OK),
            ],
            axis=1,
        )

    def _fill_windows(self, cells: Rows, before: Int64Array, ticks: Int64Array, there: Int64Array) -> None:
        times = self._times[np.maximum(before, 0)]
        is_ok = (before >= 0) & (ticks - times <= self._rule.tolerance_ns)
        at, arrived = before[is_ok], there[is_ok]
        first = last = self._ordinals[at]
        count = np.ones_like(at)
        for _ in range(self._rule.window - 1):
            at = self._walk(at - 1, arrived, step=-1)
            ordinals = self._ordinals[np.maximum(at, 0)]
            first = np.where(at >= 0, np.minimum(first, ordinals), first)
            last = np.where(at >= 0, np.maximum(last, ordinals), last)
            count += at >= 0
        status = np.where(count == self._rule.window, Status.OK, Status.SHORT)
        cells[is_ok] = np.stack([first, last - first + 1, times[is_ok], (ticks - times)[is_ok], status], axis=1)
