"""The same samples aligned as they come and all at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.alignment import live as live_module
from humanoid_recorder.core.alignment.frames import AGE_NS, COUNT, FIRST_ORDINAL, STAMP_NS, STATUS, Frame, FrameTable
from humanoid_recorder.core.alignment.live import LiveAligner
from humanoid_recorder.core.alignment.offline import StreamTimes, align
from humanoid_recorder.core.alignment.rules import (
    NO_TIME,
    Alignment,
    Method,
    RateClock,
    ReferenceClock,
    Status,
    StreamRule,
)

END_NS = 60
Samples = list[tuple[int, int]]
"""Time and log time of each sample, in the order of acceptance."""


def table(alignment: Alignment, *streams: Samples) -> FrameTable:
    columns = [
        StreamTimes(np.array([time for time, _ in stream], np.int64), np.array([log for _, log in stream], np.int64))
        for stream in streams
    ]
    return align(alignment, columns, end_ns=END_NS)


def live(alignment: Alignment, *streams: Samples) -> list[Frame]:
    """Feed samples in the order in which they arrive, asking for frames before each."""
    arrivals = []
    for at, stream in enumerate(streams):
        arrived = NO_TIME
        for time_ns, log_ns in stream:
            arrived = max(arrived, log_ns)
            arrivals.append((arrived, at, time_ns, log_ns))
    arrivals.sort(key=lambda arrival: arrival[0])  # stable: each stream keeps its order
    aligner = LiveAligner(alignment)
    frames = []
    for arrived, at, time_ns, log_ns in arrivals:
        frames += aligner.advance(arrived - 1)
        aligner.feed(at, [time_ns], [log_ns])
    return frames + aligner.finish(END_NS)


def cell(rule: StreamRule, samples: Samples, *, tick: int, hold_off: int = 5) -> list[int]:
    """Return the cell of one stream at one tick, which a second stream makes."""
    alignment = Alignment((rule, StreamRule("ticks")), ReferenceClock(1), hold_off)
    (frame,) = live(alignment, samples, [(tick, tick)])
    assert (table(alignment, samples, [(tick, tick)]).cells[0] == frame.cells).all()
    return [int(value) for value in frame.cells[0]]


def latest(tolerance: int = 10) -> StreamRule:
    return StreamRule("s", Method.LATEST, tolerance)


def test_latest_takes_the_last_one_not_after_the_tick() -> None:
    samples = [(10, 10), (18, 18), (21, 21)]
    assert cell(latest(), samples, tick=20) == [1, 1, 18, 2, Status.OK]
    assert cell(latest(), samples, tick=21) == [2, 1, 21, 0, Status.OK]


def test_what_is_too_old_or_has_not_arrived_is_missing_for_different_reasons() -> None:
    assert cell(latest(1), [(18, 18)], tick=20) == [-1, 0, -1, -1, Status.OUT_OF_TOLERANCE]
    assert cell(latest(), [], tick=20) == [-1, 0, -1, -1, Status.MISSING]
    assert cell(latest(), [(18, 26)], tick=20) == [-1, 0, -1, -1, Status.MISSING]


def test_a_sample_takes_part_that_arrives_within_the_hold_off_and_no_later() -> None:
    assert cell(latest(), [(10, 10), (19, 25)], tick=20)[FIRST_ORDINAL] == 1
    assert cell(latest(), [(10, 10), (19, 26)], tick=20)[FIRST_ORDINAL] == 0


def test_a_message_that_waited_for_another_arrives_with_that_one() -> None:
    """The third was received at 12, and could not be delivered before the second, which came at 30."""
    assert cell(latest(), [(10, 10), (11, 30), (12, 12)], tick=20)[FIRST_ORDINAL] == 0


def test_nearest_may_take_a_later_one_and_the_earlier_of_two_at_the_same_distance() -> None:
    nearest = StreamRule("s", Method.NEAREST, 10)
    assert cell(nearest, [(15, 15), (22, 22)], tick=20) == [1, 1, 22, -2, Status.OK]
    assert cell(nearest, [(18, 18), (22, 22)], tick=20) == [0, 1, 18, 2, Status.OK]


def test_interpolation_takes_both_neighbours_and_never_invents_one() -> None:
    rule = StreamRule("s", Method.INTERPOLATE, 10)
    assert cell(rule, [(15, 15), (22, 22)], tick=20) == [0, 2, 15, 5, Status.OK]
    assert cell(rule, [(15, 15), (20, 20)], tick=20) == [1, 1, 20, 0, Status.OK]
    assert cell(rule, [(15, 15)], tick=20)[STATUS] == Status.OUT_OF_TOLERANCE
    assert cell(rule, [(15, 15), (31, 21)], tick=20)[STATUS] == Status.OUT_OF_TOLERANCE


def test_neighbours_in_time_that_came_in_the_wrong_order_are_given_as_a_range() -> None:
    rule = StreamRule("s", Method.INTERPOLATE, 10)
    assert cell(rule, [(22, 10), (14, 11), (17, 12)], tick=20)[: COUNT + 1] == [0, 3]


def test_a_window_has_the_last_k_and_says_when_there_are_fewer() -> None:
    rule = StreamRule("s", Method.WINDOW, 10, window=3)
    samples = [(at, at) for at in range(10, 22, 2)]
    assert cell(rule, samples, tick=17) == [1, 3, 16, 1, Status.OK]
    assert cell(rule, samples[:2], tick=17) == [0, 2, 12, 5, Status.SHORT]


def test_a_clock_that_is_off_is_corrected_before_anything_is_compared() -> None:
    ahead = StreamRule("s", Method.LATEST, 10, offset_ns=-1000)
    assert cell(ahead, [(1018, 18), (1023, 19)], tick=20) == [0, 1, 18, 2, Status.OK]


def test_a_sample_without_a_time_is_counted_and_never_chosen() -> None:
    assert cell(latest(), [(10, 10), (NO_TIME, 15), (18, 18)], tick=20)[FIRST_ORDINAL] == 2


def test_of_equal_stamps_the_one_accepted_last_is_chosen() -> None:
    assert cell(latest(), [(18, 18), (18, 19), (18, 20)], tick=20)[FIRST_ORDINAL] == 2


def test_reference_samples_that_are_not_later_make_no_tick() -> None:
    alignment = Alignment((latest(),), ReferenceClock(0))
    samples = [(10, 10), (12, 12), (12, 13), (11, 14), (NO_TIME, 15), (15, 16)]
    assert [frame.tick_ns for frame in live(alignment, samples)] == [10, 12, 15]
    assert table(alignment, samples).ticks_ns.tolist() == [10, 12, 15]


def test_a_reference_that_stops_makes_no_more_frames_and_one_that_never_came_none() -> None:
    alignment = Alignment((latest(), StreamRule("ticks")), ReferenceClock(1))
    assert len(live(alignment, [(at, at) for at in range(50)], [(3, 3)])) == 1
    assert len(table(alignment, [(5, 5)], []).ticks_ns) == 0


def test_a_fixed_rate_adds_up_no_error_and_ends_with_the_episode() -> None:
    clock = RateClock(30.0, start_ns=1_795_160_424_000_000_000)
    assert clock.tick_ns(30 * 3600) - clock.start_ns == 3600 * 10**9
    assert clock.count_until(clock.start_ns + 10**9) == 31
    assert clock.count_until(clock.start_ns - 1) == 0
    assert [frame.tick_ns for frame in live(Alignment((latest(),), RateClock(1e8, 5)), [])] == [5, 15, 25, 35, 45, 55]


def test_a_frame_comes_as_soon_as_nothing_can_change_it() -> None:
    aligner = LiveAligner(Alignment((latest(), StreamRule("ticks")), ReferenceClock(1), hold_off_ns=5))
    aligner.feed(1, [20], [20])
    assert aligner.advance(24) == []
    aligner.feed(0, [19], [25])
    (frame,) = aligner.advance(25)
    assert (frame.tick_ns, frame.index, frame.cells[0, STAMP_NS], frame.cells[0, AGE_NS]) == (20, 0, 19, 1)
    assert aligner.finish(END_NS) == []


@pytest.mark.parametrize(
    ("method", "tolerance", "window"),
    [(Method.LATEST, -1, 1), (Method.WINDOW, 1, 0), (Method.LATEST, 1, 2), (Method.WINDOW, 1, 1)],
)
def test_a_rule_that_contradicts_itself_is_refused(method: Method, tolerance: int, window: int) -> None:
    with pytest.raises(ValueError, match="contradicts itself"):
        StreamRule("s", method, tolerance, window=window)


def rules(index: int) -> st.SearchStrategy[StreamRule]:
    windows = st.builds(
        StreamRule,
        st.just(f"s{index}"),
        st.just(Method.WINDOW),
        st.integers(0, 15),
        st.integers(-3, 3),
        st.integers(2, 4),
    )
    others = st.builds(
        StreamRule,
        st.just(f"s{index}"),
        st.sampled_from([Method.LATEST, Method.NEAREST, Method.INTERPOLATE]),
        st.integers(0, 15),
        st.integers(-3, 3),
    )
    return windows | others


times = st.integers(0, END_NS) | st.just(NO_TIME)
samples = st.lists(st.tuples(times, st.integers(0, END_NS)), max_size=20)
clocks = st.builds(ReferenceClock, st.integers(0, 2)) | st.builds(
    RateClock, st.sampled_from([1e8, 3e8, 2.5e8]), st.integers(0, 5)
)


@given(
    rules=st.tuples(rules(0), rules(1), rules(2)),
    streams=st.tuples(samples, samples, samples),
    clock=clocks,
    hold_off=st.integers(0, 8),
    in_bursts=st.booleans(),
)
def test_live_and_offline_are_the_same_to_the_bit(
    rules: tuple[StreamRule, ...],
    streams: tuple[Samples, ...],
    clock: ReferenceClock | RateClock,
    hold_off: int,
    in_bursts: bool,
) -> None:
    if in_bursts:  # as a driver that delivers every 20 ns what it has measured meanwhile
        streams = tuple([(time, -(-log // 20) * 20) for time, log in stream] for stream in streams)
    alignment = Alignment(rules, clock, hold_off)
    frames, expected = live(alignment, *streams), table(alignment, *streams)
    assert [frame.tick_ns for frame in frames] == expected.ticks_ns.tolist()
    assert [frame.index for frame in frames] == list(range(len(frames)))
    for frame, cells in zip(frames, expected.cells, strict=True):
        assert (frame.cells == cells).all()


@given(rules=st.tuples(rules(0), rules(1)), streams=st.tuples(samples, samples), hold_off=st.integers(0, 8))
def test_nothing_is_chosen_that_came_too_late_lies_in_the_future_or_is_out_of_tolerance(
    rules: tuple[StreamRule, ...], streams: tuple[Samples, ...], hold_off: int
) -> None:
    result = table(Alignment(rules, ReferenceClock(1), hold_off), *streams)
    arrived = [np.maximum.accumulate([log for _, log in stream] or [0]) for stream in streams]
    reference = [time + rules[1].offset_ns if time != NO_TIME else None for time, _ in streams[1]]
    for tick, cells in zip(result.ticks_ns.tolist(), result.cells, strict=True):
        until = arrived[1][reference.index(tick)] + hold_off
        for rule, stream, came, (first, count, stamp, age, status) in zip(
            rules, streams, arrived, cells.tolist(), strict=True
        ):
            if status in (Status.MISSING, Status.OUT_OF_TOLERANCE):
                assert (first, count) == (-1, 0)
                continue
            assert abs(age) <= rule.tolerance_ns
            assert age == tick - stamp
            assert age >= 0 or rule.method is Method.NEAREST
            chosen = [at for at in range(first, first + count) if stream[at][0] != NO_TIME]
            assert stamp in [stream[at][0] + rule.offset_ns for at in chosen if came[at] <= until]
            assert came[first] <= until
            assert came[first + count - 1] <= until


def held(aligner: LiveAligner) -> int:
    return max(len(stream._waiting) + len(stream._known) for stream in aligner._streams)


def test_a_reference_that_falls_silent_makes_nothing_grow_and_changes_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "MOST_HELD", 10)
    alignment = Alignment((latest(5), StreamRule("ticks", tolerance_ns=5)), ReferenceClock(1), 0)
    aligner = LiveAligner(alignment)
    samples = [(at, at) for at in range(1000)]
    for at, _ in samples:
        aligner.feed(0, [at], [at])
        assert held(aligner) <= 10
    aligner.feed(1, [999], [999])
    (frame,) = aligner.finish(END_NS)
    assert (frame.cells == table(alignment, samples, [(999, 999)]).cells[0]).all()
    assert aligner.let_go == 0


def test_a_clock_that_is_far_ahead_makes_nothing_grow_and_changes_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "MOST_HELD", 10)
    alignment = Alignment((latest(5), StreamRule("ticks", tolerance_ns=5)), ReferenceClock(1), 0)
    aligner, frames = LiveAligner(alignment), []
    for at in range(100):
        aligner.feed(0, [at + 10_000], [at])
        aligner.feed(1, [at], [at])
        frames += aligner.advance(at)
        assert held(aligner) <= 20
    ahead, ticks = [(at + 10_000, at) for at in range(100)], [(at, at) for at in range(100)]
    assert [frame.cells.tolist() for frame in frames] == table(alignment, ahead, ticks).cells.tolist()
    assert aligner.let_go == 0


def test_a_cell_that_may_miss_a_sample_that_was_let_go_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "MOST_HELD", 10)
    aligner = LiveAligner(Alignment((latest(5), StreamRule("ticks", tolerance_ns=5)), ReferenceClock(1), 0))
    aligner.feed(0, [20] * 11, [20] * 11)
    aligner.feed(1, [20], [20])
    (frame,) = aligner.finish(END_NS)
    assert frame.cells[0, FIRST_ORDINAL] == 10
    assert aligner.let_go == 1
