"""What the middleware tells of one subscription beside its messages: its QoS events, taken when asked for.

They are polled, never waited on and never given to an executor: a status is a counter in the middleware, which reading
does not disturb, and nothing has to be destroyed while somebody waits on it.
"""

from typing import Any

from rclpy.event_handler import QoSSubscriptionEventType as Event
from rclpy.event_handler import UnsupportedEventTypeError
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.qos import qos_policy_name_from_kind
from rclpy.subscription import Subscription as RclpySubscription

from humanoid_recorder.core.graph import Link


class SubscriptionEvents:
    """Reads the events of one subscription; not thread-safe.

    Args:
        subscription: Must be alive; it is kept alive until ``destroy``.
    """

    def __init__(self, subscription: "RclpySubscription[Any]") -> None:
        self._handles: dict[Event, Any] = {}
        for event in (
            Event.RCL_SUBSCRIPTION_MATCHED,
            Event.RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS,
            Event.RCL_SUBSCRIPTION_MESSAGE_LOST,
        ):
            try:
                with subscription.handle:
                    self._handles[event] = rclpy_implementation.EventHandle(subscription.handle, event)
            except UnsupportedEventTypeError:
                continue  # this middleware does not tell it; what it would tell is then nothing
        self._refused_policy = ""

    def link(self) -> Link:
        """Tell how we are connected to the publishers now."""
        matched = self._take(Event.RCL_SUBSCRIPTION_MATCHED)
        refused = self._take(Event.RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS)
        if refused is not None and refused.total_count:
            self._refused_policy = str(qos_policy_name_from_kind(refused.last_policy_kind))
        return Link(
            publishers=None if matched is None else int(matched.current_count), refused_policy=self._refused_policy
        )

    def newly_lost(self) -> int:
        """Return how many messages the middleware has found to be lost since the last call."""
        lost = self._take(Event.RCL_SUBSCRIPTION_MESSAGE_LOST)
        return 0 if lost is None else int(lost.total_count_change)

    def destroy(self) -> None:
        """Let go of the subscription."""
        for handle in self._handles.values():
            handle.destroy_when_not_in_use()
        self._handles.clear()

    def _take(self, event: Event) -> Any:
        handle = self._handles.get(event)
        if handle is None:
            return None
        with handle:
            return handle.take_event()
