"""What the recorder takes, and what it costs.

Usage: python -m bench.record [modest full raw dense] [--scale N] [--seconds 10] [--repeat 5] [--check] [--json FILE]

The real recorder node records one episode while several processes send a workload; then the numbers in the messages of
the bag are compared with what was sent and with what the ledger says. In turn with it, on the same load: a bare drain,
the same with a gathered write, and ``ros2 bag record`` where it is installed. docs/reference/benchmarks.md explains
every line of the tables.

Exits 1 when a ledger disagrees with the messages; with ``--check`` also when a target is missed.
"""

import argparse
import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

from rich.console import Console

from bench.recorder_run import record_once
from bench.reference_run import ReferenceRun, drain_once, has_ros2_bag, ros2_bag_once
from bench.report import Report, machine, show
from bench.workload import WORKLOADS, Workload, load_workload
from humanoid_recorder.cli.demo_children import private_environment
from humanoid_recorder.cli.doctor_ros import profile_variable
from humanoid_recorder.recording.provenance import ros_distro

LARGE_IMAGES = Path(__file__).parents[1] / "config/dds/large_images.xml"


def main() -> int:
    options = _parse()
    console = Console(width=None if sys.stdout.isatty() else 120)
    os.environ.update(private_environment())
    reports = []
    for name in options.workload:
        workload = load_workload(WORKLOADS / f"{name}.yaml", scale=options.scale)
        report = _measure(workload, options, console)
        reports.append(report)
        show(report, console, streams=options.streams)
    if options.json is not None:
        results = {"machine": machine(), "workloads": [report.to_json() for report in reports]}
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if any(report.faults for report in reports):
        return 1
    return int(options.check and not all(target.is_met for report in reports for target in report.targets()))


def _measure(workload: Workload, options: argparse.Namespace, console: Console) -> Report:
    profile = options.dds_profile or (LARGE_IMAGES if workload.name == "raw" else None)
    notes = [] if profile is None else [f"Fast DDS profile on both sides: {profile.name}"]
    setting = {
        "seconds": options.seconds,
        "directory": options.directory,
        "environment": {} if profile is None else {profile_variable(ros_distro()): str(profile.resolve())},
    }
    references = {
        "bare drain": partial(drain_once, workload, writes=False, **setting),
        "bare drain + write": partial(drain_once, workload, writes=True, **setting),
    }
    if has_ros2_bag():
        references["ros2 bag record"] = partial(ros2_bag_once, workload, **setting)
    else:
        notes.append("ros2 bag record: not on this machine")
    if options.alone:
        references = {}
    runs = []
    measured: dict[str, list[ReferenceRun]] = {name: [] for name in references}
    for turn in range(options.repeat):  # in turn, so that a busy moment of the machine hits all of them
        console.print(f"[dim]{workload.title}: {turn + 1} of {options.repeat}[/]")
        runs.append(record_once(workload, parameters=tuple(options.parameter), **setting))
        for name, reference in references.items():
            measured[name].append(reference())
    return Report(workload, runs, measured, notes)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = sorted(path.stem for path in WORKLOADS.glob("*.yaml"))
    parser.add_argument("workload", nargs="*", default=["modest", "full", "dense"], metavar="|".join(names))
    parser.add_argument("--scale", type=int, default=1, help="so many robots at once")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of an episode")
    parser.add_argument("--repeat", type=int, default=1, help="runs of everything; medians are shown")
    parser.add_argument("--alone", action="store_true", help="the recorder only, nothing to compare with")
    parser.add_argument("--streams", action="store_true", help="show the last run stream by stream")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()), help="where bags go for a while")
    parser.add_argument("--dds-profile", type=Path, help="Fast DDS profile for both sides (raw: large_images.xml)")
    parser.add_argument("--parameter", action="append", default=[], help="of the recorder, such as queue_max_mb:=64")
    parser.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure of every run")
    options = parser.parse_args()
    for name in options.workload:
        if name not in names:
            parser.error(f"there is no workload {name!r}; there are {', '.join(names)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
