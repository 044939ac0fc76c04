"""The real recorder node on one load: one episode, its costs, and what became of every message."""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.account import BagContents, StreamResult, compare, read_bag
from bench.processes import Child, cpu_s, memory_mb, sending
from bench.workload import Workload, write_profile
from humanoid_recorder.core.errors import CommandRefused, RecorderUnavailableError
from humanoid_recorder.recording.state import Phase, RecorderState
from humanoid_recorder.ros.recorder_client import RecorderClient, connect
from humanoid_recorder.storage.episode_file import EpisodeFile

NODE = "/recorder"
_ARM_S = 30.0
_SEAL_S = 30.0
_RETRY_S = 0.5
_LEAD_S = 1.0
"""How long the recorder is armed before the start, and the senders go on after the stop."""


@dataclass(frozen=True, slots=True)
class RecorderRun:
    """Figures of one episode."""

    seconds: float
    """From the start command to the stop command."""
    cpu_s: float
    """Of the recorder's process, from the start command until the episode was sealed."""
    startup_cpu_s: float
    """From the process's begin until it was armed."""
    armed_cpu_share: float
    """CPU seconds per second while armed and not recording."""
    memory_mb: float
    """Most resident memory (VmHWM)."""
    queue_mb: float
    """Highest level of the queue."""
    latency_median_ms: float
    """From the sender's DDS source time to receipt by our middleware; taking follows within some ms, untimed."""
    latency_p99_ms: float
    start_answer_ms: float
    """From the start command until its answer."""
    start_first_ms: float
    """From the start command until the first message in the bag was received."""
    start_refusals: int
    """How often the start was refused because a stream stood still."""
    stop_answer_ms: float
    stop_sealed_ms: float
    """From the stop command until the recorder said that the bag has its final name."""
    longest_sync_ms: float
    bytes: int
    """Of the MCAP file."""
    sent: int
    """Between the first and the last message in the bag, over all topics."""
    written: int
    lost: int
    """Lost before us, as the ledger says."""
    dropped: int
    """Dropped by us, as the ledger says."""
    head: int
    tail: int
    unknown_tails: int
    """Streams of which the ledger says that it does not know whether their last messages are there."""
    longest_silence_ms: float
    """The longest time without a message on any stream; all of them have 10 Hz or more."""
    most_late_ms: float
    """The longest a sender was behind its schedule."""
    senders_cpu_share: float
    refused: int
    """How often the middleware refused a message of a sender, which then sent it later."""
    end: str
    streams: tuple[StreamResult, ...]

    @property
    def faults(self) -> list[str]:
        return [f"{stream.topic}: {fault}" for stream in self.streams for fault in stream.faults]


@dataclass(frozen=True, slots=True)
class Started:
    """An episode, and the moment before the command that started it."""

    episode_id: str
    cpu_s: float
    at_s: float
    """On the monotonic clock."""
    at_ns: int
    """Since the epoch."""
    answer_s: float
    refusals: int


@dataclass(frozen=True, slots=True)
class RunningRecorder:
    """A recorder process and a client of it."""

    pid: int
    client: RecorderClient[RecorderState]

    def wait(self, phase: Phase, timeout_s: float) -> RecorderState:
        """Wait for a phase."""
        state = self.client.wait_for(lambda state: state.phase is phase, timeout_s=timeout_s)
        if state is None:
            raise RuntimeError(f"the recorder is not {phase} after {timeout_s:g} s: {self.client.state}")
        return state

    def start(self) -> "Started":
        """Start an episode; again after a refusal, as when a stream stands still behind a lost message."""
        deadline_s, refusals = time.monotonic() + _ARM_S, 0
        while True:
            before_cpu_s, at_s, at_ns = cpu_s(self.pid), time.monotonic(), time.time_ns()
            try:
                answer = self.client.call("start")
            except CommandRefused:
                if time.monotonic() > deadline_s:
                    raise
                refusals += 1
                time.sleep(_RETRY_S)
            else:
                return Started(str(answer["episode"]), before_cpu_s, at_s, at_ns, time.monotonic() - at_s, refusals)

    def wait_sealed(self, episode: str) -> Path:
        """Wait until an episode has been sealed, and return its bag."""
        found = self.client.wait_for(lambda state: any(each.id == episode for each in state.recent), timeout_s=_SEAL_S)
        if found is None:
            raise RuntimeError(f"{episode} is not sealed after {_SEAL_S:g} s: {self.client.state}")
        return Path(next(each.path for each in found.recent if each.id == episode))


@contextlib.contextmanager
def running_recorder(
    workload: Workload, folder: Path, environment: Mapping[str, str], parameters: tuple[str, ...] = ()
) -> Iterator[RunningRecorder]:
    """Run the node as the package's ``record`` does, with a profile that declares every stream."""
    profile = folder / "profile.yaml"
    write_profile(workload, profile)
    given = [f"profile:={profile}", f"out:={folder / 'out'}", *parameters]
    arguments = ["--ros-args", "--log-level", "warn"]
    for parameter in given:
        arguments += ["-p", parameter]
    with (
        Child("humanoid_recorder.nodes.recorder", *arguments, environment=environment) as child,
        connect(NODE, parse=RecorderState.model_validate_json, is_running=child.is_running) as client,
    ):
        recorder = RunningRecorder(child.pid, client)
        recorder.wait(Phase.ARMED, _ARM_S)
        yield recorder


def record_once(
    workload: Workload,
    *,
    seconds: float,
    directory: Path,
    environment: Mapping[str, str],
    parameters: tuple[str, ...] = (),
) -> RecorderRun:
    """Record one episode and account for it."""
    with tempfile.TemporaryDirectory(prefix="bench_", dir=directory) as folder:
        with (
            sending(workload, environment) as senders,
            running_recorder(workload, Path(folder), environment, parameters) as recorder,
        ):
            pid, client = recorder.pid, recorder.client
            startup_cpu_s, armed_s = cpu_s(pid), time.monotonic()
            time.sleep(_LEAD_S)
            started = recorder.start()
            time.sleep(max(0.0, started.at_s + seconds - time.monotonic()))
            stopped_s = time.monotonic()
            with contextlib.suppress(RecorderUnavailableError):  # no answer in time: it is sealed nevertheless
                client.call("stop")
            stop_answer_s = time.monotonic() - stopped_s
            bag = recorder.wait_sealed(started.episode_id)
            sealed_s, after_cpu_s, most_mb = time.monotonic(), cpu_s(pid), memory_mb(pid, "VmHWM")
            time.sleep(_LEAD_S)
            sent = senders.stop()
        episode = EpisodeFile.read(bag)
        assert episode.stop is not None
        contents = read_bag(bag, {stream.topic for stream in workload.streams})
        streams = compare(contents, sent, episode)
        latency_ms = _latencies_ms(contents)
        first_ns = min(min(each.log_ns) for each in contents.values() if each.log_ns)
        return RecorderRun(
            seconds=stopped_s - started.at_s,
            cpu_s=after_cpu_s - started.cpu_s,
            startup_cpu_s=startup_cpu_s,
            armed_cpu_share=(started.cpu_s - startup_cpu_s) / (started.at_s - armed_s),
            memory_mb=most_mb,
            queue_mb=episode.stop.queue_high_water_bytes / 1e6,
            latency_median_ms=float(np.median(latency_ms)),
            latency_p99_ms=float(np.percentile(latency_ms, 99)),
            start_answer_ms=started.answer_s * 1e3,
            start_first_ms=(first_ns - started.at_ns) / 1e6,
            start_refusals=started.refusals,
            stop_answer_ms=stop_answer_s * 1e3,
            stop_sealed_ms=(sealed_s - stopped_s) * 1e3,
            longest_sync_ms=episode.stop.longest_sync_ms,
            bytes=episode.stop.bytes,
            sent=sum(stream.written + stream.missing for stream in streams),
            written=sum(stream.written for stream in streams),
            lost=sum(stream.ledger["lost"] or 0 for stream in streams),
            dropped=sum(stream.ledger["dropped"] for stream in streams),
            head=sum(stream.head for stream in streams),
            tail=sum(stream.tail for stream in streams),
            unknown_tails=sum(stream.ledger["tail"] != "closed" for stream in streams),
            longest_silence_ms=max(stream.ledger["longest_gap_ns"] for stream in streams) / 1e6,
            most_late_ms=sent.most_late_ms,
            senders_cpu_share=sent.cpu_share,
            refused=sent.refused,
            end=episode.stop.end,
            streams=tuple(streams),
        )


def _latencies_ms(contents: dict[str, BagContents]) -> np.ndarray:
    log_ns = np.concatenate([np.array(each.log_ns, np.int64) for each in contents.values()])
    publish_ns = np.concatenate([np.array(each.publish_ns, np.int64) for each in contents.values()])
    return (log_ns - publish_ns) / 1e6
