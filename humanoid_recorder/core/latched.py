"""The messages a late subscriber would still get, kept so that every episode of a session has them."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from humanoid_recorder.core.samples import Arrival, Sample

_ANY_PUBLISHER = b""
_BACKLOG_NS = 5_000_000_000
"""What a publisher had sent before our subscription reaches us within this. The clock of another host may be years
behind ours, so that the time of sending alone tells nothing."""
_NEWCOMER_NS = 5_000_000_000
"""The graph shows a new publisher within this after its first message."""


@dataclass(slots=True)
class _Kept:
    samples: deque[tuple[int, Sample]]
    """Each with its number in the order of receipt: log times may be moved when the clock is set."""
    depth: int


class LatchedCache:
    """Keeps the last messages of the publishers of one latched topic.

    Discovery does not tell a publisher's depth. What it sent before we subscribed and we still got shows how many it
    keeps at least; that many are kept here, and one at least. Where publishers cannot be told apart (Jazzy), as many
    as there are publishers; a new one may be heard before the graph shows it, so that for a while after the numbers
    have gone back nothing is dropped.

    Args:
        max_bytes: Payload bytes kept at most; the oldest go first.
    """

    def __init__(self, *, max_bytes: int = 32 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._count = 0
        self._kept: dict[bytes, _Kept] = {}
        self._publishers = 1
        self._last_sequence = 0
        self._keep_all_until_ns = 0
        self._living: frozenset[bytes] = frozenset()

    def set_publishers(self, gids: Collection[bytes]) -> None:
        """Learn who publishes the topic now.

        What publishers that left had sent is kept until one of those who are there has sent something: a robot's
        description is wanted also when the node that published it once has ended.
        """
        self._publishers = max(self._publishers, len(gids))
        self._living = frozenset(gids)
        self._keep_all_until_ns = 0
        if anonymous := self._kept.get(_ANY_PUBLISHER):
            self._shorten(anonymous, now_ns=0)

    def put(self, arrivals: Sequence[Arrival], samples: Sequence[Sample], *, subscribed_ns: int) -> None:
        """Keep messages as they arrive.

        Args:
            arrivals: The messages as the middleware handed them over.
            samples: The same messages with their times.
            subscribed_ns: System time of our subscription; what was sent before shows the publisher's depth.
        """
        for arrival, sample in zip(arrivals, samples, strict=True):
            publisher = arrival.publisher or _ANY_PUBLISHER
            kept = self._kept.setdefault(publisher, _Kept(deque(), 1))
            if any(sample.publish_ns == old.publish_ns and sample.data == old.data for _number, old in kept.samples):
                continue  # delivered again to a new subscription of ours
            if publisher in self._living:
                self._forget_those_who_left()
            if not arrival.publisher:
                self._shorten(kept, now_ns=arrival.received_ns)
                self._look_for_a_newcomer(arrival)
            self._count += 1
            self._bytes += len(sample.data)
            kept.samples.append((self._count, sample))
            if 0 < arrival.source_ns < subscribed_ns and arrival.received_ns < subscribed_ns + _BACKLOG_NS:
                kept.depth = max(kept.depth, len(kept.samples))
            self._shorten(kept, now_ns=arrival.received_ns)
        while self._bytes > self._max_bytes:
            self._drop_oldest(min((k for k in self._kept.values() if k.samples), key=lambda k: k.samples[0][0]))

    def samples(self) -> list[Sample]:
        """Return what is kept, in the order of receipt."""
        numbered = sorted(pair for kept in self._kept.values() for pair in kept.samples)
        return [sample for _number, sample in numbered]

    def _look_for_a_newcomer(self, arrival: Arrival) -> None:
        """Notice that a message is not of the publisher that sent the one before, though nobody says of whom it is."""
        if arrival.sequence is not None and arrival.sequence <= self._last_sequence:
            self._keep_all_until_ns = arrival.received_ns + _NEWCOMER_NS
        self._last_sequence = arrival.sequence or 0

    def _shorten(self, kept: _Kept, *, now_ns: int) -> None:
        depth = max(kept.depth, self._publishers) if kept is self._kept.get(_ANY_PUBLISHER) else kept.depth
        while len(kept.samples) > depth and now_ns >= self._keep_all_until_ns:
            self._drop_oldest(kept)

    def _forget_those_who_left(self) -> None:
        for publisher in self._kept.keys() - self._living:
            kept = self._kept.pop(publisher)
            self._bytes -= sum(len(sample.data) for _number, sample in kept.samples)

    def _drop_oldest(self, kept: _Kept) -> None:
        _number, sample = kept.samples.popleft()
        self._bytes -= len(sample.data)
