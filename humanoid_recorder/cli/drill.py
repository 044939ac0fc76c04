"""``humanoid-recorder drill``: kill the recorder, again and again, and see what that costs on this computer."""

import importlib.util
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from humanoid_recorder.cli.drill_judge import DrillResult, Kill
from humanoid_recorder.cli.drill_view import show
from humanoid_recorder.cli.node_child import StopSignals
from humanoid_recorder.core.errors import EXIT_BAD, RosError

_SEEDS = 1_000_000


def drill(
    *,
    kills: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 10,
    seconds: Annotated[float, typer.Option(help="Kill at most this long after the start.", min=0.01, max=600)] = 2.0,
    power_cut: Annotated[
        bool, typer.Option("--power-cut", help="Kill while the disk is busy, and take away what was not on it yet.")
    ] = False,
    limit_ms: Annotated[float, typer.Option(help="Exit 1 when a kill costs more than this.", min=0)] = 400.0,
    seed: Annotated[int | None, typer.Option(help="Of the moments; the same again with the same one.", min=0)] = None,
    out: Annotated[Path, typer.Option(help="Record into a folder in here; that disk is tested.")] = Path("drill"),
    keep: Annotated[bool, typer.Option("--keep", help="Keep the bags and what they were recovered from.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Kill the recorder with SIGKILL while it records, recover what is left, and count what is missing.

    Each time a synthetic robot and a recorder start in a ROS domain of their own on this computer only. The episode is
    recovered as `humanoid-recorder recover` does it and read back; the messages carry numbers, so what is missing is
    counted. Lost may be the last open chunk, which is closed after 250 ms, and what was on its way; nothing before it.

    With --power-cut the kill comes in the middle of a sync, and what was not synced is zeros afterwards, as on a disk
    that keeps what it has promised.

    \b
    Examples:
      humanoid-recorder drill
      humanoid-recorder drill --out /data/recordings --power-cut
      humanoid-recorder drill --kills 200 --seed 1 --json

    \b
    Keys of --json: schema_version, good, problems, power_cut, seed, limit_ms,
    asked_for, worst_ms, p95_ms, median_ms, most_lost (messages),
    longest_sync_ms,
    kills: number, after_s, loss_ms, loss_topic, lost, missing, is_recovered,
      recovered, longest_sync_ms, was_syncing, zeroed_bytes, readers, bag,
      problems

    Exit code: 0 no kill cost more, 1 one did, or a bag cannot be read, or it
    was stopped, 2 usage.
    """  # noqa: D301 - click needs the backspace itself
    if importlib.util.find_spec("rclpy") is None:
        raise RosError(
            "The drill needs ROS 2, and rclpy is not installed here.",
            remedy="Source your ROS 2, or install the wheels: pip install '.[ros]' in this package's checkout.",
        )
    from humanoid_recorder.cli.drill_run import DrillRequest, run_drill

    seed = random.randrange(_SEEDS) if seed is None else seed
    request = DrillRequest(out.expanduser(), kills, seconds, seed, limit_ms, power_cut, keep)
    with StopSignals() as signals, _progress(kills) as on_kill:
        result = run_drill(request, on_kill=on_kill, is_cancelled=signals.came)
    if signals.came():
        Console(stderr=True, highlight=False).print(f"Stopped after {len(result.kills)} of {kills} kills.")
    if as_json:
        facts = {"power_cut": power_cut, "seed": seed, "limit_ms": limit_ms}
        sys.stdout.write(json.dumps(_report(result, facts), indent=1) + "\n")
    elif result.kills:
        show(result, Console(highlight=False), limit_ms=limit_ms, seed=seed, power_cut=power_cut)
    raise typer.Exit(0 if result.is_good else EXIT_BAD)


def _report(result: DrillResult, facts: Mapping[str, object]) -> dict[str, object]:
    figures = {"worst_ms": 1.0, "p95_ms": 0.95, "median_ms": 0.5}
    return {
        "schema_version": 1,
        "good": result.is_good,
        "problems": result.problems,
        **facts,
        "asked_for": result.asked_for,
        **{name: result.loss_ms(share) if result.kills else None for name, share in figures.items()},
        "most_lost": max((kill.lost for kill in result.kills), default=None),
        "longest_sync_ms": max((kill.longest_sync_ms for kill in result.kills), default=None),
        "kills": [asdict(kill) for kill in result.kills],
    }


@contextmanager
def _progress(kills: int) -> Iterator[Callable[[Kill], None]]:
    """Show on stderr how far it is, and nothing of it in the end."""
    columns = (
        SpinnerColumn(),
        TextColumn("kill"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as progress:
        task = progress.add_task("", total=kills)
        worst_ms = 0.0

        def update(kill: Kill) -> None:
            nonlocal worst_ms
            worst_ms = max(worst_ms, kill.loss_ms)
            progress.update(task, advance=1, description=f"lost {kill.loss_ms:.0f} ms, worst {worst_ms:.0f} ms")
            for problem in kill.problems:
                progress.console.print(f"kill {kill.number}: {problem}", style="red", markup=False)

        yield update
