"""The fast ingest: one wait set over all subscriptions, everything that waits is taken, then a short pause.

One wake-up serves hundreds of messages, which is what makes recording in Python cheap. The pause costs no accuracy:
receipt is stamped by the middleware when the message arrives, and its history holds at least a second.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, cast

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from humanoid_recorder.core.graph import Link
from humanoid_recorder.core.samples import Arrival
from humanoid_recorder.ros.ingest import (
    NOT_RUNNING,
    POLL_EVENTS_S,
    ArrivalSink,
    MessageInfo,
    Subscription,
    SubscriptionTable,
    arrival_from,
)

# rclpy's annotations leave out that nothing may be there to take.
_Take = Callable[[type[Any], bool], tuple[bytes, MessageInfo] | None]

PAUSE_S = 0.003
_WAIT_NS = 500_000_000
_MOST_PER_TURN = 1000
"""Messages taken from one subscription before the others get their turn."""


class WaitSetIngest:
    """Implements ``Ingest`` on rclpy's wait set.

    Args:
        node: Owns the subscriptions; it must never be given to an executor.
        sink: Gets the messages.
    """

    def __init__(self, node: Node, sink: ArrivalSink) -> None:
        self._sink = sink
        self._table = SubscriptionTable(node, sink)
        self._context = cast("rclpy_implementation.Context", node.context.handle)
        self._requests: deque[Callable[[], None]] = deque()
        self._wake = node.create_guard_condition(lambda: None)
        self._running = threading.Event()
        self._gate = threading.Lock()
        self._takes_requests = False
        self._thread = threading.Thread(target=self._run, name="ingest")

    def start(self) -> None:
        """Begin to deliver."""
        self._running.set()
        self._takes_requests = True
        self._thread.start()

    def stop(self) -> None:
        """Deliver what is already there, destroy the subscriptions and end the thread."""
        self._running.clear()
        self._wake.trigger()
        if self._thread.is_alive():
            self._thread.join()

    def flush(self) -> None:
        """Deliver everything the middleware has received so far, and return when that is done."""
        self._on_ingest_thread(self._take_and_read_events)

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscription; one on the same channel is replaced."""
        self._on_ingest_thread(lambda: self._create(subscription))

    def unsubscribe(self, channel_id: int) -> None:
        """Deliver what has been received on a channel and destroy its subscription."""
        self._on_ingest_thread(lambda: self._close(channel_id))

    def links(self) -> Mapping[int, Link]:
        """Tell how each channel was connected when its events were read last."""
        return self._table.links

    def _on_ingest_thread(self, action: Callable[[], None]) -> None:
        """Have the ingest's thread do it between two waits: nothing may be destroyed while it is waited on."""
        done: Future[None] = Future()

        def request() -> None:
            try:
                action()
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        with self._gate:
            if not self._takes_requests:
                raise NOT_RUNNING
            self._requests.append(request)
        self._wake.trigger()
        done.result()

    def _create(self, subscription: Subscription) -> None:
        self._take(subscription.channel_id)
        self._table.create(subscription, _never_called)

    def _close(self, channel_id: int) -> None:
        self._take(channel_id)
        self._table.destroy(channel_id)

    def _take_and_read_events(self) -> None:
        self._take_all()
        self._table.read_events()

    def _take_all(self) -> None:
        for channel_id in self._table.channel_ids():
            self._take(channel_id)

    def _run(self) -> None:
        events_due_s = 0.0
        try:
            while self._running.is_set():
                self._answer_requests()
                looked_ns, is_drained = time.monotonic_ns(), True
                for channel_id in self._wait():
                    is_drained &= self._take(channel_id)
                if is_drained:
                    self._sink.drained(looked_ns)
                if time.monotonic() >= events_due_s:
                    self._table.read_events()
                    events_due_s = time.monotonic() + POLL_EVENTS_S
                time.sleep(PAUSE_S)
            self._take_and_read_events()
        except Exception as error:  # whatever it is, a recorder that silently takes nothing would be worse
            self._sink.ingest_failed(error)
        with self._gate:
            self._takes_requests = False
        self._answer_requests()
        for channel_id in self._table.channel_ids():
            self._table.destroy(channel_id)

    def _answer_requests(self) -> None:
        while self._requests:
            self._requests.popleft()()

    def _wait(self) -> list[int]:
        """Block until a subscription has something; returns the channels that do."""
        # A wait set is filled anew before every wait: rcl clears the entries that were not ready, and waiting on a
        # cleared one crashes.
        wait_set = rclpy_implementation.WaitSet(len(self._table.items()), 1, 0, 0, 0, 0, self._context)
        with contextlib.ExitStack() as held:
            wait_set.clear_entities()
            indexes = {}
            for channel_id, subscription in self._table.items():
                held.enter_context(subscription.handle)
                indexes[channel_id] = wait_set.add_subscription(subscription.handle)
            held.enter_context(self._wake.handle)
            wait_set.add_guard_condition(self._wake.handle)
            wait_set.wait(_WAIT_NS)
            return [channel_id for channel_id, index in indexes.items() if wait_set.is_ready("subscription", index)]

    def _take(self, channel_id: int) -> bool:
        """Take everything that waits on one channel; returns False where it was too much for one turn."""
        subscription = self._table.get(channel_id)
        if subscription is None:
            return True
        take, message = cast("_Take", subscription.handle.take_message), subscription.msg_type
        arrivals: list[Arrival] = []
        while len(arrivals) < _MOST_PER_TURN and (taken := take(message, True)) is not None:
            arrivals.append(arrival_from(*taken))
        if arrivals:
            self._sink.accept(channel_id, arrivals)
        return len(arrivals) < _MOST_PER_TURN


def _never_called(_message: bytes, _info: MessageInfo) -> None:
    raise AssertionError("a data subscription was spun by an executor")
