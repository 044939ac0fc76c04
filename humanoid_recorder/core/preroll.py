"""The last seconds before a start, kept while nothing is being recorded."""

from collections import deque
from collections.abc import Sequence

from humanoid_recorder.core.samples import Arrival, Sample


class PreRoll:
    """A ring of samples bounded in time and in bytes, oldest out first.

    Args:
        span_ns: How far back it reaches, by log time; 0 keeps nothing.
        max_bytes: Payload bytes held at most.
    """

    def __init__(self, *, span_ns: int, max_bytes: int) -> None:
        self._span_ns = span_ns
        self._max_bytes = max_bytes
        self._held: deque[tuple[Arrival, Sample]] = deque()
        self._bytes = 0

    def put(self, arrivals: Sequence[Arrival], samples: Sequence[Sample]) -> None:
        """Append messages in the order they were taken."""
        if not self._span_ns:
            return
        self._held.extend(zip(arrivals, samples, strict=True))
        self._bytes += sum(len(sample.data) for sample in samples)
        oldest_ns = self._held[-1][1].log_ns - self._span_ns if self._held else 0
        while self._held and (self._bytes > self._max_bytes or self._held[0][1].log_ns < oldest_ns):
            self._bytes -= len(self._held.popleft()[1].data)

    def drain(self, *, shift_ns: int, now_ns: int) -> list[tuple[Arrival, Sample]]:
        """Take what is not too old by now, in the order in which it was put, and start empty.

        Args:
            shift_ns: Added to every log time; the log clock may have moved since (see ``LogClock.rebase``).
            now_ns: Log time, after that move.
        """
        oldest_ns = now_ns - self._span_ns
        held = [
            (arrival, sample._replace(log_ns=sample.log_ns + shift_ns))
            for arrival, sample in self._held
            if sample.log_ns + shift_ns >= oldest_ns
        ]
        self._held.clear()
        self._bytes = 0
        return held
