"""What it costs to write messages to disk: ours against ``mcap.writer``, without compression.

Usage: python bench/storage.py [--json] [--directory DIR] [--runs N]

``cpu us/msg`` is what the writing thread computes and copies; ``wall us/msg`` also has the syncs, which
``mcap.writer`` never makes, so the fair comparison is the column before. ``finish`` writes the summary, and in our
case makes everything durable.
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mcap.writer import CompressionType, Writer

from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter

SIZES_BYTES = {"84 B": 84, "1.4 kB": 1_400, "130 kB": 130_000, "900 kB": 900_000}
RUN_BYTES = 200_000_000
MAX_MESSAGES = 200_000
BATCH_MESSAGES = 64
CHANNELS = 20
TYPE, DEFINITION = "std_msgs/msg/String", "string data"
START_NS = 1_795_160_424_444_668_177


@dataclass(frozen=True, slots=True)
class Result:
    """Medians over the runs."""

    writer: str
    size: str
    messages_per_s: float
    mb_per_s: float
    cpu_us_per_message: float
    wall_us_per_message: float
    finish_ms: float


def make_batches(size_bytes: int) -> list[list[Sample]]:
    count = min(MAX_MESSAGES, RUN_BYTES // size_bytes)
    payloads = [os.urandom(size_bytes) for _ in range(16)]
    samples = [
        Sample(1 + i % CHANNELS, payloads[i % 16], START_NS + i * 25_000, START_NS + i * 25_000 - 90_000, None, i)
        for i in range(count)
    ]
    return [samples[at : at + BATCH_MESSAGES] for at in range(0, count, BATCH_MESSAGES)]


class Ours:
    """The bag writer, as the recorder uses it."""

    def __init__(self, directory: Path) -> None:
        self._bag = BagWriter(directory / "bag", ros_distro="kilted")
        for channel_id in range(1, CHANNELS + 1):
            self._bag.add_topic(BagTopic(channel_id, f"/topic_{channel_id}", TYPE, DEFINITION, "", (QosOffer(),)))

    def write(self, batches: list[list[Sample]]) -> None:
        for batch in batches:
            self._bag.write(batch)
            self._bag.close_chunk_if_due(time.monotonic_ns())

    def finish(self) -> None:
        self._bag.seal(custom_data={})


class Theirs:
    """``mcap.writer.Writer`` on a buffered file."""

    def __init__(self, directory: Path) -> None:
        self._file = (directory / "bag.mcap").open("wb")
        self._writer = Writer(self._file, compression=CompressionType.NONE)
        self._writer.start(profile="ros2")
        schema = self._writer.register_schema(TYPE, "ros2msg", DEFINITION.encode())
        for channel_id in range(1, CHANNELS + 1):
            self._writer.register_channel(f"/topic_{channel_id}", "cdr", schema)

    def write(self, batches: list[list[Sample]]) -> None:
        add_message = self._writer.add_message
        for batch in batches:
            for channel_id, data, log_ns, publish_ns, _, sequence in batch:
                add_message(channel_id, log_ns, data, publish_ns, sequence)

    def finish(self) -> None:
        self._writer.finish()  # type: ignore[no-untyped-call]
        self._file.close()


WRITERS: dict[str, Callable[[Path], Ours | Theirs]] = {"ours": Ours, "mcap.writer": Theirs}


def run_once(name: str, batches: list[list[Sample]], root: Path) -> tuple[float, float, float]:
    """Return CPU seconds and wall seconds of writing, and wall seconds of finishing."""
    directory = Path(tempfile.mkdtemp(dir=root))
    writer = WRITERS[name](directory)
    wall_started, cpu_started = time.perf_counter(), time.thread_time()
    writer.write(batches)
    cpu_s, written = time.thread_time() - cpu_started, time.perf_counter()
    writer.finish()
    finished = time.perf_counter()
    shutil.rmtree(directory)
    return cpu_s, written - wall_started, finished - written


def measure(size: str, root: Path, runs: int) -> list[Result]:
    """Measure both writers in turn, so that a busy moment of the machine hits both."""
    batches = make_batches(SIZES_BYTES[size])
    count = sum(map(len, batches))
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in WRITERS}
    for _ in range(runs):
        for name in WRITERS:
            figures[name].append(run_once(name, batches, root))
    results = []
    for name, rows in figures.items():
        cpu_s, wall_s, finish_s = (statistics.median(column) for column in zip(*rows, strict=True))
        results.append(
            Result(
                writer=name,
                size=size,
                messages_per_s=count / wall_s,
                mb_per_s=count * SIZES_BYTES[size] / wall_s / 1e6,
                cpu_us_per_message=cpu_s / count * 1e6,
                wall_us_per_message=wall_s / count * 1e6,
                finish_ms=finish_s * 1e3,
            )
        )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    results = [result for size in SIZES_BYTES for result in measure(size, options.directory, options.runs)]
    if options.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
        return
    print("size    writer        messages/s   MB/s  cpu us/msg  wall us/msg  finish ms")
    for r in results:
        print(
            f"{r.size:7} {r.writer:12} {r.messages_per_s:11,.0f} {r.mb_per_s:6,.0f} "
            f"{r.cpu_us_per_message:11.2f} {r.wall_us_per_message:12.2f} {r.finish_ms:10.1f}"
        )


if __name__ == "__main__":
    main()
