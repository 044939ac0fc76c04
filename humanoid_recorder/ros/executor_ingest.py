"""The portable ingest: the same protocol on rclpy's public executor API, for when the wait set changes under us.

It costs several times as much per message as the wait set, and delivers exactly the same.
"""

import threading
import time

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future

from humanoid_recorder.ros.ingest import (
    NOT_RUNNING,
    ArrivalSink,
    MessageInfo,
    Subscription,
    SubscriptionTable,
    arrival_from,
)


class ExecutorIngest:
    """Implements ``Ingest`` with an executor that spins nothing but the data subscriptions.

    Args:
        node: Owns the subscriptions; it must not be given to another executor.
        sink: Gets the messages.
    """

    def __init__(self, node: Node, sink: ArrivalSink) -> None:
        self._sink = sink
        self._delivered = 0
        self._table = SubscriptionTable(node)
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
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

        The public API cannot ask whether anything waits, so turns of the executor are counted until one of them
        delivered nothing, for 50 ms at most: under load something always waits.
        """
        give_up_s = time.monotonic() + 0.05
        delivered = -1
        while delivered != self._delivered and time.monotonic() < give_up_s:
            delivered = self._delivered
            turn = threading.Event()
            self._executor.create_task(turn.set)
            turn.wait(timeout=0.05)

    def subscribe(self, subscription: Subscription) -> None:
        """Add a subscription; one on the same channel is replaced."""
        if self._stopped.done():
            raise NOT_RUNNING
        channel_id = subscription.channel_id

        def deliver(data: bytes, info: MessageInfo) -> None:
            self._delivered += 1
            self._sink.accept(channel_id, (arrival_from(data, info),))

        self._table.create(subscription, deliver)

    def _run(self) -> None:
        try:
            self._executor.spin_until_future_complete(self._stopped)
        except Exception as error:  # whatever it is, a recorder that silently takes nothing would be worse
            self._sink.ingest_failed(error)
