"""What is to be done next when a bag is played: a state machine on an injected clock, without threads.

Whoever runs it asks ``next_step(now)`` again and again, does what it says, and may give commands in between.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple, Protocol

from humanoid_recorder.playback.timeline import TimedMessage
from humanoid_recorder.playback.transport import Transport

SHORTEST_PASS_NS = 100_000_000
"""A pass of a loop takes at least this long: a bag of one message must not fill the network."""
SLOWEST, FASTEST = 0.001, 1000.0
"""Seconds of a bag per second."""
MOST_CLOCK_HZ = 1000.0
"""More, and publishing the clock leaves no time for messages."""
LONGEST_S = 1e9
"""No bag lasts longer; more seconds could not be counted in ns."""
NS_PER_S = 1_000_000_000


class Feed(Protocol):
    """Messages in order from any position on: ``ReadAhead``."""

    def begin(self, position_ns: int) -> None:
        """Give messages from this position on."""

    def peek(self) -> "TimedMessage | FeedState":
        """Return the next message, or why there is none."""

    def pop(self) -> None:
        """Take it."""


class FeedState(Enum):
    """Why a feed has no message."""

    WAIT = auto()
    """It has not been read yet; whoever runs us is woken when it has."""
    END = auto()
    """There are no more."""


class Publish(NamedTuple):
    """Publish a message."""

    message: TimedMessage
    due_ns: int | None
    """When it should have gone out, on the steady clock; None for one that goes out whenever it can."""


class Tick(NamedTuple):
    """Publish the clock."""

    position_ns: int


class Wait(NamedTuple):
    """Nothing before this time, on the steady clock; None: nothing before a command, or news of the feed."""

    until_ns: int | None


class Finished(NamedTuple):
    """It is over."""


Step = Publish | Tick | Wait | Finished


@dataclass(frozen=True, slots=True)
class PlaybackOptions:
    """How a bag is played. Positions are ns since the beginning of the bag."""

    start_ns: int
    end_ns: int
    """Messages at this position still go out."""
    rate: float = 1.0
    loop: bool = False
    paused: bool = False
    clock_hz: float = 0.0
    """0 = no clock."""


class Playback:
    """Plays what a feed gives. Positions are ns since the beginning of the bag, times ns of the steady clock."""

    def __init__(self, feed: Feed, options: PlaybackOptions) -> None:
        self.start_ns, self.end_ns = options.start_ns, max(options.start_ns, options.end_ns)
        self.loop = options.loop
        self.is_paused = options.paused
        self.is_finished = False
        self.passes = 0
        """That have come to their end."""
        self._feed = feed
        self._transport = Transport(position_ns=self.start_ns, rate=options.rate)
        self._tick_ns = round(NS_PER_S / options.clock_hz) if options.clock_hz else 0
        self._next_tick_ns: int | None = None
        self._steps = 0
        self._pause_at_ns: int | None = None
        self._begun_ns: int | None = None
        self._reached_ns = self.start_ns
        """Never goes back but by a seek, so that a clock made of it does not either."""
        feed.begin(self.start_ns)

    @property
    def rate(self) -> float:
        """Seconds of the bag per second."""
        return self._transport.rate

    def position_ns(self, now_ns: int) -> int:
        """Return where playing stands; never beyond a message that has not gone out."""
        following = self._feed.peek()
        limit_ns = self.end_ns
        if isinstance(following, TimedMessage):
            limit_ns = min(limit_ns, following.position_ns)
        elif following is FeedState.WAIT:
            limit_ns = self._reached_ns
        self._reached_ns = max(self._reached_ns, min(limit_ns, self._transport.position_ns(now_ns)))
        return self._reached_ns

    def behind_ns(self, now_ns: int) -> int:
        """Return by how much the next message is late already."""
        following = self._feed.peek()
        if not isinstance(following, TimedMessage) or not self._transport.is_running:
            return 0
        return max(0, now_ns - self._transport.due_ns(following.position_ns))

    # Commands --------------------------------------------------------------------------------------------------------

    def pause(self, now_ns: int) -> None:
        """Stand still."""
        self._transport.stand(self.position_ns(now_ns))
        self.is_paused = True
        self._pause_at_ns = None

    def resume(self) -> None:
        """Go on."""
        self.is_paused, self._steps, self._pause_at_ns = False, 0, None

    def set_rate(self, rate: float, now_ns: int) -> None:
        """Change the speed; it is more than zero."""
        self._transport.set_rate(rate, position_ns=self.position_ns(now_ns), now_ns=now_ns)

    def seek(self, position_ns: int) -> None:
        """Go on from a position, with the latched messages that are valid there."""
        position_ns = min(max(position_ns, self.start_ns), self.end_ns)
        self._transport.stand(position_ns)
        self._reached_ns = position_ns
        self._steps, self._pause_at_ns, self._begun_ns = 0, None, None
        self._feed.begin(position_ns)

    def step_message(self, now_ns: int) -> None:
        """Have the next message go out at once, and stand still there."""
        if not self.is_paused:
            self.pause(now_ns)
        self._steps += 1

    def step_span(self, span_ns: int, now_ns: int) -> None:
        """Play so much of the bag, and stand still there."""
        self.is_paused, self._steps = False, 0
        self._pause_at_ns = self.position_ns(now_ns) + span_ns

    # What is next ----------------------------------------------------------------------------------------------------

    def next_step(self, now_ns: int) -> Step:
        """Return what is to be done now."""
        if self.is_finished:
            return Finished()
        following = self._feed.peek()
        if self._begun_ns is None:
            if following is FeedState.WAIT:
                return self._wait(None)
            self._begun_ns = now_ns  # a pass begins when its first messages are there, so that they are not late
            self._next_tick_ns = now_ns
        if not self.is_paused:
            self._transport.run(now_ns)
        if self._tick_ns and self._next_tick_ns is not None and now_ns >= self._next_tick_ns:
            self._next_tick_ns = max(self._next_tick_ns + self._tick_ns, now_ns)
            return Tick(self.position_ns(now_ns))
        if following is FeedState.WAIT:
            return self._wait(None)
        if isinstance(following, TimedMessage) and following.position_ns <= self.end_ns:
            return self._next_message(following, now_ns)
        return self._next_at_end(now_ns)

    def _next_message(self, message: TimedMessage, now_ns: int) -> Step:
        if message.at_once:
            self._feed.pop()
            return Publish(message, None)
        if self.is_paused:
            if not self._steps:
                return self._wait(None)
            self._steps -= 1
            self._feed.pop()
            self._reached_ns = max(self._reached_ns, message.position_ns)
            self._transport.stand(self._reached_ns)
            return Publish(message, None)
        if self._pause_at_ns is not None and message.position_ns > self._pause_at_ns:
            return self._pause_when_due(self._pause_at_ns, now_ns)
        due_ns = self._transport.due_ns(message.position_ns)
        if due_ns > now_ns:
            return self._wait(due_ns)
        self._feed.pop()
        return Publish(message, due_ns)

    def _next_at_end(self, now_ns: int) -> Step:
        if self.is_paused and not self._steps:
            return self._wait(None)
        if self._pause_at_ns is not None and self._pause_at_ns < self.end_ns:
            return self._pause_when_due(self._pause_at_ns, now_ns)
        if not self.is_paused:
            due_ns = self._transport.due_ns(self.end_ns)
            if self.loop and self._begun_ns is not None:
                due_ns = max(due_ns, self._begun_ns + SHORTEST_PASS_NS)
            if due_ns > now_ns:
                return self._wait(due_ns)
        self.passes += 1
        self._reached_ns = self.end_ns
        if not self.loop:
            self.is_finished = True
            return Finished()
        self.seek(self.start_ns)
        return self._wait(now_ns)

    def _pause_when_due(self, position_ns: int, now_ns: int) -> Step:
        due_ns = self._transport.due_ns(position_ns)
        if due_ns > now_ns:
            return self._wait(due_ns)
        self._reached_ns = max(self._reached_ns, position_ns)
        self._transport.stand(self._reached_ns)
        self.is_paused, self._pause_at_ns = True, None
        return self._wait(None)

    def _wait(self, until_ns: int | None) -> Wait:
        times: Iterable[int] = [
            each for each in (until_ns, self._next_tick_ns if self._tick_ns else None) if each is not None
        ]
        return Wait(min(times, default=None))
