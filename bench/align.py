"""What alignment costs: offline over an hour of a workload, live, and in plain Python for comparison.

    python -m bench.align                 # an hour of full, about half a minute and 0.9 GB of memory
    python -m bench.align --check         # exit 1 if a target is missed

Times are those of the workload's streams at their rates, each with a phase of its own. A message arrives 1 to 8 ms
later, and joint states come in bursts of 36 ms, as seen on a robot. No messages are made: alignment looks at times
only; how fast times are read out of a bag is measured apart, on a bag that is written first.
"""

import argparse
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from bench.approximate_time import Arrival, at_every_message, at_the_clock
from bench.workload import WORKLOADS, Workload, load_workload, write_profile
from humanoid_recorder.core.alignment.frame_message import FrameEncoder
from humanoid_recorder.core.alignment.frames import Frame, FrameTable
from humanoid_recorder.core.alignment.live import LiveAligner
from humanoid_recorder.core.alignment.offline import StreamTimes, align
from humanoid_recorder.core.alignment.quality import judge
from humanoid_recorder.core.alignment.rules import Alignment, ReferenceClock
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.spec.alignment_plan import AlignedStream, AlignmentPlan, plan_alignment
from humanoid_recorder.spec.profile import RobotProfile
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.bag_times import ReaderOf, read_times
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter

START_NS = 1_795_160_424_000_000_000
SECOND, MS = 1_000_000_000, 1_000_000
BURST_NS = 36 * MS
TOLERANCE_MS = 40
TURN_NS = 20 * MS
"""The recorder's writer takes what has come every 20 ms."""
OFFLINE_TARGET_S, LIVE_TARGET = 60.0, 0.03

Turn = tuple[int, list[tuple[int, list[int], list[int]]]]
"""Until when, by log time, and of each stream its index, times and log times."""


def plan_of(workload: Workload) -> AlignmentPlan:
    """Plan a workload by a profile as a site would have one: defaults by kind, the first camera makes the ticks."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profile.yaml"
        write_profile(workload, path)
        profile = yaml.safe_load(path.read_text())
        clock = next(name for name, stream in profile["streams"].items() if stream["kind"] == "camera")
        profile["sync"] = {"clock": clock, "tolerance_ms": TOLERANCE_MS}
        path.write_text(yaml.safe_dump(profile))
        plan = plan_alignment(RobotProfile.load(path))
    assert plan is not None
    return plan


def make_times(plan: AlignmentPlan, seconds: float) -> list[StreamTimes]:
    """Return the times of every stream of a plan."""
    draw = np.random.default_rng(1)
    streams = []
    for each in plan.streams:
        rate_hz = each.stream.rate_hz or 1.0
        at = np.arange(round(seconds * rate_hz), dtype=np.int64)
        stamps = START_NS + draw.integers(0, int(SECOND / rate_hz)) + (at * (SECOND / rate_hz)).astype(np.int64)
        logs = stamps + draw.integers(1 * MS, 8 * MS, len(at))
        if "joint_states" in each.stream.topic:
            logs = -(-logs // BURST_NS) * BURST_NS
        streams.append(StreamTimes(stamps, np.maximum.accumulate(logs)))
    return streams


def until(streams: list[StreamTimes], seconds: float) -> list[StreamTimes]:
    """Return what arrived in the first seconds."""
    end_ns = START_NS + int(seconds * SECOND)
    cuts = [int(np.searchsorted(each.logs_ns, end_ns)) for each in streams]
    return [StreamTimes(each.times_ns[:at], each.logs_ns[:at]) for each, at in zip(streams, cuts, strict=True)]


def arrivals_of(streams: list[StreamTimes]) -> list[Arrival]:
    """Return all messages in the order of their log times."""
    return sorted(
        (log_ns, at, time_ns)
        for at, each in enumerate(streams)
        for time_ns, log_ns in zip(each.times_ns.tolist(), each.logs_ns.tolist(), strict=True)
    )


def offline(alignment: Alignment, streams: list[StreamTimes]) -> tuple[float, FrameTable]:
    """Align at once; returns CPU seconds and the frames."""
    begin = time.process_time()
    table = align(alignment, streams, end_ns=0)
    return time.process_time() - begin, table


def live(alignment: Alignment, streams: list[StreamTimes], seconds: float) -> float:
    """Feed everything turn by turn and encode the frames, which must be the offline ones; returns CPU seconds."""
    _, table = offline(alignment, streams)
    aligner, encoder = LiveAligner(alignment), FrameEncoder(table.names)
    turns, frames = list(turns_of(streams, seconds)), list[Frame]()
    begin = time.process_time()
    for until_ns, batches in turns:
        for at, times_ns, logs_ns in batches:
            aligner.feed(at, times_ns, logs_ns)
        ready = aligner.advance(until_ns)
        for frame in ready:
            encoder.encode(frame)
        frames += ready
    cpu_s = time.process_time() - begin
    frames += aligner.finish(0)
    assert [frame.tick_ns for frame in frames] == table.ticks_ns.tolist()
    assert all((frame.cells == cells).all() for frame, cells in zip(frames, table.cells, strict=True))
    return cpu_s


def turns_of(streams: list[StreamTimes], seconds: float) -> Iterator[Turn]:
    """Yield what the writer takes, turn by turn."""
    for turn in range(1, int(seconds * SECOND / TURN_NS) + 2):
        until_ns = START_NS + turn * TURN_NS
        batches = []
        for at, each in enumerate(streams):
            first, last = np.searchsorted(each.logs_ns, [until_ns - TURN_NS, until_ns])
            if last > first:
                batches.append((at, each.times_ns[first:last].tolist(), each.logs_ns[first:last].tolist()))
        yield until_ns - 1, batches


def read_a_bag(workload: Workload, plan: AlignmentPlan, seconds: float) -> tuple[float, int, int]:
    """Write messages of the workload's sizes and read their times; returns CPU seconds, messages and bytes."""
    sizes = {stream.topic: stream.bytes for stream in workload.streams}
    with tempfile.TemporaryDirectory() as folder:
        bag = BagWriter(Path(folder) / "bag", ros_distro="kilted")
        for at, each in enumerate(plan.streams):
            offers = (QosOffer(),)
            bag.add_topic(BagTopic(at + 1, each.stream.topic, each.stream.type, "std_msgs/Header header\n", "", offers))
        payloads = [bytes(sizes[each.stream.topic] - 12) for each in plan.streams]
        arrivals = arrivals_of(make_times(plan, seconds))
        for begin in range(0, len(arrivals), 500):
            bag.write([sample(payloads, *arrival) for arrival in arrivals[begin : begin + 500]])
        directory = bag.seal(custom_data={}).directory
        size = sum(file.stat().st_size for file in directory.iterdir())
        begin_s = time.process_time()
        found = read_times(BagReader(directory), {each.stream.topic: reader_of(each) for each in plan.streams})
        cpu_s = time.process_time() - begin_s
    assert sum(len(times.times_ns) for times in found.values()) == len(arrivals)
    return cpu_s, len(arrivals), size


def sample(payloads: list[bytes], log_ns: int, stream: int, time_ns: int) -> Sample:
    """Return a message that begins with a header."""
    stamp = b"".join(part.to_bytes(4, "little") for part in divmod(time_ns, SECOND))
    return Sample(stream + 1, b"\0\1\0\0" + stamp + payloads[stream], log_ns, time_ns, time_ns, 0)


def reader_of(each: AlignedStream) -> ReaderOf:
    """Return what reads the times of a stream."""
    return lambda _definition: each.reader(has_header=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", nargs="?", default="full")
    parser.add_argument("--seconds", type=float, default=3600.0, help="of the offline alignment (3600)")
    parser.add_argument("--part-seconds", type=float, default=60.0, help="of the live one and plain Python (60)")
    parser.add_argument("--read-seconds", type=float, default=10.0, help="of the bag that is read (10)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    options = parser.parse_args()
    workload = load_workload(WORKLOADS / f"{options.workload}.yaml")
    plan = plan_of(workload)
    alignment = plan.alignment(start_ns=START_NS)
    streams, part_s = make_times(plan, options.seconds), options.part_seconds
    count = sum(len(each.times_ns) for each in streams)
    print(f"Python {platform.python_version()}, numpy {np.__version__}; seconds are those of CPU")
    print(f"{workload.title}: {len(streams)} streams take part, {count:,} messages in {options.seconds:g} s")
    offline_s, table = offline(alignment, streams)
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    complete = 100 * (judge(table).complete_share or 0)
    print(f"offline: {offline_s:.2f} s, {len(table.ticks_ns):,} frames, {complete:.2f} % complete")
    print(f"  {count / offline_s / 1e6:.1f} million messages a second, at most {memory_gb:.2f} GB")
    del table
    part = until(streams, part_s)
    live_share = live(alignment, part, part_s) / part_s
    print(f"live: {100 * live_share:.2f} % of a core; the same frames")
    assert isinstance(alignment.clock, ReferenceClock)
    slop_ns, arrivals = TOLERANCE_MS * MS, arrivals_of(part)
    clock_s, found = at_the_clock(arrivals, streams=len(part), clock=alignment.clock.stream, slop_ns=slop_ns)
    show_plain("bisecting at each tick", clock_s, found, part_s, options.seconds, offline_s)
    short_s = part_s / 10
    arrivals = arrivals_of(until(part, short_s))
    every_s, found = at_every_message(arrivals, streams=len(part), slop_ns=slop_ns)
    show_plain("searching at each message", every_s, found, short_s, options.seconds, offline_s)
    read_s, messages, size = read_a_bag(workload, plan, options.read_seconds)
    print(f"times out of a bag of {size / 1e6:.0f} MB: {read_s:.2f} s")
    print(f"  {read_s / messages * 1e6:.2f} us a message, {size / read_s / 1e6:.0f} MB/s")
    return int(options.check and (offline_s > OFFLINE_TARGET_S or live_share > LIVE_TARGET))


def show_plain(how: str, cpu_s: float, found: int, of_s: float, whole_s: float, offline_s: float) -> None:
    scaled_s = cpu_s / of_s * whole_s
    print(f"plain Python, {how}: {cpu_s:.2f} s for {of_s:g} s, {found:,} sets")
    print(f"  scaled to {whole_s:g} s: {scaled_s:.0f} s, {scaled_s / offline_s:.1f} times offline")


if __name__ == "__main__":
    sys.exit(main())
