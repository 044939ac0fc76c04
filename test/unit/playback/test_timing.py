import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.playback.timing import TimingError


def test_before_the_first_message_nothing_is_known() -> None:
    summary = TimingError().summary()
    assert (summary.messages, summary.p50_us, summary.p99_us, summary.max_us) == (0, None, None, None)


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=300))
def test_percentiles_are_right_within_an_eighth_and_the_largest_is_exact(errors_ns: list[int]) -> None:
    timing = TimingError()
    for error_ns in errors_ns:
        timing.add(error_ns)
    summary = timing.summary()
    assert summary.messages == len(errors_ns)
    assert summary.max_us == max(errors_ns) / 1000
    for percent, found in ((50, summary.p50_us), (99, summary.p99_us)):
        exact = float(np.percentile(errors_ns, percent, method="inverted_cdf")) / 1000
        assert found is not None
        assert exact <= found <= exact * 1.125


def test_an_early_message_counts_as_in_time() -> None:
    timing = TimingError()
    timing.add(-5)
    assert timing.summary().max_us == pytest.approx(0.0)
