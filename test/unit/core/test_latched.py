from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.latched import LatchedCache
from humanoid_recorder.core.samples import Arrival, Sample

S = 1_000_000_000
SUBSCRIBED_NS = 1_795_160_424 * S
LEFT, RIGHT = b"left", b"right"


def put(
    cache: LatchedCache,
    name: bytes,
    *,
    publisher: bytes | None = LEFT,
    sequence: int = 1,
    sent_ns: int = SUBSCRIBED_NS + S,
    received_ns: int | None = None,
    log_ns: int | None = None,
) -> None:
    received_ns = max(sent_ns, SUBSCRIBED_NS) if received_ns is None else received_ns
    arrival = Arrival(name, received_ns, sent_ns, sequence, publisher)
    sample = Sample(1, name, received_ns if log_ns is None else log_ns, sent_ns, None, 1)
    cache.put([arrival], [sample], subscribed_ns=SUBSCRIBED_NS)


def names(cache: LatchedCache) -> list[bytes]:
    return [sample.data for sample in cache.samples()]


def test_the_last_message_is_kept_however_often_it_is_asked_for() -> None:
    cache = LatchedCache()
    put(cache, b"old")
    put(cache, b"new")
    assert [names(cache) for _ in range(100)] == [[b"new"]] * 100


def test_each_publisher_keeps_its_own() -> None:
    cache = LatchedCache()
    for name, publisher in ((b"l1", LEFT), (b"r1", RIGHT), (b"l2", LEFT)):
        put(cache, name, publisher=publisher)
    assert names(cache) == [b"r1", b"l2"]


def test_what_was_sent_before_we_came_shows_how_many_a_publisher_keeps() -> None:
    cache = LatchedCache()
    for name in (b"1", b"2", b"3"):
        put(cache, name, sent_ns=SUBSCRIBED_NS - S)
    put(cache, b"4")
    assert names(cache) == [b"2", b"3", b"4"]


def test_a_sender_whose_clock_is_years_behind_does_not_fill_the_memory() -> None:
    """On a robot computer without a battery for its clock everything seems to be sent before we came."""
    cache = LatchedCache()
    for number in range(100):
        put(cache, b"%d" % number, sent_ns=S + number, received_ns=SUBSCRIBED_NS + (6 + number) * S)
    assert names(cache) == [b"99"]


def test_publishers_that_cannot_be_told_apart_keep_one_message_each() -> None:
    cache = LatchedCache()
    cache.set_publishers([LEFT, RIGHT])
    for sequence, name in enumerate((b"1", b"2", b"3"), start=1):
        put(cache, name, publisher=None, sequence=sequence)
    assert names(cache) == [b"2", b"3"]
    cache.set_publishers([LEFT])
    put(cache, b"4", publisher=None, sequence=4)
    assert names(cache) == [b"3", b"4"]


def test_a_publisher_that_is_heard_before_the_graph_shows_it_pushes_nothing_out() -> None:
    cache = LatchedCache()
    cache.set_publishers([LEFT])
    put(cache, b"arm", publisher=None, sequence=1)
    put(cache, b"camera", publisher=None, sequence=1)
    cache.set_publishers([LEFT, RIGHT])
    assert names(cache) == [b"arm", b"camera"]
    put(cache, b"arm, moved", publisher=None, sequence=2, sent_ns=SUBSCRIBED_NS + 60 * S)
    assert names(cache) == [b"camera", b"arm, moved"]


def test_a_restarted_publisher_that_cannot_be_told_apart_leaves_one_message_once_the_graph_shows_it() -> None:
    cache = LatchedCache()
    cache.set_publishers([LEFT])
    put(cache, b"old", publisher=None, sequence=1)
    put(cache, b"new", publisher=None, sequence=1)
    cache.set_publishers([RIGHT])
    assert names(cache) == [b"new"]


def test_restarts_of_a_publisher_that_cannot_be_told_apart_leave_two_messages_at_most() -> None:
    cache = LatchedCache()
    for number in range(100):
        put(cache, b"%d" % number, publisher=None, sequence=1, sent_ns=SUBSCRIBED_NS + 60 * S * number)
    assert names(cache) == [b"98", b"99"]


def test_the_order_is_that_of_receipt_also_when_the_clock_was_set_back() -> None:
    cache = LatchedCache()
    for name in (b"1", b"2"):
        put(cache, name, sent_ns=SUBSCRIBED_NS - 1, log_ns=SUBSCRIBED_NS + 3600 * S)
    put(cache, b"3", log_ns=SUBSCRIBED_NS + 5)
    assert names(cache) == [b"2", b"3"]


@given(
    sizes=st.lists(st.tuples(st.sampled_from([LEFT, RIGHT, b"third"]), st.integers(1, 50)), max_size=40),
    max_bytes=st.integers(0, 100),
)
def test_the_bytes_are_bounded_and_the_oldest_go_first(sizes: list[tuple[bytes, int]], max_bytes: int) -> None:
    cache = LatchedCache(max_bytes=max_bytes)
    order: list[bytes] = []
    for number, (publisher, size) in enumerate(sizes):
        data = bytes([number]) * size
        order.append(data)
        put(cache, data, publisher=publisher, sent_ns=SUBSCRIBED_NS - 1)
        kept = names(cache)
        assert sum(map(len, kept)) <= max_bytes
        assert kept == order[len(order) - len(kept) :]
        assert len(kept) == len(order) or sum(map(len, kept)) + max(map(len, order)) > max_bytes


def test_what_a_publisher_that_left_had_sent_is_kept_until_its_successor_has_spoken() -> None:
    cache = LatchedCache()
    cache.set_publishers([LEFT])
    put(cache, b"from a node that ends", publisher=LEFT)
    cache.set_publishers([])
    assert names(cache) == [b"from a node that ends"]
    cache.set_publishers([RIGHT])
    assert names(cache) == [b"from a node that ends"]
    put(cache, b"from its successor", publisher=RIGHT)
    assert names(cache) == [b"from its successor"]


def test_a_description_node_that_is_restarted_a_hundred_times_leaves_one_description() -> None:
    cache = LatchedCache()
    for number in range(100):
        gid = b"%d" % number
        cache.set_publishers([gid])
        put(cache, b"<robot/>", publisher=gid, sent_ns=SUBSCRIBED_NS + number)
    assert names(cache) == [b"<robot/>"]


def test_what_a_new_subscription_delivers_again_is_not_kept_twice() -> None:
    cache = LatchedCache()
    for _ in range(2):
        put(cache, b"1", sent_ns=SUBSCRIBED_NS - 2)
        put(cache, b"2", sent_ns=SUBSCRIBED_NS - 1)
    assert names(cache) == [b"1", b"2"]
