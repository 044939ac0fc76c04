"""The bounded queue between the ingest and the writer: what goes in comes out or is counted as dropped."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from operator import itemgetter

from humanoid_recorder.core.samples import MESSAGE_OVERHEAD_BYTES, Sample

_EVICT_FRACTION = 1 / 16
"""Share of the capacity freed by one eviction, so that a full queue is searched now and then, not for each message."""

_data_of = itemgetter(Sample._fields.index("data"))

_MOST_TAKEN_BYTES = 16 * 1024 * 1024
"""The consumer gets no more at once: what it has taken is no longer bounded by the queue, but still in memory."""


@dataclass(frozen=True, slots=True)
class QueueLevel:
    """How full the queue is, and how full it has been."""

    messages: int
    bytes: int
    high_water_bytes: int
    max_bytes: int


class SampleQueue:
    """A byte-bounded queue of samples and markers, for one producer thread or more and one consumer.

    Markers (``Callable``s: open a bag, seal a bag) keep their place among the samples and are never dropped, so that
    one thread can write episode after episode without a sample ever landing in the wrong one. A sample larger than
    the whole queue is dropped alone: everything else would have to go, and it would still not fit.

    Args:
        max_bytes: Memory held at most, in bytes: payloads, and a fixed amount for each message.
        on_drop: Called with every sample discarded, in the thread that caused it and under the queue's lock:
            it must only count.
    """

    def __init__(self, *, max_bytes: int, on_drop: Callable[[Sample], None]) -> None:
        self._max_bytes = max_bytes
        self._on_drop = on_drop
        self._items: deque[Sample | Callable[[], None]] = deque()
        self._bytes = 0
        self._high_water_bytes = 0
        self._markers = 0
        self._wake_at_bytes = 0
        self._bulk_channels: frozenset[int] = frozenset()
        self._changed = threading.Condition()
        self._closed = False
        self._took_all = True

    def set_bulk_channels(self, channel_ids: Collection[int]) -> None:
        """Name the channels that go first when the queue is full: images, of which the next is 33 ms away."""
        with self._changed:
            self._bulk_channels = frozenset(channel_ids)

    def put(self, samples: Sequence[Sample]) -> None:
        """Append samples, never blocking; what does not fit is dropped: bulk first, oldest first."""
        size = _memory_bytes(samples)
        with self._changed:
            if size > self._max_bytes:
                samples = self._without_oversized(samples)
                size = _memory_bytes(samples)
            self._items.extend(samples)
            self._bytes += size
            if self._bytes > self._max_bytes:
                self._evict()
            self._high_water_bytes = max(self._high_water_bytes, self._bytes)
            if self._bytes >= self._wake_at_bytes:
                self._changed.notify()

    def put_marker(self, marker: Callable[[], None]) -> None:
        """Append something the consumer is to do when everything before it has been taken."""
        with self._changed:
            self._items.append(marker)
            self._markers += 1
            self._changed.notify()

    def close(self) -> None:
        """Let the consumer's ``take`` return None once everything has been taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self, *, enough_bytes: int, max_wait_s: float) -> list[Sample | Callable[[], None]] | None:
        """Take what is queued, in order: everything, or the oldest 16 MiB.

        Waits until ``enough_bytes`` or a marker is there, at most ``max_wait_s``: with a wake-up for every put the
        consumer would cost more than its work.

        Returns:
            Samples and markers (empty if nothing came in time), or None once closed and empty.
        """
        with self._changed:
            self._wake_at_bytes = enough_bytes
            self._changed.wait_for(
                lambda: self._closed or self._markers > 0 or self._bytes >= enough_bytes, timeout=max_wait_s
            )
            if self._closed and not self._items:
                return None
            self._took_all = self._bytes <= _MOST_TAKEN_BYTES
            if not self._took_all:
                return self._take_oldest()
            items, self._items = list(self._items), deque()
            self._bytes = self._markers = 0
            return items

    @property
    def took_all(self) -> bool:
        """Whether the last ``take`` left nothing behind."""
        return self._took_all

    def level(self) -> QueueLevel:
        """Return how full the queue is now and has been at most."""
        with self._changed:
            return QueueLevel(len(self._items), self._bytes, self._high_water_bytes, self._max_bytes)

    def _take_oldest(self) -> list[Sample | Callable[[], None]]:
        items: list[Sample | Callable[[], None]] = []
        taken_bytes = 0
        while self._items and taken_bytes < _MOST_TAKEN_BYTES:
            item = self._items.popleft()
            items.append(item)
            if isinstance(item, Sample):
                taken_bytes += len(item.data) + MESSAGE_OVERHEAD_BYTES
            else:
                self._markers -= 1
        self._bytes -= taken_bytes
        return items

    def _without_oversized(self, samples: Sequence[Sample]) -> list[Sample]:
        fitting = []
        for sample in samples:
            if len(sample.data) + MESSAGE_OVERHEAD_BYTES > self._max_bytes:
                self._on_drop(sample)
            else:
                fitting.append(sample)
        return fitting

    def _evict(self) -> None:
        """Drop until there is room again (the caller holds the lock)."""
        excess = self._bytes - self._max_bytes + int(self._max_bytes * _EVICT_FRACTION)
        excess -= self._drop_oldest(excess, only_bulk=True)
        if self._bytes > self._max_bytes:
            self._drop_oldest(excess, only_bulk=False)

    def _drop_oldest(self, excess: int, *, only_bulk: bool) -> int:
        """Drop the oldest samples until ``excess`` bytes are freed; returns the bytes freed."""
        kept: deque[Sample | Callable[[], None]] = deque()
        freed = 0
        items = self._items
        while items and freed < excess:
            item = items.popleft()
            if isinstance(item, Sample) and (not only_bulk or item.channel_id in self._bulk_channels):
                freed += len(item.data) + MESSAGE_OVERHEAD_BYTES
                self._on_drop(item)
            else:
                kept.append(item)
        kept.extend(items)
        self._items = kept
        self._bytes -= freed
        return freed


def _memory_bytes(samples: Sequence[Sample]) -> int:
    return sum(map(len, map(_data_of, samples))) + MESSAGE_OVERHEAD_BYTES * len(samples)
