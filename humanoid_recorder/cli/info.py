"""``humanoid-recorder info``: what is in a bag or in a folder of bags, and whether it is whole. Needs no ROS."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from humanoid_recorder.cli.info_folder import FolderReport, report_on_folder
from humanoid_recorder.cli.info_folder_view import show_folder
from humanoid_recorder.cli.info_report import report_on
from humanoid_recorder.cli.info_view import show
from humanoid_recorder.core.errors import EXIT_BAD, SpecError
from humanoid_recorder.storage.bag_folders import is_bag


def info(
    bag: Annotated[
        Path,
        typer.Argument(help="Bag directory, metadata.yaml or .mcap file; anybody's. Or a folder of bags."),
    ],
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every message and compare every checksum, too.")
    ] = False,
    definitions: Annotated[
        bool, typer.Option("--definitions", help="Print the message definitions in the bag, too.")
    ] = False,
    discarded: Annotated[bool, typer.Option("--discarded", help="In a folder: discarded episodes, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Show what is in a bag, topic by topic, and whether it is whole; or the bags of a folder, one by one.

    Needs no ROS. lost = never reached the recorder; dropped = discarded by it; gap = longest silence.

    \b
    Examples:
      humanoid-recorder info recordings/20260314T091500Z_g1/*_a1b2c3
      humanoid-recorder info recordings/20260314T091500Z_g1
      humanoid-recorder info some_bag_0.mcap --verify --json

    \b
    Keys of --json (what is not known is null, times are ns since the epoch):
      schema_version, path, readable, whole, verified, problems, remedy, files,
      size_bytes, start_ns, duration_s, messages, compression, ros_distro,
      definitions (by type)
      counts: index, statistics, metadata, ledger, agree
      episode (null if not ours): id, session, robot, end, detail, outcome,
        labels, lost, dropped, findings, clock_synchronised, record (episode.json)
      topics: name, type, stream, messages, rate_hz, expected_hz,
        longest_gap_ms, lost, lost_reason, head, tail, dropped, qos, first_ns,
        last_ns, has_definition, type_hash, replayed, timeline (60 counts)
    Of a folder: schema_version, path, bags (such objects),
      totals: bags, whole, duration_s, messages, size_bytes, lost,
        lost_unknown, dropped, outcomes, tasks

    Exit code: 0 readable and whole, 1 not, 2 usage.
    """  # noqa: D301 - click needs the backspace itself
    if not bag.exists():
        raise SpecError(f"There is no {bag}.")
    if not is_bag(bag):
        _info_folder(_scan(bag, verify=verify, discarded=discarded), as_json=as_json)
    report = report_on(bag, verify=verify)
    if as_json:
        sys.stdout.write(report.model_dump_json(indent=1) + "\n")
    else:
        show(report, Console(highlight=False), definitions=definitions)
    raise typer.Exit(0 if report.whole else EXIT_BAD)


def _info_folder(report: FolderReport, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(report.model_dump_json(indent=1) + "\n")
    else:
        show_folder(report, Console(highlight=False))
    raise typer.Exit(0 if report.bags and report.totals.whole == report.totals.bags else EXIT_BAD)


def _scan(folder: Path, *, verify: bool, discarded: bool) -> FolderReport:
    columns = (TextColumn("looking at bags"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        return report_on_folder(
            folder,
            verify=verify,
            discarded=discarded,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
