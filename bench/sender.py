"""One sending process of a workload: ``python -m bench.sender WORKLOAD.yaml SCALE PROCESS RESULT.npz``.

Prints ``ready`` when its publishers exist, sends until its standard input is closed, and then prints one line of JSON.
The result holds for every topic when each of its messages was handed to the middleware, in ns since the epoch: message
number n is element n - 1.
"""

import gc
import json
import os
import sys
import threading
import time
from array import array
from pathlib import Path

import numpy as np
import rclpy
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from bench.payload import Template
from bench.workload import DEPTH, Stream, load_workload
from humanoid_recorder.ros.message_types import message_class

TICK_NS = 2_000_000
"""Messages due within one tick are sent together; a stream of 1 kHz sends two of them."""
_NS_PER_S = 1_000_000_000


class Line:
    """Sends one stream on absolute deadlines."""

    def __init__(self, node: Node, stream: Stream, *, start_ns: int, phase: float) -> None:
        qos = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.RELIABLE)
        self._publisher = node.create_publisher(message_class(stream.type), stream.topic, qos)
        self._template = Template(stream.type, stream.bytes)
        self._period_ns = _NS_PER_S / stream.rate_hz
        self._start_ns = start_ns + int(phase * self._period_ns)
        self.sent_ns = array("q")
        self.most_late_ns = 0
        self.refused = 0

    def send_due(self, now_ns: int) -> None:
        """Send what is due, by the monotonic clock; after a stall that is more than usual, and never less than due."""
        due = int((now_ns - self._start_ns) / self._period_ns)
        number = len(self.sent_ns)
        if number < due:
            self.most_late_ns = max(self.most_late_ns, now_ns - self._start_ns - int((number + 1) * self._period_ns))
        while number < due:
            number += 1
            sent_ns = time.time_ns()
            try:
                self._publisher.publish(self._template.message(number, sent_ns))
            except rclpy_implementation.RCLError:  # no room for 100 ms, since a reader stands still: it is tried again
                self.refused += 1
                return
            self.sent_ns.append(sent_ns)


def send(lines: list[Line], stop: threading.Event, *, start_ns: int) -> None:
    """Send until told to stop."""
    deadline_ns = start_ns
    while not stop.is_set():
        now_ns = time.monotonic_ns()
        for line in lines:
            line.send_due(now_ns)
        deadline_ns = max(deadline_ns + TICK_NS, time.monotonic_ns() // TICK_NS * TICK_NS)
        time.sleep(max(0, deadline_ns - time.monotonic_ns()) / _NS_PER_S)


def main() -> None:
    path, scale, process, result = sys.argv[1:]
    streams = load_workload(Path(path), scale=int(scale)).by_process()[process]
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(
        f"sender_{process}_{os.getpid()}",
        enable_rosout=False,
        start_parameter_services=False,
        use_global_arguments=False,
    )
    start_ns = time.monotonic_ns() + 200_000_000
    lines = [Line(node, stream, start_ns=start_ns, phase=index / len(streams)) for index, stream in enumerate(streams)]
    stop = threading.Event()

    def await_end_of_input() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=await_end_of_input, daemon=True).start()
    print("ready", flush=True)
    gc.freeze()
    gc.disable()
    began_s, cpu_s = time.monotonic(), time.process_time()
    send(lines, stop, start_ns=start_ns)
    took_s = time.monotonic() - began_s
    cpu_s = time.process_time() - cpu_s
    np.savez(result, **{str(index): np.frombuffer(line.sent_ns, np.int64) for index, line in enumerate(lines)})
    print(
        json.dumps(
            {
                "topics": [stream.topic for stream in streams],
                "sent": {stream.topic: len(line.sent_ns) for stream, line in zip(streams, lines, strict=True)},
                "refused": sum(line.refused for line in lines),
                "most_late_ms": max(line.most_late_ns for line in lines) / 1e6,
                "cpu_share": cpu_s / took_s,
            }
        ),
        flush=True,
    )
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main()
