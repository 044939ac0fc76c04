"""How good the frames of an episode are."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from humanoid_recorder.core.alignment.frames import AGE_NS, STATUS, Frame, FrameTable
from humanoid_recorder.core.alignment.rules import Status

_PERCENTILES = (50.0, 95.0, 99.0, 100.0)


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of a time, in ns."""

    p50_ns: int
    p95_ns: int
    p99_ns: int
    max_ns: int


@dataclass(frozen=True, slots=True)
class StreamQuality:
    """One stream over all ticks."""

    name: str
    ok: int
    """Ticks at which it has what its rule asks for."""
    missing: int
    """Ticks at which nothing of it had arrived."""
    out_of_tolerance: int
    short: int
    """Ticks with too few samples for its window."""
    spoiled: int
    """Ticks that would be complete but for this stream."""
    age: Spread | None
    """Distance of the sample chosen from its tick; None without one."""


@dataclass(frozen=True, slots=True)
class AlignmentQuality:
    """All streams over all ticks."""

    ticks: int
    complete: int
    """Ticks at which every stream is in order."""
    skew: Spread | None
    """Spread of the stamps within one complete frame; None without one, or with one stream only."""
    streams: tuple[StreamQuality, ...]

    @property
    def complete_share(self) -> float | None:
        """Share of complete frames; None without ticks."""
        return self.complete / self.ticks if self.ticks else None

    @property
    def worst_stream(self) -> str:
        """The stream that spoils most frames by itself, else the one that is wrong most often; empty if none is."""
        worst = max(self.streams, key=lambda stream: (stream.spoiled, self.ticks - stream.ok), default=None)
        return worst.name if worst is not None and worst.ok < self.ticks else ""


class QualityTally:
    """Sums frames up as they come, at nine bytes for each stream of each.

    Args:
        names: Of the aligned streams.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._status = bytearray()
        self._ages = bytearray()

    def add(self, frame: Frame) -> None:
        """Count one more."""
        self._status += frame.cells[:, STATUS].astype(np.uint8).tobytes()
        self._ages += frame.cells[:, AGE_NS].astype(np.int64).tobytes()

    def judge(self) -> AlignmentQuality:
        """Return what the frames so far come to."""
        shape = (-1, len(self._names))
        # Copies: neither may grow while numpy looks at it.
        status = np.frombuffer(bytes(self._status), np.uint8).reshape(shape)
        return _judge(self._names, status, np.frombuffer(bytes(self._ages), np.int64).reshape(shape))


def judge(table: FrameTable) -> AlignmentQuality:
    """Sum a table of frames up."""
    return _judge(table.names, table.cells[:, :, STATUS], table.cells[:, :, AGE_NS])


def _judge(
    names: tuple[str, ...],
    status: np.ndarray[tuple[int, int], np.dtype[np.integer[Any]]],
    ages: np.ndarray[tuple[int, int], np.dtype[np.int64]],
) -> AlignmentQuality:
    is_ok = status == Status.OK
    wrong = (~is_ok).sum(axis=1)
    complete = ages[wrong == 0]
    skew = None
    if len(complete) and len(names) > 1:
        skew = _spread(complete.max(axis=1) - complete.min(axis=1))  # of the stamps too: the tick is the same
    streams = []
    for at, name in enumerate(names):
        has = is_ok[:, at] | (status[:, at] == Status.SHORT)
        counts = np.bincount(status[:, at], minlength=len(Status))
        streams.append(
            StreamQuality(
                name=name,
                ok=int(counts[Status.OK]),
                missing=int(counts[Status.MISSING]),
                out_of_tolerance=int(counts[Status.OUT_OF_TOLERANCE]),
                short=int(counts[Status.SHORT]),
                spoiled=int(((wrong == 1) & ~is_ok[:, at]).sum()),
                age=_spread(np.abs(ages[has, at])) if has.any() else None,
            )
        )
    return AlignmentQuality(len(status), len(complete), skew, tuple(streams))


def _spread(times_ns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Spread:
    # Of what was measured, never between two: a percentile is a time that occurred.
    return Spread(*(int(value) for value in np.percentile(times_ns, _PERCENTILES, method="inverted_cdf")))
