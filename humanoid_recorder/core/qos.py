"""Quality of service as plain data, and the rule by which a recorder adapts to what publishers offer.

Discovery never shows a publisher's history or depth (they are not part of the DDS discovery data), so only
reliability, durability, deadline, lifespan and liveliness are known of an offer, and the depth is ours to choose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

INFINITE_NS = 9_223_372_036_854_775_807
"""An unlimited duration, as rosbag2 writes it (9223372036 s and 854775807 ns)."""

MIN_DEPTH = 100


class Reliability(StrEnum):
    """DDS reliability."""

    RELIABLE = "reliable"
    BEST_EFFORT = "best_effort"
    UNKNOWN = "unknown"


class Durability(StrEnum):
    """DDS durability; transient_local is what ROS calls latched."""

    TRANSIENT_LOCAL = "transient_local"
    VOLATILE = "volatile"
    UNKNOWN = "unknown"


class Liveliness(StrEnum):
    """DDS liveliness."""

    AUTOMATIC = "automatic"
    MANUAL_BY_TOPIC = "manual_by_topic"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class QosOffer:
    """What one publisher offers, as far as discovery shows it. Durations in ns, ``INFINITE_NS`` for unlimited."""

    reliability: Reliability = Reliability.RELIABLE
    durability: Durability = Durability.VOLATILE
    deadline_ns: int = INFINITE_NS
    lifespan_ns: int = INFINITE_NS
    liveliness: Liveliness = Liveliness.AUTOMATIC
    liveliness_lease_ns: int = INFINITE_NS

    @property
    def is_latched(self) -> bool:
        """Whether the publisher keeps its last messages for those who join late."""
        return self.durability is Durability.TRANSIENT_LOCAL


@dataclass(frozen=True, slots=True)
class QosRequest:
    """What our subscription asks for."""

    reliability: Reliability
    durability: Durability
    depth: int

    @property
    def is_latched(self) -> bool:
        """Whether messages published before we joined are asked for."""
        return self.durability is Durability.TRANSIENT_LOCAL


def adapt_request(offers: Sequence[QosOffer], *, rate_hz: float | None) -> QosRequest:
    """Choose a subscription that every publisher of a topic can serve.

    DDS matches when the offer is at least as strong as the request, so the weakest offer decides. Deadline, lifespan
    and liveliness are never requested: a recorder wants the message, also when it is late.

    Args:
        offers: One per publisher; empty when none is known yet (the safest request is then the weakest).
        rate_hz: Expected rate, or None when unknown.

    Returns:
        The request, with a depth of one second at the rate and at least ``MIN_DEPTH``.
    """
    reliable = bool(offers) and all(offer.reliability is Reliability.RELIABLE for offer in offers)
    latched = bool(offers) and all(offer.is_latched for offer in offers)
    return QosRequest(
        reliability=Reliability.RELIABLE if reliable else Reliability.BEST_EFFORT,
        durability=Durability.TRANSIENT_LOCAL if latched else Durability.VOLATILE,
        depth=max(MIN_DEPTH, round(rate_hz) if rate_hz else 0),
    )


def is_compatible(offer: QosOffer, request: QosRequest) -> bool:
    """Whether DDS will deliver from this publisher to this subscription."""
    reliability_ok = request.reliability is not Reliability.RELIABLE or offer.reliability is Reliability.RELIABLE
    return reliability_ok and (offer.is_latched or not request.is_latched)
