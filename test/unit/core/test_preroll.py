import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from humanoid_recorder.core import preroll as preroll_module
from humanoid_recorder.core.preroll import PreRoll
from humanoid_recorder.core.samples import MESSAGE_OVERHEAD_BYTES, Arrival, Sample

SPAN_NS = 1000


@pytest.fixture(autouse=True)
def _only_payloads_count(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make sizes easy to read; the one test that is about them says so."""
    if "overhead" not in request.node.name:
        monkeypatch.setattr(preroll_module, "MESSAGE_OVERHEAD_BYTES", 0)


def put(ring: PreRoll, log_ns: int, size: int = 1) -> Sample:
    sample = Sample(1, bytes(size), log_ns, log_ns, None, 1)
    ring.put([Arrival(sample.data, log_ns, log_ns, 1, b"p")], [sample], heard={})
    return sample


def test_without_a_span_nothing_is_kept() -> None:
    ring = PreRoll(span_ns=0, max_bytes=100)
    put(ring, 5)
    assert ring.drain(shift_ns=0, now_ns=5)[0] == []


def test_draining_empties_it() -> None:
    ring = PreRoll(span_ns=SPAN_NS, max_bytes=100)
    sample = put(ring, 5)
    assert [held for _arrival, held in ring.drain(shift_ns=0, now_ns=6)[0]] == [sample]
    assert ring.drain(shift_ns=0, now_ns=6)[0] == []


def test_log_times_move_with_the_log_clock() -> None:
    ring = PreRoll(span_ns=SPAN_NS, max_bytes=100)
    put(ring, 5000)
    put(ring, 5400)
    moved, _heard_before = ring.drain(shift_ns=-3600, now_ns=1800)
    assert [sample.log_ns for _arrival, sample in moved] == [1400, 1800]
    assert [arrival.received_ns for arrival, _sample in moved] == [5000, 5400]


def test_what_has_grown_old_while_everything_was_silent_is_not_of_the_last_seconds() -> None:
    ring = PreRoll(span_ns=SPAN_NS, max_bytes=100)
    put(ring, 5000)
    put(ring, 5900)
    assert [sample.log_ns for _arrival, sample in ring.drain(shift_ns=0, now_ns=6001)[0]] == [5900]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 40)), min_size=1, max_size=50),
    max_bytes=st.integers(0, 120),
)
def test_exactly_the_newest_that_fit_in_time_and_bytes_are_kept(steps: list[tuple[int, int]], max_bytes: int) -> None:
    ring = PreRoll(span_ns=SPAN_NS, max_bytes=max_bytes)
    now_ns, put_so_far = 0, []
    for passed_ns, size in steps:
        now_ns += passed_ns
        put_so_far.append(put(ring, now_ns, size))
    expected = [sample for sample in put_so_far if sample.log_ns >= now_ns - SPAN_NS]
    while sum(len(sample.data) for sample in expected) > max_bytes:
        expected.pop(0)
    kept = [sample for _arrival, sample in ring.drain(shift_ns=0, now_ns=now_ns)[0]]
    # An earlier overflow may have cost more than would have had to go by now, but never something newer than is kept.
    assert kept == expected[len(expected) - len(kept) :]
    assert len(kept) == len(expected) or max_bytes < sum(len(sample.data) for sample in put_so_far)
    if max_bytes >= sum(len(sample.data) for sample in put_so_far):
        assert kept == expected


def test_the_overhead_of_each_message_counts_too() -> None:
    ring = PreRoll(span_ns=SPAN_NS, max_bytes=2 * (10 + MESSAGE_OVERHEAD_BYTES))
    kept = [put(ring, log_ns, 10) for log_ns in (1, 2, 3)][1:]
    assert [sample for _arrival, sample in ring.drain(shift_ns=0, now_ns=4)[0]] == kept
