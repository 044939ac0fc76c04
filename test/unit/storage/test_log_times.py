"""Gaps are exact although times come unsorted and are forgotten early."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.storage.log_times import LogTimes

TIMES = st.lists(st.integers(0, 10_000), max_size=12)


@given(chunks=st.lists(TIMES, max_size=8), every=st.integers(1, 3))
def test_count_range_and_gap_equal_those_of_all_times_at_once(chunks: list[list[int]], every: int) -> None:
    chunks.sort(key=lambda chunk: min(chunk, default=0))
    times = LogTimes()
    for at, chunk in enumerate(chunks):
        times.add(np.array(chunk, np.uint64))
        following = [min(later) for later in chunks[at + 1 :] if later]
        if at % every == 0:
            times.settle(min(following, default=None))
    times.settle()
    everything = sorted(time for chunk in chunks for time in chunk)
    gaps = [b - a for a, b in pairwise(everything)]
    assert times.count == len(everything)
    assert (times.first_ns, times.last_ns) == ((everything[0], everything[-1]) if everything else (None, None))
    assert times.longest_gap_ns == (max(gaps) if gaps else None)


def test_rate_is_intervals_over_their_time() -> None:
    times = LogTimes()
    times.add(np.array([3_000_000_000, 1_000_000_000, 2_000_000_000], np.uint64))
    assert times.rate_hz == 1.0


def test_one_moment_has_no_rate() -> None:
    times = LogTimes()
    assert times.rate_hz is None
    times.add(np.array([5, 5], np.uint64))
    assert times.rate_hz is None
