from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.clocks import STEP_NS, LogClock

S = 1_000_000_000
MS = 1_000_000
EPOCH = 1_795_160_424 * S


class FakeTime:
    """A host: true time passes, and the system clock may be set."""

    def __init__(self) -> None:
        self.monotonic = 1_000 * S
        self.wall = EPOCH
        self.interruptions_ns: list[int] = []

    def pass_ns(self, ns: int) -> None:
        self.monotonic += ns
        self.wall += ns

    def step_ns(self, ns: int) -> None:
        self.wall += ns

    def monotonic_ns(self) -> int:
        return self.monotonic

    def wall_ns(self) -> int:
        """Read the system clock; the thread may lose the processor before it does."""
        if self.interruptions_ns:
            self.pass_ns(self.interruptions_ns.pop(0))
        return self.wall

    def log_clock(self) -> LogClock:
        return LogClock(wall_ns=self.wall_ns, monotonic_ns=self.monotonic_ns)


def test_without_a_step_log_time_is_system_time() -> None:
    time = FakeTime()
    clock = time.log_clock()
    time.pass_ns(5 * S)
    batch = clock.read_batch()
    assert clock.now_ns() == EPOCH + 5 * S
    assert batch.step is None
    assert batch.log_ns(EPOCH + 4 * S) == EPOCH + 4 * S


def test_a_receipt_from_the_future_is_logged_as_now() -> None:
    time = FakeTime()
    batch = time.log_clock().read_batch()
    assert batch.log_ns(EPOCH + 3600 * S) == EPOCH


def test_a_message_without_receipt_time_is_logged_as_now() -> None:
    batch = FakeTime().log_clock().read_batch()
    assert batch.log_ns(0) == EPOCH


def test_an_old_receipt_without_a_step_is_real_and_kept() -> None:
    time = FakeTime()
    clock = time.log_clock()
    time.pass_ns(10 * S)
    clock.read_batch()
    time.pass_ns(10 * S)
    assert clock.read_batch().log_ns(EPOCH + 2 * S) == EPOCH + 2 * S


def test_a_step_is_reported_once_with_its_size() -> None:
    time = FakeTime()
    clock = time.log_clock()
    time.pass_ns(S)
    clock.read_batch()
    time.step_ns(-7200 * S)
    time.pass_ns(3 * MS)
    step = clock.read_batch().step
    assert step is not None
    assert (step.step_ns, step.at_log_ns) == (-7200 * S, EPOCH + S + 3 * MS)
    time.pass_ns(3 * MS)
    assert clock.read_batch().step is None


def test_slewing_is_not_a_step() -> None:
    time = FakeTime()
    clock = time.log_clock()
    for _ in range(1000):
        time.pass_ns(10 * MS)
        time.step_ns(STEP_NS // 100)
        batch = clock.read_batch()
        assert batch.step is None
    assert batch.correction_ns == -1000 * (STEP_NS // 100)
    assert batch.log_ns(time.wall) == clock.now_ns()


def test_what_was_received_before_a_step_is_not_moved_by_it_on_any_stream() -> None:
    """One wake-up reads the clock once for each stream: the step shows in the first reading only."""
    time = FakeTime()
    clock = time.log_clock()
    time.pass_ns(S)
    before_ns = clock.read_batch().now_ns
    time.pass_ns(1 * MS)
    received_ns = time.wall
    time.step_ns(3600 * S)
    time.pass_ns(1 * MS)
    first, second = clock.read_batch(), clock.read_batch()
    for batch in (first, second):
        assert before_ns <= batch.log_ns(received_ns) <= batch.now_ns


def test_being_interrupted_between_two_readings_moves_no_log_time() -> None:
    time = FakeTime()
    clock = time.log_clock()
    time.pass_ns(S)
    received_ns = time.wall
    time.interruptions_ns = [80 * MS, 40 * MS]
    batch = clock.read_batch()
    assert batch.step is None
    assert batch.log_ns(received_ns) == received_ns


def test_a_new_episode_starts_from_the_system_clock_and_tells_by_how_much_it_moved() -> None:
    time = FakeTime()
    clock = time.log_clock()
    time.step_ns(3600 * S)
    time.pass_ns(S)
    clock.read_batch()
    assert clock.now_ns() == EPOCH + S
    assert clock.rebase() == 3600 * S
    assert clock.now_ns() == time.wall
    batch = clock.read_batch()
    assert (batch.step, batch.correction_ns) == (None, 0)


events = st.lists(
    st.tuples(
        st.integers(0, 5 * S),  # time that passes
        st.sampled_from([0, 0, 0, 3600 * S, -3600 * S, 24 * 3600 * S, -60 * S]),  # the clock is set
        st.integers(0, 20 * MS),  # and this later a batch is taken
    ),
    min_size=1,
    max_size=20,
)


@given(events)
def test_log_times_stay_between_the_previous_wake_up_and_now(events: list[tuple[int, int, int]]) -> None:
    time = FakeTime()
    clock = time.log_clock()
    steps = 0
    for passed_ns, step_ns, waited_ns in events:
        before_ns = clock.read_batch().now_ns
        time.pass_ns(passed_ns)
        received_ns = [time.wall]
        time.step_ns(step_ns)
        received_ns.append(time.wall)
        time.pass_ns(waited_ns)
        for _stream in range(2):
            batch = clock.read_batch()
            steps += batch.step is not None
            for ns in received_ns:
                assert before_ns <= batch.log_ns(ns) <= batch.now_ns == clock.now_ns()
    assert steps == sum(step_ns != 0 for _, step_ns, _ in events)
    assert clock.now_ns() == EPOCH + sum(passed_ns + waited_ns for passed_ns, _, waited_ns in events)


def test_the_real_clocks_agree_with_each_other() -> None:
    clock = LogClock()
    assert abs(clock.read_batch().correction_ns) < STEP_NS
