"""The messages a late subscriber would still get, kept so that every episode of a session has them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from humanoid_recorder.core.samples import Arrival, Sample

_ANY_PUBLISHER = b""


@dataclass(slots=True)
class _Kept:
    samples: deque[Sample]
    depth: int


class LatchedCache:
    """Keeps the last messages of the publishers of one latched topic.

    Discovery does not tell a publisher's depth. What it sent before we subscribed and we still got shows how many it
    keeps at least; that many are kept here, and one at least. Where publishers cannot be told apart (Jazzy), as many
    as there are publishers.

    Args:
        max_bytes: Payload bytes kept at most; the oldest go first.
    """

    def __init__(self, *, max_bytes: int = 32 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[bytes, _Kept] = {}
        self._publishers = 1

    def set_publisher_count(self, publishers: int) -> None:
        """Learn how many publishers the topic has; never shrinks, as those who left may still be wanted."""
        self._publishers = max(self._publishers, publishers)

    def put(self, arrivals: Sequence[Arrival], samples: Sequence[Sample], *, subscribed_ns: int) -> None:
        """Keep messages as they arrive.

        Args:
            arrivals: The messages as the middleware handed them over.
            samples: The same messages with their times.
            subscribed_ns: System time of our subscription; what was sent before shows the publisher's depth.
        """
        for arrival, sample in zip(arrivals, samples, strict=True):
            kept = self._kept.setdefault(arrival.publisher or _ANY_PUBLISHER, _Kept(deque(), 1))
            kept.samples.append(sample)
            depth = kept.depth if arrival.publisher else max(kept.depth, self._publishers)
            if 0 < arrival.source_ns < subscribed_ns:
                depth = max(depth, len(kept.samples))
            kept.depth = depth
            while len(kept.samples) > kept.depth:
                kept.samples.popleft()
        self._shed()

    def samples(self) -> list[Sample]:
        """Return what is kept, in the order of receipt."""
        return sorted((sample for kept in self._kept.values() for sample in kept.samples), key=lambda s: s.log_ns)

    def _shed(self) -> None:
        excess = sum(len(sample.data) for kept in self._kept.values() for sample in kept.samples) - self._max_bytes
        for sample in self.samples() if excess > 0 else ():
            for kept in self._kept.values():
                if kept.samples and kept.samples[0] is sample and excess > 0:
                    kept.samples.popleft()
                    excess -= len(sample.data)
