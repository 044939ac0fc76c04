"""``python -m humanoid_recorder.ros.self_test``: whether ROS 2 works here, asked in a process of its own.

A broken middleware hangs or crashes, and then only this process does. It prints one JSON object per line as soon as
each part is known: ``{"ros": {...}}``, ``{"round_trip": {...}}``, ``{"graph": {...}}``, each with the fields of the
class of that part below. Messages go to a second process and come back, because within one process Fast DDS would
hand them over without any transport.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import get_rmw_implementation_identifier
from std_msgs.msg import String

from humanoid_recorder.core.cdr import encode_string_message
from humanoid_recorder.core.samples import Arrival
from humanoid_recorder.ros.ingest import MessageInfo, arrival_from
from humanoid_recorder.ros.qos import LATCHED

NEEDED_PACKAGES = (
    "std_msgs", "std_srvs", "sensor_msgs", "geometry_msgs", "diagnostic_msgs", "trajectory_msgs", "lifecycle_msgs",
)  # fmt: skip
OPTIONAL_PACKAGES = ("tf2_msgs",)
_RAW_IMAGE = "sensor_msgs/msg/Image"
_PINGS = 20
_PING_PERIOD_S = 0.02
_DISCOVERY_S = 6.0
_LAST_PONG_S = 1.0
_TWIN_S = 4.0
"""A living recorder publishes its state twice a second, and keeps the last one for those who come later. Fast DDS
announces itself every 3 s, should its first announcements have gone lost."""


@dataclass(frozen=True, slots=True)
class RosPart:
    """What is installed."""

    rclpy_version: str
    """Empty when it is not known."""
    rmw: str
    missing: tuple[str, ...]
    """Message packages that this package needs."""
    missing_optional: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoundTripPart:
    """What came back of the messages sent to another process and back."""

    sent: int
    """0 when the other process was not discovered."""
    received: int
    median_ms: float | None
    """Of the round trip: twice through DDS; None when nothing came back."""
    max_ms: float | None
    sequence_numbers: bool
    """Whether the middleware delivers the sender's sequence numbers."""
    publisher_ids: bool
    """Whether it tells which publisher sent a message."""


@dataclass(frozen=True, slots=True)
class GraphPart:
    """What is on the network."""

    twin: bool
    """Whether a living recorder has the name that ours would have."""
    nodes: int
    """Others than ours."""
    raw_image_topics: tuple[str, ...]


def look_at_installation() -> RosPart:
    """Find out what is installed."""

    def missing(packages: Sequence[str]) -> tuple[str, ...]:
        return tuple(package for package in packages if importlib.util.find_spec(package) is None)

    try:
        rclpy_version = version("rclpy")
    except PackageNotFoundError:
        rclpy_version = ""
    return RosPart(
        rclpy_version, get_rmw_implementation_identifier(), missing(NEEDED_PACKAGES), missing(OPTIONAL_PACKAGES)
    )


def measure_round_trip() -> RoundTripPart:
    """Send messages to a second process and wait until they are back."""
    prefix = f"/_self_test_{os.getpid()}"
    with _echo_process(prefix), _private_node("_self_test") as node:
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        arrivals: list[Arrival] = []
        took_ms: list[float] = []

        connected = threading.Event()

        def on_pong(data: bytes, info: MessageInfo) -> None:
            sent_ns = int(data[8:].rstrip(b"\0"))
            connected.set()
            if sent_ns:
                took_ms.append((time.monotonic_ns() - sent_ns) / 1e6)
                arrivals.append(arrival_from(data, info))

        pings = node.create_publisher(String, f"{prefix}/ping", 100)
        node.create_subscription(String, f"{prefix}/pong", on_pong, 100, raw=True)  # type: ignore[arg-type]
        deadline_s = time.monotonic() + _DISCOVERY_S
        while not connected.is_set() and time.monotonic() < deadline_s:
            pings.publish(encode_string_message("0"))  # not counted: it goes lost until both directions are matched
            executor.spin_once(timeout_sec=0.05)
        if connected.is_set():
            _send_pings(executor, pings, took_ms)
        executor.shutdown()
    return RoundTripPart(
        sent=_PINGS if connected.is_set() else 0,
        received=len(took_ms),
        median_ms=statistics.median(took_ms) if took_ms else None,
        max_ms=max(took_ms, default=None),
        sequence_numbers=bool(arrivals) and all(arrival.sequence is not None for arrival in arrivals),
        publisher_ids=bool(arrivals) and all(arrival.publisher is not None for arrival in arrivals),
    )


def look_at_graph(namespace: str) -> GraphPart:
    """Listen for a living recorder in our place, and look at what the robot publishes."""
    heard = threading.Event()
    with _private_node("_self_test", namespace) as node:
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        node.create_subscription(String, "recorder/state", lambda _state: heard.set(), LATCHED)
        deadline_s = time.monotonic() + _TWIN_S
        while not heard.is_set() and time.monotonic() < deadline_s:
            executor.spin_once(timeout_sec=0.05)
        executor.shutdown()
        topics = node.get_topic_names_and_types()
        return GraphPart(
            twin=heard.is_set(),
            nodes=len(node.get_node_names()) - 1,
            raw_image_topics=tuple(sorted(name for name, types in topics if _RAW_IMAGE in types)),
        )


def echo(prefix: str) -> None:
    """Send every ping back, until standard input is closed."""
    with _private_node("_self_test_echo") as node:
        pongs = node.create_publisher(String, f"{prefix}/pong", 100)
        node.create_subscription(String, f"{prefix}/ping", pongs.publish, 100, raw=True)
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        over = threading.Event()

        def wait_for_the_end() -> None:
            sys.stdin.read()
            over.set()

        threading.Thread(target=wait_for_the_end, daemon=True).start()
        while not over.is_set():
            executor.spin_once(timeout_sec=0.1)
        executor.shutdown()


def _send_pings(executor: SingleThreadedExecutor, pings: "Publisher[String]", back: list[float]) -> None:
    for _ in range(_PINGS):
        pings.publish(encode_string_message(str(time.monotonic_ns())))
        next_s = time.monotonic() + _PING_PERIOD_S
        while (left_s := next_s - time.monotonic()) > 0:
            executor.spin_once(timeout_sec=left_s)
    deadline_s = time.monotonic() + _LAST_PONG_S
    while len(back) < _PINGS and time.monotonic() < deadline_s:
        executor.spin_once(timeout_sec=0.05)


@contextmanager
def _echo_process(prefix: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", __spec__.name, "--echo", prefix], stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.communicate()


@contextmanager
def _private_node(name: str, namespace: str = "/") -> Iterator[Node]:
    """Make a node in a context of its own that takes nothing from the command line."""
    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node(
        name,
        namespace=namespace,
        context=context,
        enable_rosout=False,
        start_parameter_services=False,
        use_global_arguments=False,
    )
    try:
        yield node
    finally:
        node.destroy_node()
        context.try_shutdown()


def _tell(part: str, found: RosPart | RoundTripPart | GraphPart) -> None:
    sys.stdout.write(json.dumps({part: asdict(found)}) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run all parts, or be the echo of another process."""
    parser = argparse.ArgumentParser(description="Tell whether ROS 2 works here, as JSON lines.")
    parser.add_argument("--namespace", default="/")
    parser.add_argument("--echo", metavar="PREFIX")
    options = parser.parse_args()
    if options.echo:
        echo(options.echo)
        return
    _tell("ros", look_at_installation())
    _tell("round_trip", measure_round_trip())
    _tell("graph", look_at_graph(options.namespace))


if __name__ == "__main__":
    main()
