"""Child processes of a bench, and what the kernel says of them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from bench.workload import WORKLOADS, Workload

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_END_S = 10.0


def cpu_s(pid: int) -> float:
    """Return the CPU seconds a process has used, in user and kernel mode, all threads."""
    # The name may hold spaces and parentheses; the fields behind it do not.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def memory_mb(pid: int, field: str) -> float:
    """Return a memory figure of ``/proc/PID/status``: ``VmHWM`` is the most resident so far, ``VmRSS`` the present."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"no {field}")


def open_files(pid: int) -> int:
    """Return how many file descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    """Return how many threads a process has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


class Child:
    """A module of the bench or of the package as a process, with a pipe each way."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.end()

    def is_running(self) -> bool:
        return self._process.poll() is None

    def read_line(self) -> str:
        """Return the next line it prints.

        Raises:
            RuntimeError: It has ended without one.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        return line.rstrip("\n")

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def close_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def finish(self) -> None:
        """Wait for it to end by itself, which it is about to."""
        self._process.wait(_END_S)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Have it end, kill it if it does not, and return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        return self._process.returncode


@dataclass(frozen=True, slots=True)
class Sent:
    """What the senders of a workload did."""

    times_ns: dict[str, np.ndarray[Any, np.dtype[np.int64]]]
    """By topic: when message n was sent, at n - 1; ns since the epoch."""
    most_late_ms: float
    """The longest a message was sent behind its time."""
    cpu_share: float
    """CPU seconds per second, all senders together."""
    refused: int
    """How often the middleware refused to take a message for lack of room; it was sent again later."""


class Senders:
    """All sending processes of a workload; they send as long as the block lasts."""

    def __init__(self, workload: Workload, environment: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="bench_")
        self._results = {name: Path(self._folder.name) / f"{name}.npz" for name in workload.by_process()}
        path = WORKLOADS / f"{workload.name}.yaml"
        self._children = {
            name: Child("bench.sender", str(path), str(workload.scale), name, str(result), environment=environment)
            for name, result in self._results.items()
        }

    def await_ready(self) -> None:
        for child in self._children.values():
            while child.read_line() != "ready":
                pass

    def stop(self) -> Sent:
        """End them, and return what they sent."""
        for child in self._children.values():
            child.close_input()
        reports = {name: json.loads(child.read_line()) for name, child in self._children.items()}
        for child in self._children.values():
            child.finish()
        times_ns = {}
        for name, report in reports.items():
            with np.load(self._results[name]) as arrays:
                times_ns |= {topic: arrays[str(index)] for index, topic in enumerate(report["topics"])}
        return Sent(
            times_ns,
            most_late_ms=max(report["most_late_ms"] for report in reports.values()),
            cpu_share=sum(report["cpu_share"] for report in reports.values()),
            refused=sum(report["refused"] for report in reports.values()),
        )

    def end(self) -> None:
        for child in self._children.values():
            child.close_input()  # a sender that is killed leaves its shared memory behind
        for child in self._children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.finish()
            child.end(signal.SIGTERM)
        self._folder.cleanup()


@contextlib.contextmanager
def sending(workload: Workload, environment: Mapping[str, str]) -> Iterator[Senders]:
    """Send a workload as long as the block lasts."""
    senders = Senders(workload, environment)
    try:
        senders.await_ready()
        yield senders
    finally:
        senders.end()
