import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.graph import PublisherOnGraph, TopicOnGraph
from humanoid_recorder.core.qos import (
    MIN_DEPTH,
    Durability,
    QosOffer,
    QosRequest,
    Reliability,
    adapt_request,
    is_compatible,
)

RELIABLE, BEST_EFFORT = Reliability.RELIABLE, Reliability.BEST_EFFORT
LATCHED, VOLATILE = Durability.TRANSIENT_LOCAL, Durability.VOLATILE

known_offers = st.builds(
    QosOffer,
    reliability=st.sampled_from([RELIABLE, BEST_EFFORT]),
    durability=st.sampled_from([LATCHED, VOLATILE]),
    deadline_ns=st.integers(1, 10**9),
)
any_offer = st.builds(QosOffer, reliability=st.sampled_from(Reliability), durability=st.sampled_from(Durability))


@pytest.mark.parametrize(
    ("offered", "requested", "matches"),
    [
        (RELIABLE, RELIABLE, True),
        (RELIABLE, BEST_EFFORT, True),
        (BEST_EFFORT, RELIABLE, False),
        (BEST_EFFORT, BEST_EFFORT, True),
        (Reliability.UNKNOWN, RELIABLE, False),
        (Reliability.UNKNOWN, BEST_EFFORT, True),
    ],
)
@pytest.mark.parametrize(
    ("kept", "wanted", "keeps"),
    [
        (LATCHED, LATCHED, True),
        (LATCHED, VOLATILE, True),
        (VOLATILE, LATCHED, False),
        (VOLATILE, VOLATILE, True),
        (Durability.UNKNOWN, LATCHED, False),
        (Durability.UNKNOWN, VOLATILE, True),
    ],
)
def test_an_offer_matches_a_request_that_asks_for_no_more(
    offered: Reliability,
    requested: Reliability,
    matches: bool,
    kept: Durability,
    wanted: Durability,
    keeps: bool,
) -> None:
    offer, request = QosOffer(reliability=offered, durability=kept), QosRequest(requested, wanted, 10)
    assert is_compatible(offer, request) is (matches and keeps)


@given(st.lists(any_offer, max_size=5))
def test_the_request_can_be_served_by_every_publisher(offers: list[QosOffer]) -> None:
    request = adapt_request(offers, rate_hz=None)
    assert all(is_compatible(offer, request) for offer in offers)


@given(st.lists(known_offers, min_size=1, max_size=5))
def test_no_stronger_request_could_be_served_by_every_publisher(offers: list[QosOffer]) -> None:
    request = adapt_request(offers, rate_hz=None)
    strength = (request.reliability is RELIABLE) + (request.durability is LATCHED)
    for reliability, durability in itertools.product([RELIABLE, BEST_EFFORT], [LATCHED, VOLATILE]):
        other = QosRequest(reliability, durability, request.depth)
        if all(is_compatible(offer, other) for offer in offers):
            assert (reliability is RELIABLE) + (durability is LATCHED) <= strength


def test_without_publishers_the_least_is_asked_for() -> None:
    assert adapt_request([], rate_hz=None) == QosRequest(BEST_EFFORT, VOLATILE, MIN_DEPTH)


@pytest.mark.parametrize(("rate_hz", "depth"), [(None, 100), (0.5, 100), (100.0, 100), (500.0, 500), (1000.0, 1000)])
def test_the_depth_holds_a_second_and_at_least_a_hundred_messages(rate_hz: float | None, depth: int) -> None:
    assert adapt_request([QosOffer()], rate_hz=rate_hz).depth == depth


def test_a_topic_lists_its_types_once_and_its_offers_in_order() -> None:
    weak = QosOffer(reliability=BEST_EFFORT)
    publishers = [
        PublisherOnGraph("/a", "std_msgs/msg/String", "", weak),
        PublisherOnGraph("/b", "std_msgs/msg/Empty", "", QosOffer()),
        PublisherOnGraph("/c", "std_msgs/msg/String", "", weak),
    ]
    topic = TopicOnGraph("/t", tuple(publishers))
    assert topic.types == ("std_msgs/msg/Empty", "std_msgs/msg/String")
    assert topic.offers == (weak, QosOffer())
