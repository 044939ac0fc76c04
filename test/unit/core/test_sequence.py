from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core import sequence as sequence_module
from humanoid_recorder.core.sequence import Delivery, SequenceRun


def receive(first: int, *numbers: int) -> tuple[SequenceRun, list[Delivery]]:
    run = SequenceRun(first)
    return run, [run.receive(number) for number in numbers]


def test_numbers_in_order_leave_no_hole() -> None:
    run, deliveries = receive(5, 5, 6, 7)
    assert (run.lost, run.next, set(deliveries)) == (0, 8, {Delivery.IN_ORDER})


def test_a_late_number_fills_its_hole_and_the_same_again_is_repeated() -> None:
    run, deliveries = receive(1, 1, 5, 3, 3)
    assert deliveries == [Delivery.IN_ORDER, Delivery.IN_ORDER, Delivery.LATE, Delivery.REPEATED]
    assert run.lost == 2


def test_a_number_before_the_first_opens_a_hole_up_to_it() -> None:
    run, deliveries = receive(10, 10, 7, 8)
    assert (deliveries[1:], run.lost) == ([Delivery.LATE, Delivery.LATE], 1)


def test_beyond_the_holes_that_are_kept_a_number_cannot_be_told_and_what_is_lost_stays_counted() -> None:
    numbers = range(1, 2 * sequence_module._MOST_HOLES + 4, 2)
    run, _deliveries = receive(1, *numbers)
    lost = len(numbers) - 1
    assert run.lost == lost
    assert run.receive(2) is Delivery.UNTRACEABLE
    assert run.receive(4) is Delivery.LATE
    assert run.lost == lost - 1


@given(first=st.integers(1, 30), numbers=st.lists(st.integers(1, 60), max_size=60))
def test_received_and_lost_are_all_numbers_from_the_first_to_the_highest(first: int, numbers: list[int]) -> None:
    run, deliveries = receive(first, *numbers)
    received = set(numbers)
    lowest, highest = min([first, *numbers]), max([first - 1, *numbers])
    assert run.next == highest + 1
    assert run.lost == highest - lowest + 1 - len(received)
    assert deliveries.count(Delivery.REPEATED) == len(numbers) - len(received)
    assert Delivery.UNTRACEABLE not in deliveries
