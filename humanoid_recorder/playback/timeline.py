"""All messages of a bag in the order of time, from any moment on, without holding the bag in memory.

The order is exact whatever the order of the file: blocks (chunks) say which span they cover, and a message goes out
only when no block that could hold an earlier one is left unread. Blocks that overlap are kept in a cache of bounded
size; where more overlap than fit, the oldest are read again when it is their turn, which costs time and not order.
"""

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

from humanoid_recorder.playback.block_cache import BlockCache
from humanoid_recorder.storage.bag_blocks import Block, BlockMessage


class OrderBy(StrEnum):
    """Which of a message's times decides when it goes out."""

    LOG = "log"
    """When it was received."""
    PUBLISH = "publish"
    """When it was sent, by the sender's clock."""


class TimedMessage(NamedTuple):
    """One message and when it goes out."""

    topic: int
    """Index of the topic in the bag."""
    position_ns: int
    """Since the beginning of the bag."""
    data: bytes
    at_once: bool = False
    """Latched, from before this moment: it goes out at once, also while playing is paused."""


@dataclass(frozen=True, slots=True)
class _Span:
    """A block and the times that it covers, ns since the epoch."""

    first_ns: int
    last_ns: int
    block: Block


class _Turn(NamedTuple):
    """The next message of a block; compares by time, then by the order of the files."""

    time_ns: int
    place: tuple[int, int]
    number: int
    """Of the message, in ``order``."""
    block: Block
    order: list[tuple[int, int]]


class _Early(NamedTuple):
    """A latched message from before; compares by time, then by the order of the files."""

    time_ns: int
    place: tuple[int, int]
    number: int
    message: BlockMessage


class Timeline:
    """The messages of a bag in order.

    The beginning is the first message of a topic that is not latched: a robot's description that was received an hour
    earlier goes out at the beginning, and not an hour before the rest.

    Args:
        cache: Reads the blocks.
        by: Which time counts. Publish times stand in no index: for them the bag is read through once at the start.
        topics: Indexes of the topics that are wanted.
        latched: Of all latched topics of the bag, how many messages somebody who joins is to find.
    """

    def __init__(self, cache: BlockCache, *, by: OrderBy, topics: Collection[int], latched: Mapping[int, int]) -> None:
        self._cache = cache
        self._topics = frozenset(topics)
        self._latched = latched
        self._time: Callable[[BlockMessage], int] = attrgetter("log_ns" if by is OrderBy.LOG else "publish_ns")
        blocks = cache.bag.blocks
        spans = [_Span(b.first_ns, b.last_ns, b) for b in blocks] if by is OrderBy.LOG else self._look_through(blocks)
        self._spans = sorted(spans, key=lambda span: (span.first_ns, span.block.place))
        self.begin_ns = self._find_begin()
        """Time of position 0, ns since the epoch."""
        self.duration_ns = max([0, *(span.last_ns - self.begin_ns for span in self._spans)])

    def messages(self, position_ns: int = 0) -> Iterator[TimedMessage]:
        """Yield what goes out from a position on: latched messages that are valid there, then all others in order."""
        from_ns = 0
        if position_ns > 0:
            from_ns = self.begin_ns + position_ns
            yield from self._latched_before(from_ns)
        waiting = [span for span in self._spans if span.last_ns >= from_ns and span.block.may_have(self._topics)]
        waiting.reverse()
        turns: list[_Turn] = []
        while waiting or turns:
            while waiting and (not turns or waiting[-1].first_ns <= turns[0].time_ns):
                block = waiting.pop().block
                if order := self._order(block, from_ns):
                    heapq.heappush(turns, _Turn(order[0][0], block.place, 0, block, order))
            if not turns:
                continue
            turn = turns[0]
            messages = self._cache.messages(turn.block)
            following = turn.number + 1
            if following < len(turn.order) and messages:
                heapq.heapreplace(turns, turn._replace(time_ns=turn.order[following][0], number=following))
            else:
                heapq.heappop(turns)
                self._cache.forget(turn.block)
            if messages:  # else it could be read once, and was asked for again
                message = messages[turn.order[turn.number][1]]
                position = turn.time_ns - self.begin_ns
                yield TimedMessage(message.topic, max(0, position), message.data, at_once=position < 0)

    def _order(self, block: Block, from_ns: int) -> list[tuple[int, int]]:
        """Return time and place of a block's wanted messages from some time on, in order; ties as in the file."""
        timed = (
            (self._turn_ns(message), number)
            for number, message in enumerate(self._cache.messages(block))
            if message.topic in self._topics
        )
        return sorted(pair for pair in timed if pair[0] >= from_ns)

    def _turn_ns(self, message: BlockMessage) -> int:
        """Return the time of a message; that of an early latched one is just before the beginning."""
        time_ns = self._time(message)
        return time_ns if time_ns > self.begin_ns or message.topic not in self._latched else self.begin_ns - 1

    def _latched_before(self, time_ns: int) -> Iterator[TimedMessage]:
        """Yield the last messages of each latched topic from before a time, oldest first."""
        wanted = {topic: count for topic, count in self._latched.items() if topic in self._topics}
        found: dict[int, list[_Early]] = {topic: [] for topic in wanted}
        before = [span for span in self._spans if span.first_ns < time_ns and span.block.may_have(wanted)]
        for span in sorted(before, key=attrgetter("last_ns"), reverse=True):
            # A block that ends before the oldest message we would send has nothing newer.
            missing = {t for t, early in found.items() if len(early) < wanted[t] or early[0].time_ns <= span.last_ns}
            if not span.block.may_have(missing) or not missing:
                continue
            for number, message in enumerate(self._cache.messages(span.block)):
                if message.topic in missing and self._time(message) < time_ns:
                    early = _Early(self._time(message), span.block.place, number, message)
                    found[message.topic].append(early)
            for topic in missing:
                found[topic] = sorted(found[topic])[-wanted[topic] :]
        for early in sorted(each for topic in found.values() for each in topic):
            yield TimedMessage(early.message.topic, time_ns - self.begin_ns, early.message.data, at_once=True)

    def _find_begin(self) -> int:
        """Return the time of the earliest message that is not latched; where all are, that of the earliest."""
        begin_ns: int | None = None
        for span in self._spans:
            if begin_ns is not None and span.first_ns >= begin_ns:
                break
            if span.block.topics and span.block.topics <= self._latched.keys():
                continue
            times = [self._time(m) for m in self._cache.messages(span.block) if m.topic not in self._latched]
            if span.block.place in self._cache.damaged:
                times = [span.first_ns]
            begin_ns = min(times, default=begin_ns) if begin_ns is None else min([begin_ns, *times])
        if begin_ns is None:
            return min((span.first_ns for span in self._spans), default=0)
        return begin_ns

    def _look_through(self, blocks: Sequence[Block]) -> Iterator[_Span]:
        """Read every block to learn which publish times it covers."""
        for block in blocks:
            times = [self._time(message) for message in self._cache.messages(block)]
            self._cache.forget(block)
            if times:
                yield _Span(min(times), max(times), block)
