"""``humanoid-recorder recover``: unfinished and damaged bags in order again. Needs no ROS."""

import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from humanoid_recorder.cli.recover_report import BagOutcome, RecoverReport, failed, outcome_of
from humanoid_recorder.cli.recover_view import show
from humanoid_recorder.core.errors import EXIT_BAD, HumanoidRecorderError, SpecError
from humanoid_recorder.storage.bag_folders import is_bag, unfinished_below
from humanoid_recorder.storage.recovery import examine_bag, recover_bag
from humanoid_recorder.storage.recovery_locks import is_held
from humanoid_recorder.storage.recovery_report import OnProgress


def recover(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...",
            help="Unfinished episodes, bags, .mcap files, sessions, or the folder of all recordings.",
        ),
    ],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look at them only, and change nothing.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the originals of unfinished episodes in <episode>/damaged, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Put bags in order that were never sealed, or that are damaged.

    In a session, or in the folder of all recordings, every unfinished episode is recovered, except where a recorder
    is at work. A bag that has its name is looked at only when it is named itself. Anybody's rosbag2 MCAP bag will do.
    No original is touched before the result has been opened again, read through and counted.

    \b
    Examples:
      humanoid-recorder recover recordings
      humanoid-recorder recover recordings --dry-run
      humanoid-recorder recover recordings/20260314T091500Z_g1/*.unfinished --keep
      humanoid-recorder recover theirs/rosbag2_0.mcap --json

    \b
    Keys of --json (what is not known is null, times are ns since the epoch):
      schema_version, good, dry_run, skipped (sessions in use),
      bags: source, result (whole, recoverable, recovered, failed), directory,
        original, episode, messages, topics, size_bytes, lost_bytes,
        lost_messages, damaged_chunks, torn_tail_messages, orphans, is_torn,
        first_log_ns, last_log_ns, notes, problem, remedy,
        holes: file, offset, size_bytes, begins_ns, ends_ns, messages

    Exit code: 0 everything is in order now, 1 something is not, 2 usage.
    """  # noqa: D301 - click needs the backspace itself
    bags, skipped = _find(paths)
    errors = Console(stderr=True, highlight=False)
    outcomes = []
    with _progress(errors, hidden=as_json) as progress:
        for bag in bags:
            task = progress.add_task(bag.name, total=None)
            outcomes.append(_treat(bag, dry_run=dry_run, keep=keep, on_progress=_reporter(progress, task)))
            progress.remove_task(task)
    report = RecoverReport(
        good=all(outcome.is_good for outcome in outcomes),
        dry_run=dry_run,
        skipped=tuple(str(session) for session in skipped),
        bags=tuple(outcomes),
    )
    if as_json:
        sys.stdout.write(report.model_dump_json(indent=1) + "\n")
    else:
        show(report, Console(highlight=False))
    raise typer.Exit(0 if report.good else EXIT_BAD)


def _find(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the bags, each once, and the sessions that are in use."""
    bags: dict[Path, None] = {}
    skipped: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise SpecError(f"There is no {path}.")
        if is_bag(path):
            bags[path] = None
            continue
        for session, episodes in groupby(unfinished_below(path), key=lambda episode: episode.parent):
            if is_held(session):
                skipped[session] = None
            else:
                bags.update(dict.fromkeys(episodes))
    return list(bags), list(skipped)


def _treat(bag: Path, *, dry_run: bool, keep: bool, on_progress: OnProgress) -> BagOutcome:
    try:
        if dry_run:
            return outcome_of(examine_bag(bag, on_progress=on_progress))
        return outcome_of(recover_bag(bag, keep_original=keep, on_progress=on_progress))
    except HumanoidRecorderError as error:
        return failed(bag, error)


def _progress(console: Console, *, hidden: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=hidden or not console.is_terminal)


def _reporter(progress: Progress, task: TaskID) -> OnProgress:
    return lambda done, total: progress.update(task, completed=done, total=total)
