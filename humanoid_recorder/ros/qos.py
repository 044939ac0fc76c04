"""QoS between rclpy's objects and the plain data of the core."""

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, HistoryPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy

from humanoid_recorder.core.qos import INFINITE_NS, Durability, Liveliness, QosOffer, QosRequest, Reliability

LATCHED = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""For our own state topics: whoever joins late gets the last message."""

FROM_SEVERAL_LATCHED = QoSProfile(
    depth=10,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""For reading a state topic on which a twin may speak too: with depth 1 the news of one would push out the other's."""

_RELIABILITY = {
    ReliabilityPolicy.RELIABLE: Reliability.RELIABLE,
    ReliabilityPolicy.BEST_EFFORT: Reliability.BEST_EFFORT,
}
_DURABILITY = {
    DurabilityPolicy.TRANSIENT_LOCAL: Durability.TRANSIENT_LOCAL,
    DurabilityPolicy.VOLATILE: Durability.VOLATILE,
}
_LIVELINESS = {
    LivelinessPolicy.AUTOMATIC: Liveliness.AUTOMATIC,
    LivelinessPolicy.MANUAL_BY_TOPIC: Liveliness.MANUAL_BY_TOPIC,
}


def offer_from_endpoint(profile: QoSProfile) -> QosOffer:
    """Translate what discovery shows of a publisher."""
    return QosOffer(
        reliability=_RELIABILITY.get(profile.reliability, Reliability.UNKNOWN),
        durability=_DURABILITY.get(profile.durability, Durability.UNKNOWN),
        deadline_ns=_limited(profile.deadline),
        lifespan_ns=_limited(profile.lifespan),
        liveliness=_LIVELINESS.get(profile.liveliness, Liveliness.UNKNOWN),
        liveliness_lease_ns=_limited(profile.liveliness_lease_duration),
    )


def to_qos_profile(request: QosRequest) -> QoSProfile:
    """Translate what our subscription asks for."""
    reliable = request.reliability is Reliability.RELIABLE
    latched = request.durability is Durability.TRANSIENT_LOCAL
    return QoSProfile(
        depth=request.depth,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def to_publisher_profile(offer: QosOffer, *, depth: int) -> QoSProfile:
    """Translate what a publisher of ours is to offer."""
    best_effort = offer.reliability is Reliability.BEST_EFFORT
    manual = offer.liveliness is Liveliness.MANUAL_BY_TOPIC
    profile = QoSProfile(
        depth=depth,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if offer.is_latched else DurabilityPolicy.VOLATILE,
        liveliness=LivelinessPolicy.MANUAL_BY_TOPIC if manual else LivelinessPolicy.AUTOMATIC,
    )
    if offer.deadline_ns < INFINITE_NS:
        profile.deadline = Duration(nanoseconds=offer.deadline_ns)
    if offer.lifespan_ns < INFINITE_NS:
        profile.lifespan = Duration(nanoseconds=offer.lifespan_ns)
    if offer.liveliness_lease_ns < INFINITE_NS:
        profile.liveliness_lease_duration = Duration(nanoseconds=offer.liveliness_lease_ns)
    return profile


def _limited(duration: Duration) -> int:
    """Return a duration in ns; zero and unlimited both mean that nothing was asked for."""
    nanoseconds = int(duration.nanoseconds)
    return nanoseconds if 0 < nanoseconds < INFINITE_NS else INFINITE_NS
