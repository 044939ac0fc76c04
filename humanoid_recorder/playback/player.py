"""Plays a bag in the thread that calls ``run``, on absolute deadlines; commands come from other threads."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from humanoid_recorder.playback.playback import Finished, Playback, Publish, Tick, Wait
from humanoid_recorder.playback.timeline import TimedMessage
from humanoid_recorder.playback.timing import TimingError, TimingSummary

_FINE_WAIT_NS = 2_000_000
"""The last part of a wait, in which a command has to wait too: a lock that times out wakes later than a sleep ends."""
_LONGEST_WAIT_NS = 500_000_000


class Outlet(Protocol):
    """Where messages go."""

    def publish(self, message: TimedMessage) -> None:
        """Publish a message."""

    def tick(self, position_ns: int) -> None:
        """Publish the clock."""


class Clock(Protocol):
    """The steady clock, and waiting on it; replaced in tests."""

    def now_ns(self) -> int:
        """Return the time in ns."""

    def sleep(self, duration_ns: int) -> None:
        """Wait."""

    def wait(self, changed: threading.Condition, duration_ns: int) -> None:
        """Wait, or until the condition is notified."""


class SteadyClock:
    """The steady clock of this machine."""

    def now_ns(self) -> int:
        """Return the time in ns."""
        return time.monotonic_ns()

    def sleep(self, duration_ns: int) -> None:
        """Wait."""
        time.sleep(duration_ns / 1e9)

    def wait(self, changed: threading.Condition, duration_ns: int) -> None:
        """Wait, or until the condition is notified."""
        changed.wait(duration_ns / 1e9)


class Standing(NamedTuple):
    """Where playing stands. Positions are ns since the beginning of the bag."""

    position_ns: int
    rate: float
    loop: bool
    is_paused: bool
    is_finished: bool
    passes: int
    behind_ns: int
    """By how much the next message is late already."""
    sent: int
    timing: TimingSummary


class Player:
    """Does what a ``Playback`` says.

    Args:
        changed: Guards everything; notified when there is news of the feed.
        playback: What is played.
        outlet: Where it goes.
        clock: The steady clock.
    """

    def __init__(
        self,
        changed: threading.Condition,
        playback: Playback,
        outlet: Outlet,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._changed = changed
        self._playback = playback
        self._outlet = outlet
        self._clock = clock or SteadyClock()
        self._timing = TimingError()
        self._sent = 0
        self._is_stopped = False

    def run(self) -> None:
        """Play until the end of the bag, or until ``stop``."""
        while True:
            sleep_ns = 0
            with self._changed:
                if self._is_stopped:
                    return
                step = self._playback.next_step(self._clock.now_ns())
                match step:
                    case Publish():
                        self._publish(step)
                    case Tick():
                        self._outlet.tick(step.position_ns)
                    case Wait():
                        sleep_ns = self._wait(step)
                    case Finished():
                        return
            if sleep_ns > 0:
                self._clock.sleep(sleep_ns)

    def stop(self) -> None:
        """Have ``run`` return."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def command(self, change: Callable[[Playback, int], None]) -> None:
        """Change what is played: ``change`` gets the playback and the time, while nothing is published."""
        with self._changed:
            change(self._playback, self._clock.now_ns())
            self._changed.notify_all()

    def standing(self) -> Standing:
        """Return where playing stands."""
        with self._changed:
            playback, now_ns = self._playback, self._clock.now_ns()
            return Standing(
                position_ns=playback.position_ns(now_ns),
                rate=playback.rate,
                loop=playback.loop,
                is_paused=playback.is_paused,
                is_finished=playback.is_finished,
                passes=playback.passes,
                behind_ns=playback.behind_ns(now_ns),
                sent=self._sent,
                timing=self._timing.summary(),
            )

    def _publish(self, step: Publish) -> None:
        if step.due_ns is not None:
            self._timing.add(self._clock.now_ns() - step.due_ns)
        self._outlet.publish(step.message)
        self._sent += 1

    def _wait(self, step: Wait) -> int:
        """Wait for what may change; returns how long is still to be slept, which nothing may interrupt."""
        left_ns = _LONGEST_WAIT_NS if step.until_ns is None else step.until_ns - self._clock.now_ns()
        if step.until_ns is not None and left_ns <= _FINE_WAIT_NS:
            return left_ns
        if left_ns > 0:
            self._clock.wait(self._changed, min(left_ns - _FINE_WAIT_NS // 2, _LONGEST_WAIT_NS))
        return 0
