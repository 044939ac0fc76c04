"""The last seconds before a start, kept while nothing is being recorded."""

from collections import deque
from collections.abc import Mapping, Sequence

from humanoid_recorder.core.samples import MESSAGE_OVERHEAD_BYTES, Arrival, Sample


class PreRoll:
    """A ring of samples bounded in time and in bytes, oldest out first.

    Args:
        span_ns: How far back it reaches, by log time; 0 keeps nothing.
        max_bytes: Memory held at most, in bytes: payloads, and a fixed amount for each message.
    """

    def __init__(self, *, span_ns: int, max_bytes: int) -> None:
        self._span_ns = span_ns
        self._max_bytes = max_bytes
        self._held: deque[tuple[Arrival, Sample]] = deque()
        self._bytes = 0
        self._heard_before: dict[int, dict[bytes, int | None]] = {}

    def put(self, arrivals: Sequence[Arrival], samples: Sequence[Sample], *, heard: Mapping[bytes, int]) -> None:
        """Append messages of one channel in the order they were taken.

        Args:
            arrivals: As the middleware handed them over.
            samples: The same messages with their times.
            heard: The highest sequence number received before these, by publisher.
        """
        if not self._span_ns:
            return
        for arrival, sample in zip(arrivals, samples, strict=True):
            publisher = arrival.publisher or b""
            self._heard_before.setdefault(sample.channel_id, {}).setdefault(publisher, heard.get(publisher))
        self._held.extend(zip(arrivals, samples, strict=True))
        self._bytes += sum(len(sample.data) + MESSAGE_OVERHEAD_BYTES for sample in samples)
        oldest_ns = self._held[-1][1].log_ns - self._span_ns if self._held else 0
        while self._held and (self._bytes > self._max_bytes or self._held[0][1].log_ns < oldest_ns):
            self._let_go(*self._held.popleft())

    def drain(
        self, *, shift_ns: int, now_ns: int
    ) -> tuple[list[tuple[Arrival, Sample]], dict[int, dict[bytes, int | None]]]:
        """Take what is not too old by now, in the order in which it was put, and start empty.

        Args:
            shift_ns: Added to every log time; the log clock may have moved since (see ``LogClock.rebase``).
            now_ns: Log time, after that move.

        Returns:
            The messages, and by channel and publisher the highest sequence number heard before them (None: none was).
        """
        oldest_ns = now_ns - self._span_ns
        while self._held and self._held[0][1].log_ns + shift_ns < oldest_ns:
            self._let_go(*self._held.popleft())
        held = [(arrival, sample._replace(log_ns=sample.log_ns + shift_ns)) for arrival, sample in self._held]
        heard_before = self._heard_before
        self._held.clear()
        self._bytes, self._heard_before = 0, {}
        return held, heard_before

    def _let_go(self, arrival: Arrival, sample: Sample) -> None:
        self._bytes -= len(sample.data) + MESSAGE_OVERHEAD_BYTES
        self._heard_before[sample.channel_id][arrival.publisher or b""] = arrival.sequence
