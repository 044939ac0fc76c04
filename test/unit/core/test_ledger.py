from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.ledger import (
    NO_PUBLISHER_ID,
    NO_SEQUENCE_NUMBERS,
    REPLACED,
    Head,
    StreamAccount,
    StreamLedger,
    Tail,
)
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


def test_a_message_delivered_twice_counts_once_and_neither_hides_nor_makes_a_loss() -> None:
    result = account([(LEFT, 1), (LEFT, 1), (LEFT, 4), (LEFT, 4), (LEFT, 1)])
    assert (result.received, result.repeated, result.lost) == (2, 3, 2)


def test_a_message_delivered_twice_is_written_once() -> None:
    ledger = StreamLedger()
    arrivals = [Arrival(bytes([n]), n, n, n, LEFT) for n in (1, 2, 1, 3)]
    samples = [Sample(1, arrival.data, arrival.received_ns, 0, None, arrival.sequence or 0) for arrival in arrivals]
    assert [sample.data for sample in ledger.account(arrivals, samples)] == [b"\x01", b"\x02", b"\x03"]


def heard_to(highest: int) -> StreamLedger:
    return StreamLedger({LEFT: highest})


def deliver(ledger: StreamLedger, *sequences: int, publisher: bytes | None = LEFT) -> None:
    arrivals = arrivals_of(*sequences, publisher=publisher)
    ledger.account(arrivals, [Sample(1, b"", a.received_ns, 0, None, a.sequence or 0) for a in arrivals])


def arrivals_of(*sequences: int, publisher: bytes | None = LEFT) -> list[Arrival]:
    return [Arrival(b"", sequence * MS, 0, sequence, publisher) for sequence in sequences]


def test_what_is_missing_after_the_last_message_before_the_start_is_lost() -> None:
    ledger = heard_to(7)
    deliver(ledger, 10)
    result = ledger.snapshot(written=1)
    assert (result.lost, result.head, result.tail) == (2, Head.WHOLE, Tail.OPEN)


def test_a_publisher_whose_own_first_message_is_there_has_a_whole_head_and_another_has_not() -> None:
    assert account([(LEFT, 1)]).head is Head.WHOLE
    assert account([(LEFT, 2)]).head is Head.JOINED_LATE
    assert account([(LEFT, 1), (RIGHT, 2)]).head is Head.JOINED_LATE
    assert account([]).head is Head.UNKNOWN


def test_the_next_message_after_the_stop_closes_the_count_and_only_that() -> None:
    ledger = heard_to(0)
    deliver(ledger, 1, 2)
    ledger.stop()
    assert ledger.snapshot(written=2).tail is Tail.UNKNOWN
    ledger.close_tail(arrivals_of(5, 9))
    result = ledger.snapshot(written=2)
    assert (result.received, result.lost, result.tail) == (2, 2, Tail.CLOSED)


def test_one_publisher_that_is_not_heard_again_leaves_the_tail_unknown() -> None:
    ledger = heard_to(0)
    deliver(ledger, 1)
    deliver(ledger, 4, publisher=RIGHT)
    ledger.stop()
    ledger.close_tail(arrivals_of(2))
    assert ledger.snapshot(written=2).tail is Tail.UNKNOWN
    ledger.close_tail(arrivals_of(5, publisher=RIGHT))
    assert ledger.snapshot(written=2).tail is Tail.CLOSED


def test_a_publisher_heard_only_before_the_episode_leaves_nothing_open() -> None:
    ledger = StreamLedger({LEFT: 3, RIGHT: 70})
    deliver(ledger, 4)
    ledger.stop()
    ledger.close_tail(arrivals_of(5))
    result = ledger.snapshot(written=1)
    assert (result.publishers, result.tail, result.lost) == (1, Tail.CLOSED, 0)


def test_a_stream_of_which_everything_was_lost_says_so_when_it_is_heard_again() -> None:
    ledger = heard_to(3)
    ledger.stop()
    ledger.close_tail(arrivals_of(9))
    result = ledger.snapshot(written=0)
    assert (result.received, result.lost, result.tail) == (0, 5, Tail.CLOSED)


def test_a_fast_stream_is_waited_for_and_a_slow_one_is_not() -> None:
    fast, slow = heard_to(0), heard_to(0)
    deliver(fast, 1, 50, 101)
    deliver(slow, 1, 102, 203)
    assert (fast.has_open_tail, slow.has_open_tail, heard_to(1).has_open_tail) == (True, False, False)
    fast.stop()
    fast.close_tail(arrivals_of(102))
    assert not fast.has_open_tail


def test_loss_is_unknown_where_an_unnamed_publisher_was_replaced_and_numbers_are_missing() -> None:
    sound, holed = StreamLedger(), StreamLedger()
    for ledger, numbers in ((sound, (1, 2, 3, 1, 2)), (holed, (1, 2, 6, 7))):
        deliver(ledger, *numbers, publisher=None)
        ledger.note_replacement()
    assert sound.snapshot(written=5).lost == 0
    assert (holed.snapshot(written=4).lost, holed.snapshot(written=4).lost_reason) == (None, REPLACED)


def test_a_replaced_publisher_that_names_itself_keeps_its_account() -> None:
    ledger = StreamLedger()
    deliver(ledger, 1, 3)
    ledger.note_replacement()
    deliver(ledger, 1, publisher=RIGHT)
    assert ledger.snapshot(written=3).lost == 1


def test_late_messages_are_counted_and_are_no_loss() -> None:
    result = account([(LEFT, 1), (LEFT, 4), (LEFT, 2), (LEFT, 3)])
    assert (result.received, result.late, result.lost) == (4, 2, 0)


@given(
    fates=st.lists(st.sampled_from(["arrives", "lost", "twice"]), min_size=1, max_size=80),
    start=st.integers(1, 80),
    length=st.integers(0, 80),
    data=st.data(),
)
def test_everything_sent_around_an_episode_is_received_or_lost_whatever_the_order(
    fates: list[str], start: int, length: int, data: st.DataObject
) -> None:
    """A publisher that was heard before sends on; the last of all arrives after the stop and closes the tail."""
    stop = min(start + length, len(fates))
    before = [n for n in range(1, start) if n <= len(fates) and fates[n - 1] != "lost"]
    during = [n for n in range(start, stop) for _ in range(("lost", "arrives", "twice").index(fates[n - 1]))]
    after = len(fates) + 1
    highest = max(before, default=0)
    ledger = StreamLedger({LEFT: highest})
    deliver(ledger, *data.draw(st.permutations(during)))
    ledger.stop()
    ledger.close_tail(arrivals_of(after))
    result = ledger.snapshot(written=len(set(during)))
    assert result.received == len(set(during))
    assert result.repeated == len(during) - len(set(during))
    assert result.lost == after - highest - 1 - len(set(during))
    assert (result.tail, result.head) == (Tail.CLOSED, Head.WHOLE if during else Head.UNKNOWN)


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
    arrivals = [Arrival(b"12345", 1, 1, 1, LEFT), Arrival(b"12345", 2, 2, 2, LEFT)]
    ledger.account(arrivals, [Sample(1, b"12345", 1, 1, None, 1), Sample(1, b"12345", 2, 2, 9, 2)])
    result = ledger.snapshot(written=2)
    assert (result.bytes, result.unstamped, result.written) == (10, 1, 2)


def test_messages_from_before_the_start_that_come_among_later_ones_are_neither_lost_nor_received() -> None:
    """Number 5 was repaired after the start; 6 and 7 had arrived before it and waited; 9 is really lost."""
    ledger = StreamLedger()

    ledger.pass_over(arrivals_of(4))
    deliver(ledger, 5)
    ledger.pass_over(arrivals_of(6, 7))
    deliver(ledger, 8, 10)
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
    assert 0 <= result.longest_gap_ns <= max(times_ns) - min(times_ns)
    assert result.last_ns == max(times_ns)
