"""What the recorder is compared with, on the same load: a bare drain, one that writes, and ``ros2 bag record``."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.payload import number_of
from bench.processes import Child, cpu_s, memory_mb, sending
from bench.workload import WORKLOADS, Workload
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.bag_reader import BagReader

_LEAD_S = 1.0
_SUBSCRIBED_S = 3.0
"""How long ``ros2 bag record`` is given to find and subscribe to everything: it does not say when it has."""


@dataclass(frozen=True, slots=True)
class ReferenceRun:
    """Figures of one run."""

    cpu_s: float
    """Of the process, over the measured seconds."""
    memory_mb: float
    """Most resident memory."""
    written: int
    """Messages taken; of ``ros2 bag record`` those in its bag."""
    missing: int
    """Between the first and the last message of each topic."""


def drain_once(
    workload: Workload, *, seconds: float, directory: Path, environment: Mapping[str, str], writes: bool
) -> ReferenceRun:
    """Drain the load, with or without writing the bytes to a file."""
    with tempfile.TemporaryDirectory(prefix="bench_", dir=directory) as folder, sending(workload, environment):
        file = [str(Path(folder) / "bytes")] if writes else []
        path = WORKLOADS / f"{workload.name}.yaml"
        with Child("bench.bare_drain", str(path), str(workload.scale), *file, environment=environment) as child:
            while child.read_line() != "ready":
                pass
            time.sleep(_LEAD_S)
            before_s = cpu_s(child.pid)
            child.say("go")
            time.sleep(seconds)
            used_s, most_mb = cpu_s(child.pid) - before_s, memory_mb(child.pid, "VmHWM")
            child.say("stop")
            result = json.loads(child.read_line())
            child.finish()
    return ReferenceRun(used_s, most_mb, result["messages"], result["lost"])


def has_ros2_bag() -> bool:
    """Whether ``ros2 bag record`` can be run here."""
    ros2 = shutil.which("ros2")
    if ros2 is None:
        return False
    return subprocess.run([ros2, "bag", "record", "--help"], capture_output=True, check=False).returncode == 0


def ros2_bag_once(
    workload: Workload, *, seconds: float, directory: Path, environment: Mapping[str, str]
) -> ReferenceRun:
    """Record the load with ``ros2 bag record -s mcap``; missing are the gaps in the numbers of each topic."""
    topics = [stream.topic for stream in workload.streams]
    with tempfile.TemporaryDirectory(prefix="bench_", dir=directory) as folder, sending(workload, environment):
        bag = Path(folder) / "bag"
        process = subprocess.Popen(
            ["ros2", "bag", "record", "-s", "mcap", "-o", str(bag), "--topics", *topics],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            time.sleep(_SUBSCRIBED_S)
            before_s = cpu_s(process.pid)
            time.sleep(seconds)
            used_s, most_mb = cpu_s(process.pid) - before_s, memory_mb(process.pid, "VmHWM")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
        numbers: dict[str, list[int]] = {topic: [] for topic in topics}
        try:
            for message in BagReader(bag).messages(set(topics)):
                numbers[message.topic].append(number_of(message.data))
        except BagReadError as error:
            raise RuntimeError(f"the bag of `ros2 bag record` cannot be read: {error}") from error
    written = sum(map(len, numbers.values()))
    span = sum(max(each) - min(each) + 1 for each in numbers.values() if each)
    return ReferenceRun(used_s, most_mb, written, span - written)
