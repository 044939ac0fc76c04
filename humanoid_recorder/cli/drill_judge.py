"""What a kill cost, found out from the numbers in the messages alone. Pure: no files, no processes."""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from humanoid_recorder.cli.demo_check import SentRecord, due_numbers

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a recovered bag has of one topic."""

    numbers: frozenset[int] = frozenset()
    """Running numbers of its messages."""
    newest_ns: int | None = None
    """Latest publish time, ns since the epoch; None without messages."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What is not in the bag of what the robot measured from the start of the episode to the kill."""

    ms: float
    """Of the topic that is worst off: from the newest message recovered, or from the start, to the kill."""
    topic: str
    """That topic."""
    messages: int
    """Of all topics, behind the last one recovered of each: what a crash may cost."""
    missing: Mapping[str, int]
    """By topic, before the last one recovered: what nothing may cost. Topics without any are left out."""


def kill_moments(seed: int, kills: int, seconds: float) -> list[float]:
    """Choose when to kill: so many moments, in s after the start, each as likely as any other up to ``seconds``.

    With one seed, a smaller number of kills is the beginning of a larger one.
    """
    chance = random.Random(seed)
    return [chance.uniform(0.0, seconds) for _ in range(kills)]


def judge_kill(sent: Mapping[str, SentRecord], found: Mapping[str, Found], *, start_ns: int, killed_ns: int) -> Loss:
    """Compare what was sent with what was recovered. All times are of one clock, ns since the epoch.

    A message counts as sent at its measurement, which it carries as its stamp; it goes out some 1 ms later. So the
    last messages before the kill count as lost even if they had not left the robot yet.

    Args:
        sent: What the robot says of each of its topics, at least one.
        found: What is in the bag of each; a topic may be absent.
        start_ns: When the episode began.
        killed_ns: When the recorder was killed.
    """
    topics = {
        topic: _judge_topic(record, found.get(topic, Found()), start_ns=start_ns, killed_ns=killed_ns)
        for topic, record in sent.items()
    }
    worst = max(topics, key=lambda topic: topics[topic].ms)
    return Loss(
        ms=topics[worst].ms,
        topic=worst,
        messages=sum(each.tail for each in topics.values()),
        missing={topic: each.missing for topic, each in topics.items() if each.missing},
    )


@dataclass(frozen=True, slots=True)
class _TopicLoss:
    ms: float
    tail: int
    missing: int


def _judge_topic(sent: SentRecord, found: Found, *, start_ns: int, killed_ns: int) -> _TopicLoss:
    due = due_numbers(sent, begin_ns=start_ns, end_ns=killed_ns)
    last = max(found.numbers, default=due.start - 1)
    newest_ns = start_ns if found.newest_ns is None else found.newest_ns
    return _TopicLoss(
        ms=max(0, killed_ns - newest_ns) / _NS_PER_MS,
        tail=sum(number > last for number in due),
        missing=sum(number not in found.numbers for number in due if number < last),
    )


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill, and what became of the episode. Its fields are keys of ``--json``."""

    number: int
    """From 1."""
    after_s: float
    """From the start of the episode to the kill."""
    loss_ms: float
    """See ``Loss.ms``."""
    loss_topic: str
    lost: int
    """Messages at the end, all topics together."""
    missing: int
    """Messages before the end of their topic."""
    is_recovered: bool
    """False where nothing could be recovered: a problem, unless the kill came before anything was on the disk."""
    recovered: int
    """Messages in the recovered bag."""
    longest_sync_ms: float
    """The longest ``fdatasync`` of this recorder, one that was under way at the kill included."""
    was_syncing: bool
    """Whether one was under way at the kill."""
    zeroed_bytes: int
    """What the simulated power cut took; 0 without."""
    readers: tuple[str, ...]
    """Who read all messages of the recovered bag."""
    bag: str
    """Where it is; empty unless it was kept."""
    problems: tuple[str, ...]
    """What a kill may not do; empty = good."""


@dataclass(frozen=True, slots=True)
class DrillResult:
    """All kills, at least one."""

    kills: tuple[Kill, ...]
    asked_for: int
    """Less are done when somebody interrupts."""

    @property
    def is_good(self) -> bool:
        """Whether every kill that was asked for was made, and none did what it may not."""
        return len(self.kills) == self.asked_for and not self.problems

    @property
    def problems(self) -> list[str]:
        """Every problem as a line."""
        return [f"kill {kill.number}: {problem}" for kill in self.kills for problem in kill.problems]

    @property
    def worst(self) -> Kill:
        """The kill that cost most time."""
        return max(self.kills, key=lambda kill: kill.loss_ms)

    @property
    def most_lost(self) -> int:
        """Messages that a kill cost at most."""
        return max(kill.lost for kill in self.kills)

    @property
    def longest_sync_ms(self) -> float:
        """The longest ``fdatasync`` of all."""
        return max(kill.longest_sync_ms for kill in self.kills)

    def loss_ms(self, share: float) -> float:
        """Return the loss that this share of the kills does not exceed: 0.5 for the median, 1 for the worst."""
        ordered = sorted(kill.loss_ms for kill in self.kills)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def problems_of(loss: Loss, *, limit_ms: float) -> Iterator[str]:
    """Say what a loss has that a kill may not cost."""
    if loss.ms > limit_ms:
        yield f"{loss.ms:.0f} ms of {loss.topic} are lost, and the limit is {limit_ms:g} ms"
    for topic, count in loss.missing.items():
        yield f"{count} messages of {topic} are missing before its end"
