"""The portable ingest: the same protocol on rclpy's public executor API, for when the wait set changes under us.

It costs several times as much per message as the wait set, and delivers exactly the same.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future as Answer
from concurrent.futures import wait

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future

from humanoid_recorder.core.graph import Link
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

_LOOK_AGAIN_S = 0.05
_EMPTY_TURNS = 3
"""An executor does its tasks before it takes messages: the first turn may end before what was ready has been taken."""
_SURELY_DELIVERED_NS = 2_000_000_000
"""The public API cannot ask whether anything waits; nothing has been seen to wait for so long."""


class ExecutorIngest:
    """Implements ``Ingest`` with an executor that spins nothing but the data subscriptions.

    Args:
        node: Owns the subscriptions; it must not be given to another executor.
        sink: Gets the messages.
    """

    def __init__(self, node: Node, sink: ArrivalSink) -> None:
        self._sink = sink
        self._delivered = 0
        self._table = SubscriptionTable(node, sink)
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        node.create_timer(POLL_EVENTS_S, self._look_around, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._stopped: Future[None] = Future(executor=self._executor)
        self._thread = threading.Thread(target=self._run, name="ingest")

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Deliver what is already there, destroy the subscriptions and end the thread."""
        if self._stopped.done():
            return
        self._stopped.set_result(None)
        self._executor.wake()
        if self._thread.is_alive():
            self._thread.join()
        before = -1
        while before != self._delivered:
            before = self._delivered
            self._executor.spin_once(timeout_sec=0.0)
        for channel_id in self._table.channel_ids():
            self._table.destroy(channel_id)
        self._executor.shutdown()

    def flush(self) -> None:
        """Deliver what the middleware has received so far, and return when that is done.

        The public API cannot ask whether anything waits, so turns of the executor are counted until some in a row have
        delivered nothing.
        """
        if self._stopped.done():
            raise NOT_RUNNING
        looked_ns = time.monotonic_ns()
        give_up_s = time.monotonic() + FLUSH_S
        empty_turns = 0
        while empty_turns < _EMPTY_TURNS:
            delivered, turn = self._delivered, threading.Event()
            self._executor.create_task(turn.set)
            if not turn.wait(timeout=max(0.0, give_up_s - time.monotonic())):
                break
            empty_turns = empty_turns + 1 if delivered == self._delivered else 0
        else:
            self._sink.drained(looked_ns)
        self._on_ingest_thread(self._table.read_events)

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscription; one on the same channel is replaced."""
        channel_id = subscription.channel_id

        def deliver(data: bytes, info: MessageInfo) -> None:
            self._delivered += 1
            self._sink.accept(((channel_id, (arrival_from(data, info),)),))

        self._on_ingest_thread(lambda: self._table.create(subscription, deliver))

    def unsubscribe(self, channel_id: int) -> None:
        """Destroy the subscription of a channel; what waits is delivered as far as ``flush`` can tell."""
        self.flush()
        self._on_ingest_thread(lambda: self._table.destroy(channel_id))

    def links(self) -> Mapping[int, Link]:
        """Tell how each channel was connected when its events were read last."""
        return self._table.links

    def _on_ingest_thread(self, action: Callable[[], None]) -> None:
        """Have the executor do it between two callbacks: nothing is delivered of a channel after its end."""
        if self._stopped.done():  # a stopped executor takes no tasks
            raise NOT_RUNNING
        answer: Answer[None] = Answer()

        def request() -> None:
            try:
                action()
            except BaseException as error:
                answer.set_exception(error)
            else:
                answer.set_result(None)

        self._executor.create_task(request)
        while not wait([answer], timeout=_LOOK_AGAIN_S).done:
            if not self._thread.is_alive():
                raise NOT_RUNNING
        answer.result()

    def _look_around(self) -> None:
        self._table.read_events()
        self._sink.drained(time.monotonic_ns() - _SURELY_DELIVERED_NS)

    def _run(self) -> None:
        try:
            self._executor.spin_until_future_complete(self._stopped)
        except Exception as error:  # whatever it is, a recorder that silently takes nothing would be worse
            self._sink.ingest_failed(error)
