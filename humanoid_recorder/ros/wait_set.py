"""Waiting on many subscriptions at once, again and again, at little cost."""

import contextlib
from collections.abc import Iterable
from typing import Any, cast

from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.subscription import Subscription


class SubscriptionWaitSet:
    """A wait set over subscriptions and one guard condition, which ends a wait. For one thread.

    The handles stay entered from one wait to the next: to enter and leave them every time costs as much as the wait.
    They must be let go of before one of them is destroyed (``release``).

    Args:
        node: Its context is waited in.
        wake: Ends a wait.
    """

    def __init__(self, node: Node, wake: GuardCondition) -> None:
        self._context = cast("rclpy_implementation.Context", node.context.handle)
        self._wake = wake
        self._held = contextlib.ExitStack()
        self._channel_ids: list[int] = []
        self._handles: list[Any] = []
        self._wait_set = rclpy_implementation.WaitSet(0, 1, 0, 0, 0, 0, self._context)

    def hold(self, subscriptions: Iterable[tuple[int, "Subscription[Any]"]]) -> None:
        """Wait on these from now on, each under its channel id."""
        self.release()
        for channel_id, subscription in subscriptions:
            self._held.enter_context(subscription.handle)
            self._channel_ids.append(channel_id)
            self._handles.append(subscription.handle)
        self._held.enter_context(self._wake.handle)
        self._wait_set = rclpy_implementation.WaitSet(len(self._handles), 1, 0, 0, 0, 0, self._context)

    def release(self) -> None:
        """Let go of everything, so that it may be destroyed."""
        self._held.close()
        self._channel_ids, self._handles = [], []

    def wait(self, timeout_ns: int) -> list[int]:
        """Block until a subscription has something; returns the channels that do."""
        wait_set = self._wait_set
        # Filled anew every time: rcl clears the entries that were not ready, and waiting on a cleared one crashes.
        wait_set.clear_entities()
        add, is_ready = wait_set.add_subscription, wait_set.is_ready
        for handle in self._handles:
            add(handle)
        wait_set.add_guard_condition(self._wake.handle)
        wait_set.wait(timeout_ns)
        return [channel_id for index, channel_id in enumerate(self._channel_ids) if is_ready("subscription", index)]
