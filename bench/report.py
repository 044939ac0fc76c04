"""Tables and JSON of ``bench/record.py``."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.recorder_run import RecorderRun
from bench.reference_run import ReferenceRun
from bench.targets import Target, judge
from bench.workload import Workload

_FIGURES = {
    "cpu_s": ("CPU while recording", "s"),
    "startup_cpu_s": ("CPU of the start-up", "s"),
    "armed_cpu_share": ("CPU while armed", "s/s"),
    "memory_mb": ("most memory", "MB"),
    "queue_mb": ("highest queue", "MB"),
    "latency_median_ms": ("publish to receipt, median", "ms"),
    "latency_p99_ms": ("publish to receipt, p99", "ms"),
    "start_answer_ms": ("start command to answer", "ms"),
    "start_first_ms": ("start command to first message", "ms"),
    "stop_answer_ms": ("stop command to answer", "ms"),
    "stop_sealed_ms": ("stop command to sealed", "ms"),
    "longest_sync_ms": ("longest sync", "ms"),
    "longest_silence_ms": ("longest silence of a stream", "ms"),
    "most_late_ms": ("sender behind its time, most", "ms"),
    "senders_cpu_share": ("CPU of all senders", "s/s"),
}
_COUNTS = {
    "sent": "sent between first and last in the bag",
    "written": "written",
    "lost": "lost before us",
    "dropped": "dropped by us",
    "head": "sent after the start, before the first in the bag",
    "unknown_tails": "streams with an unknown tail, by the ledger",
    "start_refusals": "starts refused at first",
    "refused": "refused to the sender at first",
    "tail": "sent before the stop, after the last in the bag",
}


@dataclass(frozen=True, slots=True)
class Report:
    """All runs of one workload, made in turn."""

    workload: Workload
    runs: Sequence[RecorderRun]
    references: dict[str, list[ReferenceRun]]
    """By name: ``bare drain``, ``bare drain + write``, ``ros2 bag record``."""
    notes: Sequence[str]

    def medians(self) -> dict[str, float]:
        return {name: statistics.median(getattr(run, name) for run in self.runs) for name in _FIGURES}

    def ratios(self) -> dict[str, float]:
        """Return the recorder's CPU over that of each reference, both medians."""
        cpu_s = self.medians()["cpu_s"]
        return {
            name: cpu_s / statistics.median(run.cpu_s for run in runs) for name, runs in self.references.items() if runs
        }

    def targets(self) -> list[Target]:
        return judge(self.workload.title, self.runs, self.medians(), self.ratios().get("bare drain + write"))

    @property
    def faults(self) -> list[str]:
        return [fault for run in self.runs for fault in run.faults]

    def to_json(self) -> dict[str, Any]:
        return {
            "workload": self.workload.title,
            "messages_per_s": self.workload.messages_per_s,
            "megabytes_per_s": self.workload.megabytes_per_s,
            "medians": self.medians(),
            "ratios": self.ratios(),
            "targets": [asdict(target) for target in self.targets()],
            "faults": self.faults,
            "notes": list(self.notes),
            "runs": [asdict(run) for run in self.runs],
            "references": {name: [asdict(run) for run in runs] for name, runs in self.references.items()},
        }


def machine() -> dict[str, Any]:
    """Say where and when this was measured."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "ros_distro": os.environ.get("ROS_DISTRO", ""),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average": os.getloadavg(),
    }


def show(report: Report, console: Console, *, streams: bool) -> None:
    """Print the tables of one workload."""
    workload = report.workload
    console.print(
        f"\n[bold]{workload.title}[/]: {len(workload.streams)} topics, {workload.messages_per_s:,.0f} msg/s, "
        f"{workload.megabytes_per_s:.1f} MB/s; {len(report.runs)} runs of {report.runs[0].seconds:.1f} s"
    )
    console.print(_figures(report))
    if report.references:
        console.print(_references(report))
    if streams:
        console.print(_streams(report.runs[-1]))
    for target in report.targets():
        console.print(f"{'[green]met[/]   ' if target.is_met else '[red]MISSED[/]'} {target.what}: {target.measured}")
    for note in report.notes:
        console.print(note)
    for fault in report.faults:
        console.print(f"[bold red]MISMATCH {fault}[/]")
    if not report.faults:
        console.print("The ledger of every stream agrees with the numbers in its messages.")


def _figures(report: Report) -> Table:
    table = Table("the recorder", "median", "lowest", "highest")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, (title, unit) in _FIGURES.items():
        values = [getattr(run, name) for run in report.runs]
        table.add_row(f"{title} [dim]{unit}[/]", *(f"{f(values):.3g}" for f in (statistics.median, min, max)))
    for name, title in _COUNTS.items():
        values = [getattr(run, name) for run in report.runs]
        table.add_row(title, *(f"{f(values):,.0f}" for f in (statistics.median, min, max)))
    return table


def _references(report: Report) -> Table:
    table = Table("compared, medians", "CPU s", "recorder / this", "memory MB", "messages", "missing (all runs)")
    for column in table.columns[1:]:
        column.justify = "right"
    medians, ratios = report.medians(), report.ratios()
    written = statistics.median(run.written for run in report.runs)
    missing = sum(run.sent - run.written for run in report.runs)
    table.add_row(
        "the recorder", f"{medians['cpu_s']:.2f}", "", f"{medians['memory_mb']:.0f}", f"{written:,.0f}", f"{missing:,}"
    )
    for name, runs in report.references.items():
        table.add_row(
            name,
            f"{statistics.median(run.cpu_s for run in runs):.2f}",
            f"{ratios[name]:.2f}",
            f"{statistics.median(run.memory_mb for run in runs):.0f}",
            f"{statistics.median(run.written for run in runs):,.0f}",
            f"{sum(run.missing for run in runs):,}",
        )
    return table


def _streams(run: RecorderRun) -> Table:
    columns = ("topic", "sent", "written", "missing", "lost", "dropped", "head", "tail", "agrees")
    table = Table(*columns, title="the last run, stream by stream")
    for stream in run.streams:
        ledger = stream.ledger
        lost = "?" if ledger["lost"] is None else ledger["lost"]
        numbers = (stream.written + stream.missing, stream.written, stream.missing, lost, ledger["dropped"])
        agrees = "[red]NO[/]" if stream.faults else "yes"
        table.add_row(stream.topic, *map(str, (*numbers, stream.head, stream.tail)), agrees)
    return table
