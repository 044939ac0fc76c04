"""With which QoS a topic of a bag is published again."""

from collections.abc import Sequence
from dataclasses import dataclass

from humanoid_recorder.core.qos import Durability, Liveliness, QosOffer, Reliability

_LEAST_DEPTH = 10
_SECONDS_KEPT = 2
_MOST_DEPTH = 5000
_TRANSFORMS = "tf2_msgs/msg/TFMessage"
_MOST_TRANSFORMS = 1000
_LATCHED_BY_CONVENTION = ("/tf_static", "/robot_description")


@dataclass(frozen=True, slots=True)
class PublishedQos:
    """What our publisher offers."""

    offer: QosOffer
    depth: int


def merge_offers(offers: Sequence[QosOffer], *, topic: str) -> QosOffer:
    """Choose what one publisher offers in place of several.

    The strongest of each policy: whoever was served by any of the original publishers is served by this one. Lifespan
    takes no part in matching; the longest is taken, so that nothing expires that would not have. A bag that says
    nothing gets a reliable offer, latched where everybody expects it.

    Args:
        offers: Of the original publishers.
        topic: Its name.
    """
    if not offers:
        is_latched = topic.endswith(_LATCHED_BY_CONVENTION)
        return QosOffer(durability=Durability.TRANSIENT_LOCAL if is_latched else Durability.VOLATILE)
    weak = all(offer.reliability is Reliability.BEST_EFFORT for offer in offers)
    latched = any(offer.is_latched for offer in offers)
    manual = any(offer.liveliness is Liveliness.MANUAL_BY_TOPIC for offer in offers)
    return QosOffer(
        reliability=Reliability.BEST_EFFORT if weak else Reliability.RELIABLE,
        durability=Durability.TRANSIENT_LOCAL if latched else Durability.VOLATILE,
        deadline_ns=min(offer.deadline_ns for offer in offers),
        lifespan_ns=max(offer.lifespan_ns for offer in offers),
        liveliness=Liveliness.MANUAL_BY_TOPIC if manual else Liveliness.AUTOMATIC,
        liveliness_lease_ns=min(offer.liveliness_lease_ns for offer in offers),
    )


def latched_depth(offers: Sequence[QosOffer], *, type_name: str) -> int:
    """Return how many messages of a latched topic a late subscriber is to find.

    No bag tells it. One for each publisher, as far as the bag tells them apart; of static transforms all, since each
    message adds to those before.
    """
    return _MOST_TRANSFORMS if type_name == _TRANSFORMS else max(1, len(offers))


def choose_depth(offer: QosOffer, *, latched: int, rate_hz: float | None) -> int:
    """Return how many messages are kept for subscribers that have not taken them yet.

    Args:
        offer: What is offered.
        latched: For a latched topic: how many late subscribers find.
        rate_hz: Mean rate in the bag; None when it is not known.
    """
    if offer.is_latched:
        return latched
    return min(_MOST_DEPTH, max(_LEAST_DEPTH, round(_SECONDS_KEPT * (rate_hz or 0.0))))
