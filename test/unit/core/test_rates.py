from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.rates import RateMeter

S = 1_000_000_000


def test_the_rate_is_unknown_until_two_readings_at_different_times() -> None:
    meter = RateMeter()
    assert meter.read(count=5, now_ns=S) is None
    assert meter.read(count=9, now_ns=S) is None
    assert meter.read(count=15, now_ns=2 * S) == 10


@given(rate=st.integers(0, 2000), pauses_ms=st.lists(st.integers(1, 3000), min_size=1, max_size=40))
def test_a_steady_stream_is_measured_exactly_however_often_it_is_read(rate: int, pauses_ms: list[int]) -> None:
    meter = RateMeter()
    now_ms = 0
    meter.read(count=0, now_ns=0)
    for pause_ms in pauses_ms:
        now_ms += pause_ms
        measured = meter.read(count=rate * now_ms, now_ns=now_ms * 1_000_000)
        assert measured is not None
        assert abs(measured - rate * 1000) < 1e-3


def test_a_stream_that_falls_silent_is_at_zero_after_the_window() -> None:
    meter = RateMeter(span_ns=2 * S)
    for half_second in range(20):
        meter.read(count=half_second * 50, now_ns=half_second * S // 2)
    rates = [meter.read(count=950, now_ns=10 * S + half * S // 2) for half in range(6)]
    assert rates[0] == 75
    assert rates[-1] == 0
