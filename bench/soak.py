"""Many short episodes one after the other: does anything grow, does anything slow down?

Usage: python -m bench.soak [--episodes 500] [--seconds 0.5] [--workload modest] [--json FILE] [--check]

The real recorder node records and seals episode after episode while a workload is sent. Shown are the medians of the
first, the second, the middle and the last tenth of them. With ``--check`` it exits 1 if memory, threads, open files or
the times of start and stop have grown between the second tenth and the last by more than a little (``GROWTH``); the
first tenth is left out of that, since the first episodes fill caches.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.processes import memory_mb, open_files, sending, threads
from bench.recorder_run import RunningRecorder, running_recorder
from bench.report import machine
from bench.workload import WORKLOADS, load_workload
from humanoid_recorder.cli.demo_children import private_environment
from humanoid_recorder.storage.episode_file import EpisodeFile

GROWTH = {"memory_mb": 1.05, "threads": 1.0, "open_files": 1.0, "start_ms": 1.5, "stop_ms": 1.5, "sealed_ms": 1.5}
"""Median of the last tenth over that of the second tenth, at most."""
_TITLES = {
    "memory_mb": "memory (VmRSS) MB",
    "threads": "threads",
    "open_files": "open files",
    "start_ms": "start command to answer ms",
    "stop_ms": "stop command to answer ms",
    "sealed_ms": "stop command to sealed ms",
    "lost": "lost before us",
    "dropped": "dropped by us",
}


@dataclass(frozen=True, slots=True)
class Episode:
    """Figures right after one episode was sealed."""

    memory_mb: float
    threads: int
    open_files: int
    start_ms: float
    stop_ms: float
    sealed_ms: float
    lost: int
    dropped: int


def record_episode(recorder: RunningRecorder, seconds: float) -> Episode:
    """Record one episode and look at the process."""
    started = recorder.start()
    time.sleep(max(0.0, started.at_s + seconds - time.monotonic()))
    stopped_s = time.monotonic()
    recorder.client.call("stop")
    stop_answered_s = time.monotonic()
    bag = recorder.wait_sealed(started.episode_id)
    sealed_s = time.monotonic()
    stop = EpisodeFile.read(bag).stop
    assert stop is not None
    return Episode(
        memory_mb=memory_mb(recorder.pid, "VmRSS"),
        threads=threads(recorder.pid),
        open_files=open_files(recorder.pid),
        start_ms=started.answer_s * 1e3,
        stop_ms=(stop_answered_s - stopped_s) * 1e3,
        sealed_ms=(sealed_s - stopped_s) * 1e3,
        lost=stop.lost or 0,
        dropped=stop.dropped,
    )


def medians(episodes: Sequence[Episode]) -> dict[str, float]:
    return {
        field.name: statistics.median(getattr(episode, field.name) for episode in episodes) for field in fields(Episode)
    }


def grown(episodes: Sequence[Episode]) -> list[str]:
    """Name what has grown by more than ``GROWTH`` allows."""
    tenth = max(1, len(episodes) // 10)
    early, late = medians(episodes[tenth : 2 * tenth]), medians(episodes[-tenth:])
    return [
        f"{_TITLES[name]}: {early[name]:.4g} -> {late[name]:.4g}"
        for name, factor in GROWTH.items()
        if late[name] > early[name] * factor
    ]


def show(episodes: Sequence[Episode], console: Console) -> None:
    tenth = max(1, len(episodes) // 10)
    middle = len(episodes) // 2
    parts = (episodes[:tenth], episodes[tenth : 2 * tenth], episodes[middle : middle + tenth], episodes[-tenth:])
    table = Table(f"medians of {tenth}", "first", "second tenth", "middle", "last", "highest of all")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, title in _TITLES.items():
        highest = max(getattr(episode, name) for episode in episodes)
        table.add_row(title, *(f"{medians(part)[name]:.4g}" for part in parts), f"{highest:.4g}")
    console.print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=0.5, help="length of each")
    parser.add_argument("--workload", choices=sorted(path.stem for path in WORKLOADS.glob("*.yaml")), default="modest")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()), help="where bags go for a while")
    parser.add_argument("--check", action="store_true", help="exit 1 if something has grown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every episode")
    options = parser.parse_args()
    if options.episodes < 30:
        parser.error("--episodes must be 30 at least: tenths are compared")
    os.environ.update(private_environment())
    console = Console(width=None if sys.stdout.isatty() else 120)
    workload = load_workload(WORKLOADS / f"{options.workload}.yaml")
    began_s = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="bench_", dir=options.directory) as folder,
        sending(workload, {}),
        running_recorder(workload, Path(folder), {}) as recorder,
    ):
        episodes = [record_episode(recorder, options.seconds) for _ in range(options.episodes)]
    console.print(f"{len(episodes)} episodes of {options.seconds:g} s in {time.monotonic() - began_s:.0f} s")
    show(episodes, console)
    problems = grown(episodes)
    for problem in problems:
        console.print(f"[red]GREW[/] {problem}")
    if options.json is not None:
        results = {"machine": machine(), "grown": problems, "episodes": [asdict(episode) for episode in episodes]}
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return int(options.check and bool(problems))


if __name__ == "__main__":
    sys.exit(main())
