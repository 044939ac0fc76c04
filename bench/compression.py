"""What compression saves and costs: for one stream at a time, for a whole robot, and for a bag of your own.

Usage: python bench/compression.py [--json] [--bag BAG] [--directory DIR] [--runs N]

``cpu`` is what the writing thread uses per second of recording, compression included. A chunk is closed every 250 ms
of recording, as the recorder does it. ``late`` is how late a thread that wants to run every millisecond is while
another one compresses chunk after chunk: it stands for the thread that receives. No message repeats another one.
"""

import argparse
import io
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import lz4.frame
import numpy as np
import zstandard
from PIL import Image

from humanoid_recorder.core.cdr import ENCAPSULATION
from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.sim.cdr_writer import CdrWriter
from humanoid_recorder.storage.bag_writer import BagOptions, BagTopic, BagWriter
from humanoid_recorder.storage.mcap_compression import make_codec
from humanoid_recorder.storage.mcap_source import McapSource

START_NS = 1_795_160_424_444_668_177
FLUSH_NS = 250_000_000
BATCH_NS = 20_000_000
CHUNK_BYTES = 4 * 1024 * 1024
JOINTS = 43
ENCODER_RAD = 2 * np.pi / 65536
HEIGHT, WIDTH = 480, 640
random = np.random.default_rng(7)


@dataclass(frozen=True, slots=True)
class Stream:
    name: str
    type: str
    rate_hz: int
    seconds: int
    message: Callable[[float], bytes]
    """CDR without encapsulation, by time in s."""

    def samples(self, channel_id: int, seconds: int) -> list[Sample]:
        times = [at / self.rate_hz for at in range(seconds * self.rate_hz)]
        stamps = [START_NS + round(t * 1e9) for t in times]
        return [
            Sample(channel_id, ENCAPSULATION + self.message(t), ns, ns - 90_000, None, at)
            for at, (t, ns) in enumerate(zip(times, stamps, strict=True))
        ]


def header(t: float) -> CdrWriter:
    return CdrWriter().uint32(1_795_160_424 + int(t), int(t % 1 * 1e9)).string("base_link")


def joint_state(t: float) -> bytes:
    """Smooth motion, read by 16-bit encoders; speed and torque with noise."""
    phase = np.arange(JOINTS)
    position = np.round((0.6 * np.sin(0.7 * t + phase) + random.normal(0, 1e-4, JOINTS)) / ENCODER_RAD) * ENCODER_RAD
    velocity = 0.42 * np.cos(0.7 * t + phase) + random.normal(0, 2e-3, JOINTS)
    effort = 8 * position + random.normal(0, 0.05, JOINTS)
    writer = header(t).strings(f"left_shoulder_pitch_{at:02}_joint" for at in range(JOINTS))
    for values in (position, velocity, effort):
        writer.uint32(JOINTS).float64(values.tolist())
    return writer.done()


def wrench(t: float) -> bytes:
    force = np.array([1, 2, 9.81, 0.1, 0.2, 0.3]) * np.sin(t) + random.normal(0, 0.02, 6)
    return header(t).float64(force.tolist()).done()


def picture(t: float, encoding: str, pixels: np.ndarray) -> bytes:
    height, width, channels = (*pixels.shape, 1)[:3]
    writer = header(t).uint32(height, width).string(encoding).uint8(0)
    return writer.uint32(width * channels * pixels.itemsize, pixels.nbytes).done() + pixels.tobytes()


def touch(t: float) -> bytes:
    """16 x 32 pads, of which a patch is touched."""
    pads = np.zeros((16, 32), np.float32)
    pads[4:8, 10:16] = random.normal(1200 + 100 * np.sin(t), 15, (4, 6))
    return picture(t, "32FC1", pads)


def scene(t: float) -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    colours = (120 + 60 * np.sin((x + 40 * t) / 50) + 40 * np.cos(y / 37), 100 + x / 8, 80 + y / 5)
    noisy = np.stack(colours, -1) + random.normal(0, 2, (HEIGHT, WIDTH, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def image(t: float) -> bytes:
    return picture(t, "rgb8", scene(t))


def depth(t: float) -> bytes:
    """Millimetres with the noise of a stereo camera, a tenth of them unknown."""
    x = np.mgrid[0:HEIGHT, 0:WIDTH][1]
    away = 1500 + 300 * np.sin((x + 40 * t) / 90) + random.normal(0, 1.5, (HEIGHT, WIDTH))
    away[:, : WIDTH // 10] = 0
    return picture(t, "16UC1", away.astype(np.uint16))


def jpeg(t: float) -> bytes:
    file = io.BytesIO()
    Image.fromarray(scene(t)).save(file, "JPEG", quality=85)
    data = file.getvalue()
    return header(t).string("jpeg").uint32(len(data)).done() + data


STREAMS = (
    Stream("joints", "sensor_msgs/msg/JointState", 500, 10, joint_state),
    Stream("wrench", "geometry_msgs/msg/WrenchStamped", 1000, 10, wrench),
    Stream("touch", "sensor_msgs/msg/Image", 100, 10, touch),
    Stream("image", "sensor_msgs/msg/Image", 30, 3, image),
    Stream("depth", "sensor_msgs/msg/Image", 30, 3, depth),
    Stream("jpeg", "sensor_msgs/msg/CompressedImage", 30, 3, jpeg),
)
ROBOT = ("joints", "wrench", "wrench", "touch", "touch", "jpeg", "jpeg", "jpeg")


@dataclass(frozen=True, slots=True)
class Load:
    name: str
    types: dict[int, str]
    samples: list[Sample]
    """By log time."""

    @property
    def seconds(self) -> float:
        return (self.samples[-1].log_ns - self.samples[0].log_ns) / 1e9

    def batches(self) -> Iterator[tuple[list[Sample], bool]]:
        """Yield what comes in 20 ms, and whether a chunk is old enough after it."""
        batch: list[Sample] = []
        taken_ns = flushed_ns = self.samples[0].log_ns
        for sample in self.samples:
            batch.append(sample)
            if sample.log_ns - taken_ns >= BATCH_NS:
                is_due = sample.log_ns - flushed_ns >= FLUSH_NS
                yield batch, is_due
                batch, taken_ns = [], sample.log_ns
                flushed_ns = taken_ns if is_due else flushed_ns
        yield batch, True


def make_loads() -> Iterator[Load]:
    streams = {stream.name: stream for stream in STREAMS}
    for stream in STREAMS:
        yield Load(stream.name, {1: stream.type}, stream.samples(1, stream.seconds))
    channels = {at: streams[name] for at, name in enumerate(ROBOT, start=1)}
    samples = [sample for channel_id, stream in channels.items() for sample in stream.samples(channel_id, 5)]
    samples.sort(key=lambda sample: sample.log_ns)
    yield Load("robot", {channel_id: stream.type for channel_id, stream in channels.items()}, samples)


def load_of_bag(bag: Path) -> Load:
    (path,) = bag.glob("*.mcap")
    source = McapSource(path)
    schemas = {channel_id: source.schema_of(channel) for channel_id, channel in source.channels.items()}
    samples = [
        Sample(each.channel_id, each.data, each.log_ns, each.publish_ns, None, each.sequence)
        for each in source.messages()
    ]
    samples.sort(key=lambda sample: sample.log_ns)
    return Load(bag.name, {id_: schema.name if schema else "" for id_, schema in schemas.items()}, samples)


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over the runs."""

    load: str
    compression: str
    mb_per_s: float
    """Of messages, 10^6 bytes per second of recording."""
    ratio: float
    """Size of the bag without compression by its size."""
    cpu_ms_per_s: float


def write_once(load: Load, compression: Compression, root: Path) -> tuple[int, float]:
    """Return the size of the file in bytes, and the CPU seconds of the writing thread."""
    directory = Path(tempfile.mkdtemp(dir=root))
    bag = BagWriter(directory / "bag", options=BagOptions(compression=compression), ros_distro="kilted")
    for channel_id, type_name in load.types.items():
        bag.add_topic(BagTopic(channel_id, f"/topic_{channel_id}", type_name, "", "", ()))
    batches = list(load.batches())
    started = time.thread_time()
    for batch, is_due in batches:
        bag.write(batch)
        if is_due:
            bag.flush()
    cpu_s = time.thread_time() - started
    size = bag.seal(custom_data={}).size_bytes
    shutil.rmtree(directory)
    return size, cpu_s


def measure(load: Load, root: Path, runs: int) -> list[Cost]:
    """Measure in turn, so that a busy moment of the machine hits all."""
    rows: dict[Compression, list[tuple[int, float]]] = {compression: [] for compression in Compression}
    for _ in range(runs):
        for compression, row in rows.items():
            row.append(write_once(load, compression, root))
    sizes = {compression: row[0][0] for compression, row in rows.items()}
    payload_bytes = sum(len(sample.data) for sample in load.samples)
    return [
        Cost(
            load=load.name,
            compression=compression.value,
            mb_per_s=payload_bytes / load.seconds / 1e6,
            ratio=sizes[Compression.NONE] / sizes[compression],
            cpu_ms_per_s=statistics.median(cpu_s for _, cpu_s in row) / load.seconds * 1e3,
        )
        for compression, row in rows.items()
    ]


@dataclass(frozen=True, slots=True)
class Level:
    load: str
    codec: str
    ratio: float
    mb_per_s: float
    """Of CPU time, median."""


def measure_levels(load: Load, runs: int) -> list[Level]:
    """Compress 4 MiB of messages, or what there is."""
    data = b"".join(sample.data for sample in load.samples)[:CHUNK_BYTES]
    codecs: dict[str, Callable[[bytes], bytes]] = {}
    for kib, size in ((64, lz4.frame.BLOCKSIZE_MAX64KB), (4096, lz4.frame.BLOCKSIZE_MAX4MB)):
        for linked in (False, True):
            name = f"lz4 {kib} KiB{' linked' if linked else ''}"
            codecs[name] = lambda data, size=size, linked=linked: lz4.frame.compress(
                data, block_size=size, block_linked=linked
            )
    codecs |= {f"zstd {level}": zstandard.ZstdCompressor(level=level).compress for level in (-1, 1, 3)}
    levels = []
    for name, compress in codecs.items():
        took_s = []
        for _ in range(max(runs, 3)):
            started = time.thread_time()
            size = len(compress(data))
            took_s.append(time.thread_time() - started)
        levels.append(Level(load.name, name, len(data) / size, len(data) / statistics.median(took_s) / 1e6))
    return levels


@dataclass(frozen=True, slots=True)
class Lateness:
    """Of a thread that sleeps a millisecond again and again; medians over the runs, ms."""

    beside: str
    median_ms: float
    p99_ms: float
    max_ms: float


def measure_lateness(data: bytes, runs: int) -> list[Lateness]:
    def compute() -> None:
        """Python alone, which gives way every 5 ms: compression that held the lock would be no better."""
        until = time.perf_counter() + 0.01
        while time.perf_counter() < until:
            pass

    work: dict[str, Callable[[], object]] = {"nothing": lambda: time.sleep(0.01), "Python": compute}
    for compression in (Compression.LZ4, Compression.ZSTD):
        codec = make_codec(compression)
        assert codec is not None
        work[compression.value] = lambda codec=codec: codec.compress(data)
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in work}
    for _ in range(runs):
        for name, act in work.items():
            rows[name].append(lateness_ms(act, seconds=1.0))
    return [Lateness(name, *map(statistics.median, zip(*row, strict=True))) for name, row in rows.items()]


def lateness_ms(act: Callable[[], object], seconds: float) -> tuple[float, float, float]:
    """Return median, 99th percentile and maximum."""
    late_ms: list[float] = []
    is_over = threading.Event()

    def wake_up_again_and_again() -> None:
        while not is_over.is_set():
            started = time.perf_counter()
            time.sleep(0.001)
            late_ms.append((time.perf_counter() - started) * 1e3 - 1)

    thread = threading.Thread(target=wake_up_again_and_again)
    thread.start()
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        act()
    is_over.set()
    thread.join()
    late_ms.sort()
    return statistics.median(late_ms), late_ms[int(len(late_ms) * 0.99)], late_ms[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bag", type=Path, help="directory of a bag; only it is measured")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    loads = [load_of_bag(options.bag)] if options.bag else list(make_loads())
    costs = [cost for load in loads for cost in measure(load, options.directory, options.runs)]
    levels = [level for load in loads for level in measure_levels(load, options.runs)]
    slowest = max(costs, key=lambda cost: cost.cpu_ms_per_s).load
    data = b"".join(sample.data for load in loads if load.name == slowest for sample in load.samples)[:CHUNK_BYTES]
    lateness = measure_lateness(data, options.runs)
    if options.json:
        results = {"costs": costs, "levels": levels, "lateness": lateness}
        print(json.dumps({name: [asdict(row) for row in rows] for name, rows in results.items()}, indent=2))
        return
    print("load        MB/s  compression  ratio  cpu ms/s")
    for cost in costs:
        row = f"{cost.load[:10]:10} {cost.mb_per_s:5.1f}  {cost.compression:11}  {cost.ratio:5.2f}"
        print(f"{row}  {cost.cpu_ms_per_s:8.2f}")
    print("\nload       codec                ratio   MB/s of CPU time")
    for level in levels:
        print(f"{level.load[:10]:10} {level.codec:19} {level.ratio:6.2f} {level.mb_per_s:6.0f}")
    print("\nbeside     late ms: median  p99    max")
    for late in lateness:
        print(f"{late.beside:10} {late.median_ms:15.2f}  {late.p99_ms:5.2f}  {late.max_ms:5.2f}")


if __name__ == "__main__":
    main()
