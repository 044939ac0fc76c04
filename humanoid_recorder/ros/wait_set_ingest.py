"""The fast ingest: one wait set over all subscriptions, everything that waits is taken, then a short pause.

One wake-up serves hundreds of messages, which is what makes recording in Python cheap. The pause costs no accuracy:
receipt is stamped by the middleware when the message arrives, and its history holds at least a second.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from typing import Any, cast

from rclpy.node import Node

from humanoid_recorder.core.graph import Link
from humanoid_recorder.core.samples import Arrival
from humanoid_recorder.ros.ingest import (
    FLUSH_S,
    NOT_RUNNING,
    POLL_EVENTS_S,
    ArrivalSink,
    MessageInfo,
    Subscription,
    SubscriptionTable,
    arrival_from,
)
from humanoid_recorder.ros.wait_set import SubscriptionWaitSet

# rclpy's annotations leave out that nothing may be there to take.
_Take = Callable[[type[Any], bool], tuple[bytes, MessageInfo] | None]

PAUSE_S = 0.020
"""Between two turns; a request ends it. A turn costs some 4 us for each channel that has anything: few are best."""
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
        self._requests: deque[Callable[[], None]] = deque()
        self._wake = node.create_guard_condition(lambda: None)
        self._wait_set = SubscriptionWaitSet(node, self._wake)
        self._running = threading.Event()
        self._asked = threading.Event()
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
        self._asked.set()
        self._wake.trigger()
        if self._thread.is_alive():
            self._thread.join()

    def flush(self) -> None:
        """Deliver what the middleware has received so far; return when that is done, or has taken too long."""
        done = self._on_ingest_thread(self._take_all)
        if not wait([done], timeout=FLUSH_S).not_done:
            done.result()

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscription; one on the same channel is replaced."""
        self._on_ingest_thread(lambda: self._create(subscription)).result()

    def unsubscribe(self, channel_id: int) -> None:
        """Deliver what has been received on a channel and destroy its subscription."""
        self._on_ingest_thread(lambda: self._close(channel_id)).result()

    def links(self) -> Mapping[int, Link]:
        """Tell how each channel was connected when its events were read last."""
        return self._table.links

    def _on_ingest_thread(self, action: Callable[[], None]) -> Future[None]:
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
        self._asked.set()
        self._wake.trigger()
        return done

    def _create(self, subscription: Subscription) -> None:
        self._take_from([subscription.channel_id])
        self._wait_set.release()
        self._table.create(subscription, _never_called)
        self._wait_set.hold(self._table.items())

    def _close(self, channel_id: int) -> None:
        self._take_from([channel_id])
        self._wait_set.release()
        self._table.destroy(channel_id)
        self._wait_set.hold(self._table.items())

    def _take_all(self) -> None:
        looked_ns = time.monotonic_ns()
        if self._take_from(self._table.channel_ids()):
            self._sink.drained(looked_ns)
        self._table.read_events()

    def _run(self) -> None:
        events_due_s = 0.0
        try:
            self._wait_set.hold(self._table.items())
            while self._running.is_set():
                self._answer_requests()
                looked_ns = time.monotonic_ns()
                if self._take_from(self._wait_set.wait(_WAIT_NS)):
                    self._sink.drained(looked_ns)
                if time.monotonic() >= events_due_s:
                    self._table.read_events()
                    events_due_s = time.monotonic() + POLL_EVENTS_S
                self._asked.wait(PAUSE_S)
            self._take_all()
        except Exception as error:  # whatever it is, a recorder that silently takes nothing would be worse
            self._sink.ingest_failed(error)
        with self._gate:
            self._takes_requests = False
        self._answer_requests()
        self._wait_set.release()
        for channel_id in self._table.channel_ids():
            self._table.destroy(channel_id)

    def _answer_requests(self) -> None:
        self._asked.clear()
        while self._requests:
            self._requests.popleft()()

    def _take_from(self, channel_ids: Iterable[int]) -> bool:
        """Hand over what waits on these channels, in one go; returns False where it was too much for one turn."""
        batches = [(channel_id, arrivals) for channel_id in channel_ids if (arrivals := self._take(channel_id))]
        if batches:
            self._sink.accept(batches)
        return all(len(arrivals) < _MOST_PER_TURN for _, arrivals in batches)

    def _take(self, channel_id: int) -> list[Arrival]:
        """Take what waits on one channel, if it is not too much for one turn."""
        arrivals: list[Arrival] = []
        subscription = self._table.get(channel_id)
        if subscription is None:
            return arrivals
        take, message = cast("_Take", subscription.handle.take_message), subscription.msg_type
        while len(arrivals) < _MOST_PER_TURN and (taken := take(message, True)) is not None:
            arrivals.append(arrival_from(*taken))
        return arrivals


def _never_called(_message: bytes, _info: MessageInfo) -> None:
    raise AssertionError("a data subscription was spun by an executor")
