from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.silence import Silences


def silences(*times_ns: int) -> Silences:
    made = Silences()
    for log_ns in times_ns:
        made.add(log_ns)
    return made


def test_the_longest_is_found_with_its_beginning() -> None:
    made = silences(1000, 1500, 9500, 9600)
    assert made.longest() == (8000, 1500)
    assert (made.first_ns, made.last_ns) == (1000, 9600)


def test_fewer_than_two_messages_have_no_silence_between_them() -> None:
    assert silences().longest() == silences(5).longest() == (0, None)


def test_a_message_that_waited_for_a_repeated_one_splits_the_silence_it_was_received_in() -> None:
    assert silences(0, 3000, 100, 200).longest() == (2800, 200)


@given(st.lists(st.integers(0, 10**6), max_size=32))
def test_it_is_exact_in_whatever_order_messages_come(times_ns: list[int]) -> None:
    expected = max((b - a for a, b in pairwise(sorted(times_ns))), default=0)
    assert silences(*times_ns).longest()[0] == expected


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=500))
def test_it_is_exact_for_any_number_of_messages_in_order(steps_ns: list[int]) -> None:
    times_ns = [sum(steps_ns[:n]) for n in range(1, len(steps_ns) + 1)]
    assert silences(*times_ns).longest()[0] == max(b - a for a, b in pairwise(times_ns))
