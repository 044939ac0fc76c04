"""A clock's offset and drift come out as they went in, whatever latency and bursts do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humanoid_recorder.core.alignment.rules import NO_TIME
from humanoid_recorder.core.stream_clock import ClockAccount, StreamClock

START_NS = 1_795_160_424_000_000_000
MS, SECOND = 1_000_000, 1_000_000_000


def account(
    *,
    rate_hz: float = 500,
    seconds: float = 10,
    ahead_ms: float = 0,
    drift_ppm: float = 0,
    latency_ms: tuple[float, float] = (1, 8),
    hold_ms: float = 0,
    batch: int = 100,
    seed: int = 1,
) -> ClockAccount:
    """Feed the messages of a stream; ``drift_ppm`` > 0: its clock is too fast."""
    draw = np.random.default_rng(seed)
    measured = (np.arange(round(seconds * rate_hz)) * (SECOND / rate_hz)).astype(np.int64)
    logs = measured + (draw.uniform(*latency_ms, len(measured)) * MS).astype(np.int64)
    if hold_ms:
        hold_ns = round(hold_ms * MS)
        logs = -(-logs // hold_ns) * hold_ns
    logs = np.maximum.accumulate(logs) + START_NS
    stamps = START_NS + measured + round(ahead_ms * MS) + ((measured - measured[-1] / 2) * drift_ppm / 1e6).astype(int)
    clock = StreamClock()
    for at in range(0, len(logs), batch):
        clock.feed(logs[at : at + batch].tolist(), stamps[at : at + batch].tolist())
    return clock.account()


@settings(max_examples=40, deadline=None)
@given(
    ahead_ms=st.floats(-10_000_000, 10_000_000),
    drift_ppm=st.floats(-2000, 2000),
    rate_hz=st.sampled_from([30, 72, 100, 500, 1000]),
    seconds=st.sampled_from([6, 20, 60]),
    hold_ms=st.sampled_from([0, 0, 36]),
    seed=st.integers(0, 1000),
)
def test_offset_and_drift_are_found_within_the_smallest_latency(
    ahead_ms: float, drift_ppm: float, rate_hz: int, seconds: int, hold_ms: float, seed: int
) -> None:
    found = account(
        ahead_ms=ahead_ms, drift_ppm=drift_ppm, rate_hz=rate_hz, seconds=seconds, hold_ms=hold_ms, seed=seed
    )
    assert found.offset_ms is not None
    assert found.drift_ppm is not None
    # Every message takes 1 to 8 ms. Held back, one that waits shortly is there only now and then at low rates.
    slack_ms = 1.5 if not hold_ms else 6.0
    assert -0.5 <= found.offset_ms + ahead_ms <= 1 + slack_ms
    assert abs(found.drift_ppm + drift_ppm) <= (4000 if hold_ms else 1200) / seconds


def test_latency_is_what_comes_on_top_of_the_smallest() -> None:
    found = account(latency_ms=(20, 30), ahead_ms=1700)
    assert found.offset_ms == pytest.approx(20.5 - 1700, abs=0.5)
    assert found.latency_p50_ms == pytest.approx(5, abs=3)
    assert found.latency_p99_ms == pytest.approx(9.5, abs=0.6)


def test_bursts_are_the_messages_that_come_together() -> None:
    found = account(hold_ms=36, latency_ms=(1, 1))
    assert found.period_ms == pytest.approx(2.0, abs=0.01)
    assert found.burst_share == pytest.approx(17 / 18, abs=0.01)
    assert found.jitter_ms == pytest.approx(34, abs=0.5)
    steady = account(latency_ms=(1, 1))
    assert (steady.burst_share, steady.jitter_ms) == (0.0, 0.0)


def test_a_drift_is_told_from_chance_by_its_error() -> None:
    still, moving = account(), account(drift_ppm=-667)
    assert still.drift_ppm is not None
    assert still.drift_error_ppm is not None
    assert abs(still.drift_ppm) < 4 * still.drift_error_ppm + 1
    assert moving.drift_ppm == pytest.approx(667, abs=5 * still.drift_error_ppm + 5)


def test_stale_first_messages_and_a_few_wild_stamps_change_nothing() -> None:
    clock = StreamClock()
    logs = [START_NS + at * 2 * MS for at in range(5000)]
    stamps = [log - 3 * MS for log in logs]
    stamps[0] -= 19 * SECOND
    stamps[1] -= 5 * SECOND
    stamps[2000] += 531 * SECOND
    clock.feed(logs, stamps)
    found = clock.account()
    assert (found.offset_ms, found.drift_ppm, found.latency_p50_ms) == (3.0, 0.0, 0.0)


@pytest.mark.parametrize("jump_ms", [-300, 40])
def test_a_clock_that_was_set_has_jumped_and_not_drifted(jump_ms: int) -> None:
    clock = StreamClock()
    measured = [START_NS + at * 2 * MS for at in range(5000)]
    logs = [at_ns + 3 * MS + at % 7 * MS // 10 for at, at_ns in enumerate(measured)]
    clock.feed(logs, [at_ns - (jump_ms * MS if at >= 2100 else 0) for at, at_ns in enumerate(measured)])
    found = clock.account()
    assert found.jump_ms == pytest.approx(jump_ms, abs=0.2)
    assert found.offset_ms == pytest.approx(3 + jump_ms, abs=0.2)
    assert (found.drift_ppm, found.drift_error_ppm) == (None, None)
    assert found.latency_p99_ms is not None
    assert abs(found.latency_p99_ms) < 1


def test_a_stall_of_a_second_and_a_drift_are_no_jump() -> None:
    stalled = StreamClock()
    logs = [START_NS + at * 2 * MS for at in range(5000)]
    stalled.feed(logs, [log - (303 if 2000 <= at < 2500 else 3) * MS for at, log in enumerate(logs)])
    assert stalled.account().jump_ms is None
    assert stalled.account().offset_ms == pytest.approx(3, abs=0.1)
    assert account(drift_ppm=20_000, seconds=60).jump_ms is None


def test_batches_make_no_difference() -> None:
    one = account(batch=1, seconds=3)
    assert one == account(batch=5000, seconds=3) == account(batch=7, seconds=3)


def test_memory_stays_bounded_and_the_figures_right_over_an_hour() -> None:
    clock = StreamClock()
    draw = np.random.default_rng(3)
    for minute in range(60):
        measured = START_NS + minute * 60 * SECOND + np.arange(60 * 500, dtype=np.int64) * 2 * MS
        logs = np.maximum.accumulate(measured + draw.integers(1 * MS, 8 * MS, len(measured)))
        clock.feed(logs.tolist(), (measured + (measured - START_NS) // 100_000).tolist())
        assert len(clock._rows) <= 4096
        assert len(clock._windows) <= 64
    found = clock.account()
    assert found.messages == found.stamped == 60 * 60 * 500
    assert found.drift_ppm == pytest.approx(-10, abs=0.1)
    assert found.latency_p99_ms == pytest.approx(7, abs=1)


def test_a_stream_without_stamps_still_has_bursts_and_jitter() -> None:
    clock = StreamClock()
    clock.feed([START_NS, START_NS + 2 * MS, START_NS + 4 * MS], [NO_TIME] * 3)
    found = clock.account()
    assert (found.stamped, found.offset_ms, found.drift_ppm, found.latency_p50_ms) == (0, None, None, None)
    assert (found.messages, found.period_ms, found.burst_share, found.jitter_ms) == (3, 2.0, 0.0, 0.0)


def test_one_message_or_none_says_next_to_nothing() -> None:
    empty, single = StreamClock(), StreamClock()
    empty.feed([], [])
    assert empty.account() == ClockAccount(0, 0, None, None, None, None, None, None, None, None)
    single.feed([START_NS], [START_NS - 5 * MS])
    found = single.account()
    assert (found.messages, found.offset_ms, found.latency_p50_ms, found.period_ms) == (1, 5.0, 0.0, None)
    together = StreamClock()
    together.feed([START_NS, START_NS], [START_NS, START_NS])
    assert together.account().burst_share is None
