"""How well `humanoid-recorder clocks` finds clocks that are known to be off, on the simulated humanoid.

    python -m bench.clocks --trials 20                    # strokes with rests between, as the command asks for
    python -m bench.clocks --trials 5 --gesture sine      # a regular wave: every period looks like the next
    python -m bench.clocks --trials 5 --gesture still
    python -m bench.clocks --cost                         # of watching clocks while full is recorded

Needs the extras `sim` and `dev` (message definitions come from rosbags). In every trial the robot makes other
strokes. Each stream but the joints gets a clock that is off by up to 2 s, and a latency of its own (pictures 20 to
80 ms, others 1 to 8 ms); joint states arrive in bursts of 36 ms. The bag is then read as `clocks` does it: times from
the messages' bytes, pictures from JPEG. `blind` is a camera that sees no arm, only noise.
"""

import argparse
import io
import json
import platform
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from rosbags.typesys import Stores, get_typestore

from bench.workload import WORKLOADS, load_workload
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.inspection.clock_delays import ClockDelay, find_delays, find_joints
from humanoid_recorder.inspection.movement_reader import read_movements, streams_of
from humanoid_recorder.recording.clock_watch import ClockWatch
from humanoid_recorder.sim.humanoid.cameras import Cameras
from humanoid_recorder.sim.humanoid.scene import Task
from humanoid_recorder.sim.humanoid_rig import HumanoidRig, RigOptions
from humanoid_recorder.sim.humanoid_streams import HumanoidStream
from humanoid_recorder.spec.profile import RobotProfile
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter

START_NS = 1_795_160_424_000_000_000
MS = 1_000_000
PROFILE = Path(__file__).resolve().parents[1] / "config" / "robots" / "g1_sim.yaml"
JOINTS = (("shoulder_pitch", 0.35), ("shoulder_roll", 0.2), ("elbow", 0.4), ("wrist_roll", 0.4))
SKIPPED = ("imu", "operator_joy", "mocap_box", "joints")
CAMERAS = ("head", "left_wrist", "right_wrist")
BLIND = "blind"
Recorded = dict[str, list[tuple[int, bytes]]]
"""By stream: when it was measured, ns since the start, and the message without its clock being off."""


class Gesture:
    """Where the arms should be."""

    def __init__(self, kind: str, joints: list[str], home: np.ndarray, seed: int, seconds: float) -> None:
        draw = np.random.default_rng(seed)
        self._kind, self._home = kind, home
        self._joints = [joints.index(f"{side}_{name}_joint") for side in ("left", "right") for name, _ in JOINTS]
        self._reach = np.array([reach for _ in range(2) for _, reach in JOINTS])
        self._strokes, at = [], 0.3
        while at < seconds:
            lasts = draw.uniform(0.25, 0.6)
            self._strokes.append((at, lasts, draw.uniform(-1, 1, len(self._joints))))
            at += lasts + draw.uniform(0, 0.5)

    def target(self, time_s: float) -> np.ndarray:
        position = np.zeros(len(self._joints))
        if self._kind == "sine":
            position[:] = np.sin(2 * np.pi * time_s)
        elif self._kind == "strokes":
            for begin, lasts, aim in self._strokes:
                if time_s < begin:
                    break
                share = min(1.0, (time_s - begin) / lasts)
                position = position + (aim - position) * share * share * (3 - 2 * share)
        target = self._home.copy()
        target[self._joints] += self._reach * position
        return target


def record(kind: str, seed: int, seconds: float) -> tuple[Recorded, dict[str, HumanoidStream]]:
    """Let the robot move, and keep what every stream measures."""
    rig = HumanoidRig(RigOptions(Task.LIFT_BOX, seed, operator=False))
    cameras, noise = Cameras(rig.task), np.random.default_rng(seed)
    names, home = list(rig.joints), rig.measures["joints"]()[: len(rig.joints)]
    gesture = Gesture(kind, names, home, seed, seconds)
    streams = {name: each for name, each in rig.streams.items() if name in rig.measures or name in CAMERAS}
    recorded: Recorded = defaultdict(list)
    for step in range(round(seconds * 1000)):
        if step % 10 == 0:
            rig.command(names, gesture.target(step / 1000).tolist())
        rig.step()
        for name, stream in streams.items():
            due = step * stream.rate_hz // 1000 != (step - 1) * stream.rate_hz // 1000
            if due and name not in CAMERAS and (name == "joints" or name not in SKIPPED):
                recorded[name].append((step * MS, stream.encode(START_NS, rig.measures[name]())))
        if step * 30 // 1000 != (step - 1) * 30 // 1000:
            cameras.show(np.frombuffer(rig.configuration()))
            for name in CAMERAS:
                recorded[name].append((step * MS, streams[name].encode(START_NS, jpeg(cameras.picture(name)))))
            grain = noise.integers(100, 110, (240, 320, 3)).astype(np.uint8)
            recorded[BLIND].append((step * MS, streams["head"].encode(START_NS, jpeg(grain))))
    return recorded, streams


def jpeg(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=80)
    return file.getvalue()


def write_bag(directory: Path, recorded: Recorded, streams: dict[str, HumanoidStream], seed: int) -> dict[str, float]:
    """Write what a recorder would have; returns by how many ms each clock is ahead."""
    draw, types = np.random.default_rng(seed + 1000), get_typestore(Stores.ROS2_KILTED)
    bag, samples, ahead_ms = BagWriter(directory, ros_distro="kilted"), [], {}
    for channel_id, (name, messages) in enumerate(recorded.items(), start=1):
        stream = streams["head" if name == BLIND else name]
        definition, _ = types.generate_msgdef(stream.type, ros_version=2)
        topic = "/blind" if name == BLIND else stream.topic
        bag.add_topic(BagTopic(channel_id, topic, stream.type, str(definition), "", (QosOffer(),)))
        ahead_ms[name] = 0.0 if name == "joints" else float(draw.uniform(-2000, 2000))
        latency = (20, 80) if name in CAMERAS else (1, 8)
        base_ns = draw.uniform(*latency) * MS if name in CAMERAS else 0
        for measured_ns, data in messages:
            log_ns = measured_ns + round(base_ns + draw.uniform(1, 8) * MS)
            if name == "joints":
                log_ns = -(-log_ns // (36 * MS)) * 36 * MS
            stamp_ns = START_NS + measured_ns + round(ahead_ms[name] * MS)
            stamped = data[:4] + np.array(divmod(stamp_ns, 10**9), "<u4").tobytes() + data[12:]
            samples.append(Sample(channel_id, stamped, START_NS + log_ns, START_NS + log_ns, stamp_ns, 0))
    bag.write(sorted(samples, key=lambda sample: sample.log_ns))
    bag.seal(custom_data={})
    return ahead_ms


def profile() -> RobotProfile:
    """The simulator's, with a camera that sees nothing."""
    from humanoid_recorder.spec.yaml_source import YamlDocument

    blind = "streams:\n  blind: {topic: /blind, type: sensor_msgs/msg/CompressedImage, kind: camera, rate_hz: 30}\n"
    text = PROFILE.read_text().replace("streams:\n", blind, 1)
    return YamlDocument.from_bytes(text.encode(), name=PROFILE.name).validate(RobotProfile)


def trials(options: argparse.Namespace) -> Iterator[dict[str, object]]:
    robot = profile()
    for seed in range(options.seed, options.seed + options.trials):
        recorded, streams = record(options.gesture, seed, options.seconds)
        with tempfile.TemporaryDirectory() as folder:
            ahead_ms = write_bag(Path(folder) / "bag", recorded, streams, seed)
            begun_s = time.process_time()
            reader = BagReader(Path(folder) / "bag")
            movements = read_movements(reader, streams_of(reader, robot, None), seconds=60)
            joints = find_joints(movements)
            assert joints is not None
            delays: list[ClockDelay] = find_delays(movements, joints, search_ms=1000)
            cpu_s = time.process_time() - begun_s
        for delay in delays:
            name = delay.movement.stream.name
            yield {
                "trial": seed,
                "stream": name,
                "error_ms": None if delay.offset_ms is None else delay.offset_ms + ahead_ms[name],
                "claimed_ms": delay.error_ms,
                "match": delay.correlation,
                "problem": delay.problem,
                "cpu_s": cpu_s,
            }


def report(rows: list[dict[str, object]]) -> None:
    """Print one line a stream: errors, and how often the true value was within what was claimed."""
    by_stream: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        by_stream[str(row["stream"])].append(row)
        by_stream["all but operator" if "operator" not in str(row["stream"]) else "operator"].append(row)
    print(f"{'stream':24}{'found':>8}{'bias':>8}{'rms':>8}{'max':>8}{'claimed':>9}{'within':>9}{'match':>7}")
    for name, some in by_stream.items():
        found = [row for row in some if row["error_ms"] is not None]
        line = f"{name:24}{len(found):>4}/{len(some):<3}"
        if found:
            errors, claimed, match = (
                np.array([row[key] for row in found], float) for key in ("error_ms", "claimed_ms", "match")
            )
            within = int((np.abs(errors) <= claimed).sum())
            line += f"{errors.mean():8.1f}{np.sqrt((errors**2).mean()):8.1f}{np.abs(errors).max():8.1f}"
            line += f"{claimed.mean():9.1f}{within:>5}/{len(found):<3}{match.mean():7.2f}"
        print(line)
        for problem in (
            sorted({str(row["problem"]) for row in some} - {""}) if name in {r["stream"] for r in rows} else ()
        ):
            print(f"    {sum(row['problem'] == problem for row in some)} x {problem}")
    cpu = {row["trial"]: row["cpu_s"] for row in rows}
    print(f"CPU for reading and finding: {np.mean(list(cpu.values())):.1f} s a trial")


def cost(seconds: int = 20) -> None:
    """Print what it costs the recorder's writer to watch the clocks of the workload full, in turns of 20 ms."""
    rates = [stream.rate_hz for stream in load_workload(WORKLOADS / "full.yaml").streams]
    draw = np.random.default_rng(1)
    samples = sorted(
        (stamp_ns + int(draw.integers(1 * MS, 8 * MS)), channel_id, stamp_ns)
        for channel_id, rate in enumerate(rates, start=3)
        for stamp_ns in (START_NS + int(at * 1e9 / rate) for at in range(round(seconds * rate)))
    )
    turns: dict[int, list[Sample]] = defaultdict(list)
    for log_ns, channel_id, stamp_ns in samples:
        turns[log_ns // (20 * MS)].append(Sample(channel_id, b"", log_ns, log_ns, stamp_ns, 0))
    watch, longest_s, begun_s = ClockWatch(None), 0.0, time.process_time()
    for turn in turns.values():
        turn_s = time.perf_counter()
        watch.feed(turn, first_ns=START_NS)
        longest_s = max(longest_s, time.perf_counter() - turn_s)
    share, end_s = (time.process_time() - begun_s) / seconds, time.perf_counter()
    watch.accounts({channel_id: str(channel_id) for channel_id in range(3, 3 + len(rates))})
    print(
        f"{len(rates)} streams, {sum(rates):,.0f} messages a second: {share:.2%} of a core; longest turn "
        f"{1000 * longest_s:.1f} ms; at the end of the episode {1000 * (time.perf_counter() - end_s):.0f} ms"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--gesture", choices=("strokes", "sine", "still"), default="strokes")
    parser.add_argument("--json", type=Path, help="write every estimate to this file")
    parser.add_argument("--cost", action="store_true", help="only measure what watching clocks costs a recorder")
    options = parser.parse_args()
    if options.cost:
        cost()
        return 0
    print(
        f"{options.trials} x {options.seconds:g} s, {options.gesture}; "
        f"{platform.machine()}, Python {platform.python_version()}"
    )
    rows = list(trials(options))
    report(rows)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
