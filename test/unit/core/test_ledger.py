from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.ledger import NO_PUBLISHER_ID, NO_SEQUENCE_NUMBERS, StreamAccount, StreamLedger
from humanoid_recorder.core.samples import Arrival, Sample

LEFT, RIGHT = b"left", b"right"
MS = 1_000_000


def account(
    deliveries: Sequence[tuple[bytes | None, int | None]], *, times_ns: Sequence[int] | None = None
) -> StreamAccount:
    """Deliver messages given as (publisher, sequence number), each in a batch of its own."""
    ledger = StreamLedger()
    for at, (publisher, sequence) in enumerate(deliveries):
        log_ns = times_ns[at] if times_ns else at * MS
        arrival = Arrival(b"1234", log_ns, log_ns, sequence, publisher)
        ledger.account([arrival], [Sample(1, b"1234", log_ns, log_ns, None, sequence or 0)])
    return ledger.snapshot(written=0)


def test_a_number_that_is_missing_is_a_lost_message() -> None:
    result = account([(LEFT, 7), (LEFT, 8), (LEFT, 11)])
    assert (result.received, result.lost, result.publishers) == (3, 2, 1)


def test_a_late_join_is_not_a_loss() -> None:
    assert account([(LEFT, 5_000), (LEFT, 5_001)]).lost == 0


def test_without_messages_nothing_is_lost() -> None:
    result = account([])
    assert (result.received, result.lost, result.first_ns, result.last_ns) == (0, 0, None, None)


def test_publishers_are_counted_apart() -> None:
    result = account([(LEFT, 1), (RIGHT, 900), (LEFT, 3), (RIGHT, 901), (RIGHT, 904)])
    assert (result.received, result.lost, result.publishers) == (5, 3, 2)


def test_a_restarted_publisher_has_a_new_identity_and_counts_on() -> None:
    result = account([(LEFT, 1), (LEFT, 3), (RIGHT, 1), (RIGHT, 2)])
    assert (result.lost, result.publishers) == (1, 2)


def test_a_restart_of_an_unidentified_publisher_begins_a_new_count() -> None:
    result = account([(None, 100), (None, 102), (None, 1), (None, 2), (None, 4)])
    assert (result.lost, result.publishers) == (2, 2)


def test_a_message_that_overtakes_another_is_not_a_loss() -> None:
    result = account([(LEFT, 10), (LEFT, 12), (LEFT, 11), (LEFT, 9)])
    assert (result.received, result.lost) == (4, 0)


def test_a_message_delivered_twice_never_makes_the_loss_negative() -> None:
    assert account([(LEFT, 1), (LEFT, 1), (LEFT, 1)]).lost == 0


def test_without_sequence_numbers_the_loss_is_unknown_and_says_why() -> None:
    result = account([(LEFT, 1), (LEFT, None)])
    assert (result.received, result.lost, result.lost_reason) == (2, None, NO_SEQUENCE_NUMBERS)


def test_the_first_reason_for_not_knowing_stays() -> None:
    ledger = StreamLedger()
    ledger.mark_loss_unknown(NO_PUBLISHER_ID)
    ledger.mark_loss_unknown(NO_SEQUENCE_NUMBERS)
    assert ledger.snapshot(written=0).lost_reason == NO_PUBLISHER_ID


def test_the_longest_silence_is_found_with_its_beginning() -> None:
    result = account([(LEFT, n) for n in range(4)], times_ns=[1000, 1500, 9500, 9600])
    assert (result.longest_gap_ns, result.longest_gap_at_ns) == (8000, 1500)
    assert (result.first_ns, result.last_ns) == (1000, 9600)


def test_bytes_and_missing_stamps_are_counted() -> None:
    ledger = StreamLedger()
    arrival = Arrival(b"12345", 1, 1, 1, LEFT)
    ledger.account([arrival, arrival], [Sample(1, b"12345", 1, 1, None, 1), Sample(1, b"12345", 2, 2, 9, 2)])
    result = ledger.snapshot(written=2)
    assert (result.bytes, result.unstamped, result.written) == (10, 1, 2)


def test_messages_from_before_the_start_that_come_among_later_ones_are_neither_lost_nor_received() -> None:
    """Number 5 was repaired after the start; 6 and 7 had arrived before it and waited; 9 is really lost."""
    ledger = StreamLedger()

    def arrival(sequence: int) -> Arrival:
        return Arrival(b"", sequence, 0, sequence, b"p")

    def deliver(*sequences: int) -> None:
        arrivals = [arrival(sequence) for sequence in sequences]
        ledger.account(arrivals, [Sample(1, b"", a.received_ns, 0, None, a.sequence or 0) for a in arrivals])

    ledger.pass_over([arrival(4)])
    deliver(5)
    ledger.pass_over([arrival(6), arrival(7)])
    deliver(8, 10)
    account = ledger.snapshot(written=3)
    assert (account.received, account.lost) == (3, 1)


def test_settling_counts_as_dropped_what_was_not_written() -> None:
    ledger = StreamLedger()
    ledger.account([Arrival(b"", n, n, n, LEFT) for n in range(9)], [Sample(1, b"", n, n, None, n) for n in range(9)])
    ledger.account_latched([Sample(1, b"", 0, 0, None, 0)] * 2)
    ledger.count_dropped(1)
    ledger.settle(written=4)
    result = ledger.snapshot(written=4)
    assert (result.received, result.latched, result.written, result.dropped) == (9, 2, 4, 7)


publisher = st.tuples(st.integers(1, 10**12), st.lists(st.booleans(), max_size=40))


@given(publishers=st.lists(publisher, min_size=1, max_size=4), data=st.data())
def test_lost_is_exactly_what_went_missing_between_first_and_last(
    publishers: list[tuple[int, list[bool]]], data: st.DataObject
) -> None:
    """Each publisher sends numbers from its first one on; True = it reaches us. Deliveries interleave at will."""
    arrived = {
        bytes([at + 1]): [first + i for i, reaches in enumerate(fates) if reaches]
        for at, (first, fates) in enumerate(publishers)
    }
    lost = sum(numbers[-1] - numbers[0] + 1 - len(numbers) for numbers in arrived.values() if numbers)
    turns = data.draw(st.permutations([name for name, numbers in arrived.items() for _ in numbers]))
    waiting = {name: iter(numbers) for name, numbers in arrived.items()}
    result = account([(name, next(waiting[name])) for name in turns])
    assert result.lost == lost
    assert result.received == len(turns)
    assert result.publishers == sum(bool(numbers) for numbers in arrived.values())


@given(runs=st.lists(st.lists(st.booleans(), min_size=2, max_size=30), min_size=1, max_size=4))
def test_lost_is_exact_for_one_unidentified_publisher_that_restarts(runs: list[list[bool]]) -> None:
    """The first and second message of every run arrive: a restart shows by the number going back."""
    received = [[n for n, reaches in enumerate(run, start=1) if reaches or n <= 2] for run in runs]
    lost = sum(numbers[-1] - numbers[0] + 1 - len(numbers) for numbers in received)
    assert account([(None, n) for numbers in received for n in numbers]).lost == lost


@given(st.lists(st.tuples(st.sampled_from([LEFT, RIGHT, None]), st.none() | st.integers(0, 50)), max_size=60))
def test_lost_is_never_negative_whatever_is_delivered(deliveries: list[tuple[bytes | None, int | None]]) -> None:
    result = account(deliveries)
    assert result.lost is None or result.lost >= 0
    assert (result.lost is None) == bool(result.lost_reason)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_the_gap_is_never_longer_than_the_episode(times_ns: list[int]) -> None:
    result = account([(LEFT, n) for n in range(len(times_ns))], times_ns=times_ns)
    assert 0 <= result.longest_gap_ns <= max(times_ns) - times_ns[0]
    assert result.last_ns == max(times_ns)
