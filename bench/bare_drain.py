"""The least a Python recorder could do, to compare with: ``python -m bench.bare_drain WORKLOAD.yaml SCALE [FILE]``.

A wait set over all topics, everything that waits is taken, then a pause of 3 ms, and the messages are thrown away.
With a file their bytes go there, gathered into pieces of 4 MiB by ``writev``: no ledger, no stamps, no index, no
checksum, no sync. Prints ``ready`` when every topic has brought a message; ``go`` and ``stop`` on the standard input
begin and end what is counted.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import rclpy
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from bench.workload import load_workload
from humanoid_recorder.ros.message_types import message_class

PAUSE_S = 0.003
PIECE_BYTES = 4 * 1024 * 1024
_WAIT_NS = 100_000_000
_MOST_BUFFERS = 1024


class GatheredWrite:
    """Appends bytes to a file, many messages at a time."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self._waiting: list[bytes] = []
        self._size = 0

    def add(self, messages: Sequence[bytes], size: int) -> None:
        self._waiting += messages
        self._size += size
        if self._size >= PIECE_BYTES:
            self.flush()

    def flush(self) -> None:
        waiting = self._waiting
        for begin in range(0, len(waiting), _MOST_BUFFERS):
            buffers = waiting[begin : begin + _MOST_BUFFERS]
            size, written = sum(map(len, buffers)), os.writev(self._fd, buffers)
            if written < size:
                rest = memoryview(b"".join(buffers))[written:]
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
        self._waiting, self._size = [], 0


class Drain:
    """Takes everything from every topic."""

    def __init__(self, subscriptions: list[Any], context: Any, output: GatheredWrite | None) -> None:
        self._subscriptions = subscriptions
        self._context = context.handle
        self._output = output
        self.silent = set(range(len(subscriptions)))
        self.messages = self.bytes = 0
        self.first: dict[int, int] = {}
        self.last: dict[int, int] = {}

    def turn(self) -> None:
        """Wait once, and take what has come."""
        for index in self._wait():
            self._take(index)
        time.sleep(PAUSE_S)

    def reset(self) -> None:
        self.messages = self.bytes = 0
        self.first.clear()
        self.last.clear()

    def lost(self) -> int:
        """Return the gaps in the sequence numbers since the reset."""
        return sum(self.last[index] - self.first[index] + 1 for index in self.first) - self.messages

    def _wait(self) -> list[int]:
        wait_set = rclpy_implementation.WaitSet(len(self._subscriptions), 0, 0, 0, 0, 0, self._context)
        with ExitStack() as held:
            wait_set.clear_entities()
            for subscription in self._subscriptions:
                held.enter_context(subscription.handle)
                wait_set.add_subscription(subscription.handle)
            wait_set.wait(_WAIT_NS)
            return [index for index in range(len(self._subscriptions)) if wait_set.is_ready("subscription", index)]

    def _take(self, index: int) -> None:
        subscription = self._subscriptions[index]
        take, message_type = subscription.handle.take_message, subscription.msg_type
        messages = []
        info: dict[str, Any] = {}
        while (taken := take(message_type, True)) is not None:
            data, info = taken
            if not messages:
                self.first.setdefault(index, info["publication_sequence_number"])
            messages.append(data)
        if not messages:
            return
        self.last[index] = info["publication_sequence_number"]
        self.silent.discard(index)
        size = sum(map(len, messages))
        self.messages += len(messages)
        self.bytes += size
        if self._output is not None:
            self._output.add(messages, size)


def main() -> None:
    path, scale, *file = sys.argv[1:]
    workload = load_workload(Path(path), scale=int(scale))
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(f"drain_{os.getpid()}", enable_rosout=False, start_parameter_services=False)
    subscriptions = [
        node.create_subscription(
            message_class(stream.type),
            stream.topic,
            lambda _message: None,
            QoSProfile(depth=max(100, round(stream.rate_hz)), reliability=ReliabilityPolicy.RELIABLE),
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
        )
        for stream in workload.streams
    ]
    drain = Drain(subscriptions, node.context, GatheredWrite(Path(file[0])) if file else None)
    while drain.silent:
        drain.turn()
    print("ready", flush=True)
    for line in ("go", "stop"):
        heard = threading.Event()

        def listen(expected: str = line, heard: threading.Event = heard) -> None:
            assert sys.stdin.readline().strip() == expected
            heard.set()

        threading.Thread(target=listen, daemon=True).start()
        while not heard.is_set():
            drain.turn()
        if line == "go":
            drain.reset()
    print(json.dumps({"messages": drain.messages, "bytes": drain.bytes, "lost": drain.lost()}), flush=True)
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
