"""How exactly the player keeps time: ``python -m bench.play [--seconds S] [--display] [--json]``.

Writes a bag of wrenches at 1 kHz, joint states at 500 Hz and pictures at 30 Hz, plays it with the real command, and
takes the messages in this process. Three times are compared for each message: when it was due (as recorded, from the
first on), when the player says it went out, and the DDS source time that the subscriber sees. Beside it the same
thread that sleeps until each deadline without publishing anything shows what this computer can do at all.
"""

import argparse
import json
import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions

from bench.payload import Template
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.ros.message_types import message_class, message_type
from humanoid_recorder.storage.bag_writer import BagOptions, BagTopic, BagWriter

START_NS = 1_795_160_424_444_668_177
STREAMS = (
    ("/wrench", "geometry_msgs/msg/WrenchStamped", 1000, 84),
    ("/joint_states", "sensor_msgs/msg/JointState", 500, 1500),
    ("/head", "sensor_msgs/msg/CompressedImage", 30, 60_000),
)


def write_bag(path: Path, seconds: float) -> int:
    """Write the bag and return how many messages it has."""
    bag = BagWriter(path, options=BagOptions(), ros_distro="bench")
    templates, times = [], []
    for number, (topic, type_name, rate_hz, size) in enumerate(STREAMS):
        known = message_type(type_name)
        bag.add_topic(BagTopic(number + 1, topic, type_name, known.definition, known.type_hash, (QosOffer(),)))
        templates.append(Template(type_name, size))
        times += [(START_NS + at * 1_000_000_000 // rate_hz, number, at + 1) for at in range(int(seconds * rate_hz))]
    times.sort()
    for time_ns, number, count in times:
        data = bytes(templates[number].message(count, time_ns))
        bag.write([Sample(number + 1, data, time_ns, time_ns, time_ns, count)])
    bag.seal(custom_data={})
    return len(times)


def sleeping(seconds: float) -> list[int]:
    """Return by how much each of 1000 deadlines a second is missed by a thread that does nothing else."""
    errors, start_ns = [], time.monotonic_ns()
    for number in range(int(seconds * 1000)):
        due_ns = start_ns + number * 1_000_000
        if (wait_ns := due_ns - time.monotonic_ns()) > 0:
            time.sleep(wait_ns / 1e9)
        errors.append(time.monotonic_ns() - due_ns)
    return errors


def figures(errors_ns: Any) -> dict[str, float]:
    """Return percentiles in microseconds."""
    values = np.percentile(np.asarray(errors_ns) / 1000, [50, 90, 99, 99.9, 100])
    return dict(zip(("p50", "p90", "p99", "p99.9", "max"), (round(float(v), 1) for v in values), strict=True))


def play(bag: Path, *, display: bool) -> tuple[str, dict[str, list[int]]]:
    """Play with the real command; return what it printed, and the source times of what arrived."""
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("bench_listener")
    sources: dict[str, list[int]] = {topic: [] for topic, *_ in STREAMS}

    def listen(topic: str, type_name: str) -> None:
        def take(_message: bytes, info: Any) -> None:
            sources[topic].append(info["source_timestamp"])

        node.create_subscription(message_class(type_name), topic, take, QoSProfile(depth=5000), raw=True)

    for topic, type_name, *_ in STREAMS:
        listen(topic, type_name)
    done = threading.Event()
    printed: list[str] = []

    def run() -> None:
        command = [sys.executable, "-m", "humanoid_recorder.cli.main", "play", str(bag), "--wait-for-subscribers"]
        if display:
            printed.append(_at_a_terminal(command))
        else:
            printed.append(subprocess.run([*command, "--json"], capture_output=True, text=True, check=True).stdout)
        done.set()

    thread = threading.Thread(target=run)
    thread.start()
    while not done.is_set():
        rclpy.spin_once(node, timeout_sec=0.1)
    thread.join()
    node.destroy_node()
    rclpy.shutdown()
    return printed[0], sources


def _at_a_terminal(command: list[str]) -> str:
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "xterm-256color"}
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            data = os.read(main, 65536)
        except OSError:
            break
        shown += data
    process.wait()
    os.close(main)
    return shown.decode(errors="replace").strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--display", action="store_true", help="play at a pseudo-terminal with the progress bar")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        written = write_bag(Path(folder) / "bag", options.seconds)
        bare = figures(sleeping(min(5.0, options.seconds)))
        printed, sources = play(Path(folder) / "bag", display=options.display)
    wrench = np.array(sources["/wrench"])
    planned = np.arange(len(wrench)) * 1_000_000
    report = {
        "messages": written,
        "received": sum(map(len, sources.values())),
        "sleep alone, us late": bare,
        "player, as it says": printed if options.display else json.loads(printed)["timing"],
        "1 kHz by source time, us from its line": figures(np.abs(wrench - wrench[0] - planned)),
        "1 kHz spacing, us": figures(np.diff(wrench)),
    }
    if options.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
