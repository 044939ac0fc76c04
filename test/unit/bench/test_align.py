"""What the bench of alignment measures is done right: the same frames live, and sets where there are some."""

from bench.align import START_NS, arrivals_of, live, make_times, offline, plan_of, until
from bench.approximate_time import at_every_message, at_the_clock
from bench.workload import WORKLOADS, load_workload
from humanoid_recorder.core.alignment.rules import ReferenceClock

SECONDS = 2.0
MS = 1_000_000


def test_live_and_offline_agree_on_a_workload() -> None:
    plan = plan_of(load_workload(WORKLOADS / "full.yaml"))
    alignment, streams = plan.alignment(start_ns=START_NS), make_times(plan, SECONDS)
    _, table = offline(alignment, streams)
    assert len(table.ticks_ns) == 30 * SECONDS
    assert table.is_complete[3:-3].all()
    assert live(alignment, streams, SECONDS) >= 0  # compares them itself


def test_plain_python_finds_a_set_for_nearly_every_picture() -> None:
    plan = plan_of(load_workload(WORKLOADS / "full.yaml"))
    streams = until(make_times(plan, SECONDS), SECONDS)
    arrivals = arrivals_of(streams)
    assert arrivals == sorted(arrivals)
    assert isinstance(plan.clock, ReferenceClock)
    _, at_ticks = at_the_clock(arrivals, streams=len(streams), clock=plan.clock.stream, slop_ns=40 * MS)
    _, at_messages = at_every_message(arrivals, streams=len(streams), slop_ns=40 * MS)
    assert 50 <= at_ticks <= 60
    assert 50 <= at_messages <= 60


def test_what_is_farther_than_the_slop_is_no_set() -> None:
    arrivals = [(at, at % 2, 100 * at) for at in range(20)]
    assert at_every_message(arrivals, streams=2, slop_ns=99)[1] == 0
    assert at_the_clock(arrivals, streams=2, clock=0, slop_ns=-1)[1] == 0
