"""With which QoS a topic of a bag is published again."""

from itertools import product

import pytest

from humanoid_recorder.core.qos import Durability, QosOffer, QosRequest, Reliability, is_compatible
from humanoid_recorder.playback.offers import choose_depth, latched_depth, merge_offers

WEAK = QosOffer(reliability=Reliability.BEST_EFFORT, deadline_ns=5, lifespan_ns=7)
LATCHED = QosOffer(durability=Durability.TRANSIENT_LOCAL, deadline_ns=9)


def test_one_offer_is_taken_as_it_is() -> None:
    assert merge_offers([WEAK], topic="/a") == WEAK
    assert merge_offers([LATCHED], topic="/a") == LATCHED


def test_whoever_one_of_the_publishers_served_is_served() -> None:
    requests = [
        QosRequest(reliability, durability, 10)
        for reliability, durability in product(list(Reliability)[:2], list(Durability)[:2])
    ]
    offers = [QosOffer(request.reliability, request.durability) for request in requests]
    for some in product(offers, repeat=2):
        merged = merge_offers(some, topic="/a")
        for request in requests:
            if any(is_compatible(offer, request) for offer in some):
                assert is_compatible(merged, request)


def test_the_shortest_deadline_and_the_longest_lifespan_are_taken() -> None:
    merged = merge_offers([WEAK, LATCHED], topic="/a")
    assert (merged.deadline_ns, merged.lifespan_ns) == (5, LATCHED.lifespan_ns)


def test_a_bag_that_says_nothing_gets_what_serves_everybody() -> None:
    assert merge_offers([], topic="/a") == QosOffer()
    assert merge_offers([], topic="/tf_static").is_latched
    assert merge_offers([], topic="/robot1/robot_description").is_latched


@pytest.mark.parametrize(("rate_hz", "depth"), [(None, 10), (0.1, 10), (30.0, 60), (1000.0, 2000), (1e6, 5000)])
def test_the_depth_is_two_seconds_within_bounds(rate_hz: float | None, depth: int) -> None:
    assert choose_depth(QosOffer(), latched=0, rate_hz=rate_hz) == depth


def test_late_subscribers_find_one_message_per_publisher_and_all_transforms() -> None:
    assert latched_depth([LATCHED], type_name="std_msgs/msg/String") == 1
    assert latched_depth([LATCHED, WEAK], type_name="std_msgs/msg/String") == 2
    assert latched_depth([LATCHED], type_name="tf2_msgs/msg/TFMessage") == 1000
    assert choose_depth(LATCHED, latched=2, rate_hz=1000.0) == 2
