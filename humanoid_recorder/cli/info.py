"""``humanoid-recorder info``: what is in a bag, and whether it is whole. Needs no ROS."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from humanoid_recorder.cli.info_report import report_on
from humanoid_recorder.cli.info_view import show
from humanoid_recorder.core.errors import EXIT_BAD, SpecError


def info(
    bag: Annotated[
        Path, typer.Argument(help="Bag directory, metadata.yaml or .mcap file; anybody's rosbag2 MCAP bag.")
    ],
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every message and compare every checksum, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Show what is in a bag, topic by topic, and whether it is whole.

    Needs no ROS. lost = never reached the recorder; dropped = discarded by it; gap = longest silence.

    \b
    Examples:
      humanoid-recorder info recordings/20260314T091500Z_g1/*_a1b2c3
      humanoid-recorder info some_bag_0.mcap --verify --json

    \b
    Keys of --json (what is not known is null, times are ns since the epoch):
      schema_version, path, readable, whole, verified, problems, remedy, files,
      size_bytes, start_ns, duration_s, messages, compression, ros_distro,
      counts: index, statistics, metadata, ledger, agree
      episode (null if not ours): id, session, robot, end, detail, outcome,
        labels, lost, dropped, findings, clock_synchronised
      topics: name, type, stream, messages, rate_hz, longest_gap_ms, lost,
        lost_reason, head, tail, dropped, qos, first_ns, last_ns, has_definition

    Exit code: 0 readable and whole, 1 not, 2 usage.
    """  # noqa: D301 - click needs the backspace itself
    if not bag.exists():
        raise SpecError(f"There is no {bag}.")
    report = report_on(bag, verify=verify)
    if as_json:
        sys.stdout.write(report.model_dump_json(indent=1) + "\n")
    else:
        show(report, Console(highlight=False))
    raise typer.Exit(0 if report.whole else EXIT_BAD)
