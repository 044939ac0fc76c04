"""The last seconds before a start, kept while nothing is being recorded."""

from collections import deque
from collections.abc import Sequence

from humanoid_recorder.core.samples import Sample


class PreRoll:
    """A ring of samples bounded in time and in bytes, oldest out first.

    Args:
        span_ns: How far back it reaches, by log time; 0 keeps nothing.
        max_bytes: Payload bytes held at most.
    """

    def __init__(self, *, span_ns: int, max_bytes: int) -> None:
        self._span_ns = span_ns
        self._max_bytes = max_bytes
        self._samples: deque[Sample] = deque()
        self._bytes = 0

    def put(self, samples: Sequence[Sample]) -> None:
        """Append samples in the order they were taken."""
        if not self._span_ns:
            return
        self._samples.extend(samples)
        self._bytes += sum(len(sample.data) for sample in samples)
        oldest_ns = self._samples[-1].log_ns - self._span_ns if self._samples else 0
        while self._samples and (self._bytes > self._max_bytes or self._samples[0].log_ns < oldest_ns):
            self._bytes -= len(self._samples.popleft().data)

    def drain(self) -> list[Sample]:
        """Take everything, oldest first, and start empty."""
        samples = list(self._samples)
        self._samples.clear()
        self._bytes = 0
        return samples
