"""What a kill cost, from the numbers alone: nothing is counted twice, and nothing is left out."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.cli.demo_check import SentRecord
from humanoid_recorder.cli.drill_judge import (
    DrillResult,
    Found,
    Kill,
    Loss,
    judge_kill,
    kill_moments,
    problems_of,
)

MS = 1_000_000
START_NS = 1_795_160_424_000_000_000
SENT = SentRecord(sent=1000, first_ns=START_NS - 2_000 * MS, last_ns=START_NS + 7_990 * MS)
"""100 Hz from 2 s before the episode: numbers 200 to 300 are measured in its first second."""
KILLED_NS = START_NS + 1_000 * MS

GOOD = Kill(
    number=1, after_s=1.0, loss_ms=100.0, loss_topic="/imu", lost=10, missing=0, is_recovered=True, recovered=90,
    longest_sync_ms=2.0, was_syncing=False, zeroed_bytes=0, readers=("humanoid_recorder",), bag="", problems=(),
)  # fmt: skip


def found(*numbers: int) -> Found:
    """Messages that went out 1 ms after their measurement."""
    newest_ns = max((START_NS + (number - 200) * 10 * MS + MS for number in numbers), default=None)
    return Found(frozenset(numbers), newest_ns)


def judge(**topics: Found) -> Loss:
    return judge_kill(dict.fromkeys(topics, SENT), topics, start_ns=START_NS, killed_ns=KILLED_NS)


def test_the_end_of_a_stream_is_lost_from_its_newest_message_to_the_kill() -> None:
    loss = judge(imu=found(*range(200, 276)))
    assert (loss.ms, loss.topic, loss.messages, loss.missing) == (249.0, "imu", 25, {})


def test_of_several_streams_the_one_that_is_worst_off_counts_and_the_messages_add_up() -> None:
    loss = judge(imu=found(*range(200, 276)), joints=found(*range(200, 291)))
    assert (loss.ms, loss.topic, loss.messages) == (249.0, "imu", 25 + 10)


def test_a_stream_without_any_message_is_lost_from_the_start() -> None:
    loss = judge(imu=found(), joints=found(*range(200, 301)))
    assert (loss.ms, loss.topic, loss.messages, loss.missing) == (1000.0, "imu", 101, {})


def test_a_hole_and_a_late_beginning_are_missing_and_not_lost_at_the_end() -> None:
    numbers = [number for number in range(203, 301) if number not in (250, 251)]
    loss = judge(imu=found(*numbers), joints=found(*range(200, 301)))
    assert (loss.messages, loss.missing) == (0, {"imu": 5})


def test_what_was_measured_before_the_start_and_received_after_it_is_no_loss() -> None:
    assert judge(imu=found(*range(198, 301))).missing == {}


def test_a_message_that_is_published_after_the_kill_makes_the_loss_no_less_than_zero() -> None:
    assert judge(imu=found(*range(200, 301))).ms == 0.0


@given(
    rate_hz=st.integers(1, 1000),
    begins_ms=st.integers(-3000, 500),
    start_ms=st.integers(0, 1000),
    lasts_ms=st.integers(0, 3000),
    data=st.data(),
)
def test_every_message_that_was_due_is_recovered_or_lost_or_missing(
    rate_hz: int, begins_ms: int, start_ms: int, lasts_ms: int, data: st.DataObject
) -> None:
    count = 4 * rate_hz + 2

    def stamp_ns(number: int) -> int:
        return START_NS + begins_ms * MS + number * 1_000_000_000 // rate_hz

    sent = SentRecord(sent=count, first_ns=stamp_ns(0), last_ns=stamp_ns(count - 1))
    start_ns = START_NS + start_ms * MS + 7  # never at the very time of a message, where rounding would decide
    killed_ns = start_ns + lasts_ms * MS
    due = {number for number in range(count) if start_ns <= stamp_ns(number) <= killed_ns}
    kept = data.draw(st.sets(st.sampled_from(sorted(due)))) if due else set()
    newest_ns = stamp_ns(max(kept)) if kept else None
    loss = judge_kill({"t": sent}, {"t": Found(frozenset(kept), newest_ns)}, start_ns=start_ns, killed_ns=killed_ns)
    assert len(kept) + loss.messages + sum(loss.missing.values()) == len(due)
    assert loss.messages == sum(number > max(kept, default=-1) for number in due)
    assert 0 <= loss.ms <= lasts_ms
    if loss.messages == 0 and kept:
        assert loss.ms <= math.ceil(1000 / rate_hz)


def test_the_moments_come_out_the_same_again_and_fewer_are_the_first_of_more() -> None:
    moments = kill_moments(7, 500, 3.0)
    assert moments[:20] == kill_moments(7, 20, 3.0)
    assert moments != kill_moments(8, 500, 3.0)
    assert all(0.0 <= moment <= 3.0 for moment in moments)
    assert min(moments) < 0.1 < 2.9 < max(moments)


def test_a_loss_above_the_limit_and_anything_missing_before_the_end_are_problems() -> None:
    loss = Loss(ms=250.4, topic="/imu", messages=25, missing={})
    assert list(problems_of(loss, limit_ms=250.4)) == []
    assert list(problems_of(loss, limit_ms=250)) == ["250 ms of /imu are lost, and the limit is 250 ms"]
    missing = Loss(ms=1.0, topic="/imu", messages=0, missing={"/joints": 3})
    assert list(problems_of(missing, limit_ms=400)) == ["3 messages of /joints are missing before its end"]


def test_a_drill_is_good_when_all_kills_were_made_and_none_has_a_problem() -> None:
    assert DrillResult((GOOD,), 1).is_good
    assert not DrillResult((GOOD,), 2).is_good
    bad = DrillResult((GOOD, replace(GOOD, number=2, problems=("it cannot be read",))), 2)
    assert not bad.is_good
    assert bad.problems == ["kill 2: it cannot be read"]


@pytest.mark.parametrize(("share", "loss_ms"), [(0.5, 10.0), (0.95, 19.0), (1.0, 20.0), (0.01, 1.0)])
def test_a_share_of_the_kills_costs_no_more_than(share: float, loss_ms: float) -> None:
    kills = tuple(replace(GOOD, number=at, loss_ms=float(at), lost=30 - at) for at in range(1, 21))
    result = DrillResult(kills, 20)
    assert result.loss_ms(share) == loss_ms
    assert (result.worst.number, result.most_lost, result.longest_sync_ms) == (20, 29, 2.0)
