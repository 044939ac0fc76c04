from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.sim.synthetic_schedule import LATE_NS, NAP_NS, Schedule

WALL_NS = 1_700_000_000_000_000_000
MS = 1_000_000


@dataclass
class FakeClock:
    """Time that passes only by sleeping, and by what the test says a send costs."""

    time_ns: int = 5_000
    naps_ns: list[int] = field(default_factory=list)

    def now_ns(self) -> int:
        return self.time_ns

    def sleep(self, duration_ns: int) -> None:
        self.naps_ns.append(duration_ns)
        self.time_ns += duration_ns


@dataclass
class FakeSource:
    period_ns: int
    first_ns: int = 0

    def due_ns(self, number: int) -> int:
        return self.first_ns + number * self.period_ns


@dataclass
class Sending:
    """A schedule on a fake clock, and what it sent: source, number, stamp, time of sending."""

    sources: list[FakeSource]
    duration_ns: int | None
    cost_ns: int = 0
    sent: list[tuple[int, int, int, int]] = field(default_factory=list)
    first_late_ns: list[int] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)
    schedule: Schedule = field(init=False)

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.sources, self.send, self.duration_ns, self.first_late_ns.append, self.clock)

    def send(self, index: int, number: int, stamp_ns: int) -> None:
        self.sent.append((index, number, stamp_ns, self.clock.time_ns))
        self.clock.time_ns += self.cost_ns

    def run(self) -> "Sending":
        self.start_ns = self.clock.time_ns
        self.schedule.run(self.start_ns, WALL_NS)
        return self


PERIODS = st.lists(st.integers(MS // 2, 50 * MS), min_size=1, max_size=5)


@given(PERIODS, st.integers(0, 3 * MS))
def test_every_number_goes_out_once_with_its_own_stamp_however_slow_sending_is(
    periods_ns: list[int], cost_ns: int
) -> None:
    duration_ns = 200 * MS
    sending = Sending([FakeSource(period_ns) for period_ns in periods_ns], duration_ns, cost_ns).run()
    for index, period_ns in enumerate(periods_ns):
        mine = [(number, stamp_ns) for source, number, stamp_ns, _ in sending.sent if source == index]
        expected = -(-duration_ns // period_ns)
        assert mine == [(number, WALL_NS + number * period_ns) for number in range(expected)]
        account = sending.schedule.sent[index]
        assert (account.sent, account.first_ns, account.last_ns) == (expected, mine[0][1], mine[-1][1])


@given(PERIODS)
def test_messages_go_out_in_the_order_they_are_due_never_early_and_soon(periods_ns: list[int]) -> None:
    sending = Sending([FakeSource(period_ns) for period_ns in periods_ns], 200 * MS).run()
    stamps_ns = [stamp_ns for _, _, stamp_ns, _ in sending.sent]
    assert stamps_ns == sorted(stamps_ns)
    delays_ns = [at_ns - sending.start_ns - (stamp_ns - WALL_NS) for _, _, stamp_ns, at_ns in sending.sent]
    assert min(delays_ns) >= 0
    assert max(delays_ns) <= NAP_NS
    assert min(sending.clock.naps_ns, default=NAP_NS) >= NAP_NS


def test_falling_behind_is_counted_and_told_once() -> None:
    sending = Sending([FakeSource(MS)], 100 * MS, cost_ns=2 * MS).run()
    delays_ns = [at_ns - sending.start_ns - (stamp_ns - WALL_NS) for _, _, stamp_ns, at_ns in sending.sent]
    assert delays_ns[-1] > LATE_NS
    assert 0 < sending.schedule.late <= sum(delay_ns > LATE_NS for delay_ns in delays_ns)
    assert len(sending.first_late_ns) == 1
    assert sending.first_late_ns[0] > LATE_NS


def test_a_source_that_keeps_up_is_never_late() -> None:
    sending = Sending([FakeSource(MS)], 100 * MS, cost_ns=MS // 10).run()
    assert sending.schedule.late == 0
    assert sending.first_late_ns == []


def test_nothing_goes_out_after_stop() -> None:
    sending = Sending([FakeSource(MS), FakeSource(MS)], None)

    def send_five(index: int, number: int, stamp_ns: int) -> None:
        sending.send(index, number, stamp_ns)
        if len(sending.sent) == 5:
            sending.schedule.stop()

    sending.schedule.send = send_five
    sending.run()
    assert len(sending.sent) == 5
    assert sum(account.sent for account in sending.schedule.sent) == 5


def test_a_source_that_starts_later_counts_from_zero() -> None:
    sending = Sending([FakeSource(10 * MS, first_ns=35 * MS)], 60 * MS).run()
    assert [(number, stamp_ns - WALL_NS) for _, number, stamp_ns, _ in sending.sent] == [
        (0, 35 * MS),
        (1, 45 * MS),
        (2, 55 * MS),
    ]


def test_without_sources_it_returns_at_once() -> None:
    assert Sending([], None).run().sent == []
