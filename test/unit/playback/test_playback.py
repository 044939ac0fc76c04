"""The state machine of playing, on a clock that only moves when it is waited for."""

import threading
from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.playback.playback import (
    SHORTEST_PASS_NS,
    FeedState,
    Playback,
    PlaybackOptions,
    Publish,
)
from humanoid_recorder.playback.player import Player
from humanoid_recorder.playback.timeline import TimedMessage

MS = 1_000_000
Command = Callable[[Playback, int], None]


class ListFeed:
    """Messages out of a list, with the latched ones from before a position first."""

    def __init__(self, messages: Sequence[TimedMessage], *, latched: Sequence[TimedMessage] = ()) -> None:
        self._all, self._latched = messages, latched
        self._left: list[TimedMessage] = []

    def begin(self, position_ns: int) -> None:
        replay = [m._replace(position_ns=position_ns, at_once=True) for m in self._latched if position_ns]
        self._left = [*replay, *(m for m in self._all if m.position_ns >= position_ns)][::-1]

    def peek(self) -> TimedMessage | FeedState:
        return self._left[-1] if self._left else FeedState.END

    def pop(self) -> None:
        self._left.pop()


class Bench:
    """A clock, an outlet, and commands that come at given times."""

    def __init__(self, commands: Sequence[tuple[int, Command]] = ()) -> None:
        self.now = 0
        self.sent: list[tuple[int, TimedMessage]] = []
        self.ticks: list[tuple[int, int]] = []
        self.player: Player | None = None
        self._commands = sorted(commands, key=lambda pair: pair[0], reverse=True)
        self._idle = 0

    def now_ns(self) -> int:
        return self.now

    def sleep(self, duration_ns: int) -> None:
        self._advance(self.now + duration_ns)

    def wait(self, changed: threading.Condition, duration_ns: int) -> None:
        self._advance(self.now + duration_ns)

    def publish(self, message: TimedMessage) -> None:
        self._idle = 0
        self.sent.append((self.now, message))

    def tick(self, position_ns: int) -> None:
        self.ticks.append((self.now, position_ns))

    def _advance(self, until: int) -> None:
        assert self.player is not None
        self._idle += 1
        if self._commands and self._commands[-1][0] <= until:
            at, command = self._commands.pop()
            self.now = max(self.now, at)
            self.player.command(command)
            return
        self.now = until
        if self._idle > 5000 and not self._commands:
            self.player.stop()


def messages_at(*positions_ms: float) -> list[TimedMessage]:
    return [TimedMessage(0, round(at * MS), b"%d" % number) for number, at in enumerate(positions_ms)]


def play(
    feed: ListFeed,
    *,
    commands: Sequence[tuple[int, Command]] = (),
    start_ms: int = 0,
    end_ms: int = 100,
    rate: float = 1.0,
    loop: bool = False,
    paused: bool = False,
    clock_hz: float = 0.0,
) -> tuple[Bench, Playback]:
    bench = Bench(commands)
    options = PlaybackOptions(
        start_ns=start_ms * MS, end_ns=end_ms * MS, rate=rate, loop=loop, paused=paused, clock_hz=clock_hz
    )
    playback = Playback(feed, options)
    bench.player = Player(threading.Condition(), playback, bench, clock=bench)
    bench.player.run()
    return bench, playback


def pause(playback: Playback, now_ns: int) -> None:
    playback.pause(now_ns)


def resume(playback: Playback, _now_ns: int) -> None:
    playback.resume()


def seek(position_ms: int) -> Command:
    return lambda playback, _now_ns: playback.seek(position_ms * MS)


def rate(value: float) -> Command:
    return lambda playback, now_ns: playback.set_rate(value, now_ns)


def times_ms(bench: Bench) -> list[float]:
    return [at / MS for at, _ in bench.sent]


def numbers(bench: Bench) -> list[int]:
    return [int(message.data) for _, message in bench.sent]


def test_every_message_goes_out_at_its_own_time() -> None:
    bench, playback = play(ListFeed(messages_at(0, 1, 1, 50)), end_ms=50)
    assert times_ms(bench) == [0, 1, 1, 50]
    assert playback.is_finished
    assert playback.passes == 1


def test_at_twice_the_rate_it_takes_half_the_time() -> None:
    bench, _ = play(ListFeed(messages_at(0, 10, 20)), end_ms=20, rate=2.0)
    assert times_ms(bench) == [0, 5, 10]


def test_a_pause_moves_everything_behind_it_by_its_length() -> None:
    bench, _ = play(ListFeed(messages_at(0, 10, 20)), end_ms=20, commands=[(12 * MS, pause), (500 * MS, resume)])
    assert times_ms(bench) == [0, 10, 508]


def test_a_change_of_rate_holds_from_the_moment_it_is_made() -> None:
    bench, _ = play(ListFeed(messages_at(0, 10, 20)), end_ms=20, commands=[(4 * MS, rate(0.5))])
    assert times_ms(bench) == [0, 16, 36]


def test_a_seek_skips_and_goes_back_with_the_latched_messages_first() -> None:
    latched = [TimedMessage(1, 0, b"77")]
    feed = ListFeed(messages_at(0, 10, 20, 30), latched=latched)
    bench, _ = play(feed, end_ms=30, commands=[(5 * MS, seek(20)), (14 * MS, seek(10))])
    assert numbers(bench) == [0, 77, 2, 77, 1, 2, 3]
    assert times_ms(bench) == [0, 5, 5, 14, 14, 24, 34]


def test_latched_messages_of_a_position_go_out_also_while_it_is_paused() -> None:
    feed = ListFeed(messages_at(0, 10, 20), latched=[TimedMessage(1, 0, b"77")])
    bench, playback = play(feed, paused=True, commands=[(5 * MS, seek(10))])
    assert numbers(bench) == [77]
    assert playback.is_paused


def test_a_step_sends_one_message_and_stands_still_there() -> None:
    def step(playback: Playback, now_ns: int) -> None:
        playback.step_message(now_ns)

    feed = ListFeed(messages_at(0, 10, 20))
    bench, playback = play(feed, paused=True, commands=[(MS, step), (5 * MS, step)])
    assert numbers(bench) == [0, 1]
    assert playback.position_ns(bench.now) == 10 * MS
    assert playback.is_paused


def test_a_step_of_a_time_plays_that_much_and_stands_still_there() -> None:
    feed = ListFeed(messages_at(0, 10, 20, 30))
    bench, playback = play(feed, paused=True, commands=[(MS, lambda p, now: p.step_span(15 * MS, now))])
    assert times_ms(bench) == [1, 11]
    assert playback.position_ns(bench.now) == 15 * MS
    assert playback.is_paused


def test_a_step_while_playing_pauses_first() -> None:
    feed = ListFeed(messages_at(0, 10, 20))
    bench, playback = play(feed, end_ms=20, commands=[(5 * MS, lambda p, now: p.step_message(now))])
    assert times_ms(bench) == [0, 5]
    assert playback.is_paused


def test_a_loop_plays_everything_again_until_it_is_told_not_to() -> None:
    def stop_looping(playback: Playback, _now_ns: int) -> None:
        playback.loop = False

    feed = ListFeed(messages_at(0, 150, 300))
    bench, playback = play(feed, end_ms=300, loop=True, commands=[(350 * MS, stop_looping)])
    assert numbers(bench) == [0, 1, 2, 0, 1, 2]
    assert times_ms(bench) == [0, 150, 300, 300, 450, 600]
    assert playback.passes == 2


def test_a_loop_of_one_message_does_not_fill_the_network() -> None:
    bench, _ = play(
        ListFeed(messages_at(0)), end_ms=0, loop=True, commands=[(950 * MS, lambda p, _: setattr(p, "loop", False))]
    )
    assert len(bench.sent) == 950 * MS // SHORTEST_PASS_NS + 1


def test_a_window_ends_with_the_messages_at_its_end() -> None:
    bench, _ = play(ListFeed(messages_at(0, 10, 20, 20.5, 30)), start_ms=10, end_ms=20)
    assert numbers(bench) == [1, 2]
    assert bench.now == 10 * MS


def test_seeks_stay_within_the_window() -> None:
    _, playback = play(ListFeed(messages_at(0, 10, 20, 30)), start_ms=10, end_ms=20, paused=True)
    playback.seek(0)
    assert playback.position_ns(0) == 10 * MS
    playback.seek(10**12)
    assert playback.position_ns(0) == 20 * MS


def test_the_clock_ticks_at_its_rate_and_never_runs_ahead_of_a_message() -> None:
    bench, _ = play(ListFeed(messages_at(0, 33, 100)), clock_hz=100)
    assert [at / MS for at, _ in bench.ticks] == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    assert [position for _, position in bench.ticks] == [at for at, _ in bench.ticks]


def test_the_clock_stands_still_with_the_bag_and_keeps_ticking() -> None:
    commands = [(25 * MS, pause), (95 * MS, resume)]
    bench, _ = play(ListFeed(messages_at(0, 50)), end_ms=50, clock_hz=100, commands=commands)
    positions = [position / MS for _, position in bench.ticks]
    assert positions[:3] == [0, 10, 20]
    assert positions[3:10] == [25] * 7
    assert positions == sorted(positions)


def test_an_early_message_does_not_count_in_the_timing() -> None:
    feed = ListFeed([TimedMessage(0, 0, b"1", at_once=True), *messages_at(5)])
    bench, _ = play(feed)
    assert bench.player is not None
    assert bench.player.standing().timing.messages == 1
    assert bench.player.standing().sent == 2


COMMANDS = st.one_of(
    st.just(pause),
    st.just(resume),
    st.floats(0.1, 50.0).map(rate),
)


@given(
    positions=st.lists(st.integers(0, 200), min_size=1, max_size=60),
    commands=st.lists(st.tuples(st.integers(0, 400 * MS), COMMANDS), max_size=12),
    start_rate=st.floats(0.1, 50.0),
)
def test_every_message_goes_out_once_and_in_order_whatever_is_paused_and_changed(
    positions: list[int], commands: list[tuple[int, Command]], start_rate: float
) -> None:
    feed = ListFeed(messages_at(*sorted(positions)))
    bench, playback = play(feed, end_ms=200, rate=start_rate, commands=[*commands, (401 * MS, resume)])
    assert playback.is_finished
    assert numbers(bench) == list(range(len(positions)))
    assert times_ms(bench) == sorted(times_ms(bench))


@given(
    steps_ns=st.lists(st.integers(0, 30 * MS), min_size=1, max_size=60),
    speed=st.fractions(Fraction(1, 10), 20, max_denominator=1000),
)
def test_times_do_not_drift(steps_ns: list[int], speed: Fraction) -> None:
    positions = [sum(steps_ns[:count]) for count in range(len(steps_ns) + 1)]
    feed = ListFeed([TimedMessage(0, at, b"0") for at in positions])
    bench, _ = play(feed, end_ms=10_000, rate=float(speed))
    for at, position in zip([at for at, _ in bench.sent], positions, strict=True):
        assert abs(at - position / speed) <= 2


@given(
    positions=st.lists(st.integers(0, 100), min_size=1, max_size=40),
    commands=st.lists(
        st.tuples(
            st.integers(0, 300 * MS),
            st.one_of(COMMANDS, st.integers(-10, 120).map(seek), st.just(lambda p, now: p.step_message(now))),
        ),
        max_size=12,
    ),
)
def test_between_seeks_positions_and_the_clock_only_grow(
    positions: list[int], commands: list[tuple[int, Command]]
) -> None:
    shown: list[int] = []
    begins: list[int] = []

    class NotingFeed(ListFeed):
        def begin(self, position_ns: int) -> None:
            begins.append(len(shown))
            super().begin(position_ns)

    class NotingBench(Bench):
        def publish(self, message: TimedMessage) -> None:
            shown.append(message.position_ns)
            super().publish(message)

        def tick(self, position_ns: int) -> None:
            shown.append(position_ns)
            super().tick(position_ns)

    feed, bench = NotingFeed(messages_at(*sorted(positions))), NotingBench(commands)
    playback = Playback(feed, PlaybackOptions(start_ns=0, end_ns=100 * MS, clock_hz=50))
    bench.player = Player(threading.Condition(), playback, bench, clock=bench)
    bench.player.run()
    for first, last in zip([0, *begins], [*begins, len(shown)], strict=True):
        assert shown[first:last] == sorted(shown[first:last])


def test_a_feed_that_is_slow_to_begin_makes_nothing_late() -> None:
    class SlowFeed(ListFeed):
        def peek(self) -> TimedMessage | FeedState:
            return super().peek() if bench.now > 70 * MS else FeedState.WAIT

    feed = SlowFeed(messages_at(0, 10))
    bench = Bench()
    playback = Playback(feed, PlaybackOptions(start_ns=0, end_ns=10 * MS))
    bench.player = Player(threading.Condition(), playback, bench, clock=bench)
    bench.player.run()
    first, second = times_ms(bench)
    assert first > 70
    assert second - first == pytest.approx(10)
    assert bench.player.standing().timing.max_us == 0


def test_what_is_next_is_told_with_the_time_it_was_due() -> None:
    playback = Playback(ListFeed(messages_at(0, 5)), PlaybackOptions(start_ns=0, end_ns=5 * MS))
    first = playback.next_step(1000)
    assert isinstance(first, Publish)
    assert first.due_ns == 1000
    assert playback.behind_ns(9 * MS) == 9 * MS - 5 * MS - 1000
    late = playback.next_step(9 * MS)
    assert isinstance(late, Publish)
    assert late.due_ns == 5 * MS + 1000
