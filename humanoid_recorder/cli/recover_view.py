"""The report of ``humanoid-recorder recover`` for people."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.recover_report import FAILED, BagOutcome, RecoverReport
from humanoid_recorder.storage.layout import UNFINISHED_SUFFIX

_NS_PER_MS = 1_000_000
_STYLES = {"whole": "green", "recovered": "green", "recoverable": "yellow", FAILED: "bold red"}


def show(report: RecoverReport, console: Console) -> None:
    """Print what was found, and where everything is now."""
    for session in report.skipped:
        console.print(Text(f"skipped {session}: it is being recorded, or recovered, right now", style="yellow"))
    if not report.bags:
        console.print("There is nothing to recover." if not report.skipped else "There is nothing else to recover.")
        return
    console.print(_table(report))
    console.print()
    for bag in report.bags:
        for line in _lines(bag):
            console.print(line, soft_wrap=True)  # paths in one piece, to be copied


def _table(report: RecoverReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("bag", overflow="fold", min_width=20)
    table.add_column("result", no_wrap=True)
    for name in ("messages", "torn\nend", "chunks\nlost", "span\nlost", "bytes\nlost"):
        table.add_column(name, justify="right")
    for bag in report.bags:
        table.add_row(*_row(bag))
    return table


def _row(bag: BagOutcome) -> Iterator[Text]:
    yield Text(Path(bag.source).name.removesuffix(UNFINISHED_SUFFIX))
    yield Text(bag.result, style=_STYLES[bag.result])
    if bag.messages is None:
        return
    yield Text(f"{bag.messages:,}")
    yield Text(f"{bag.torn_tail_messages:,}")
    yield _loss(bag.damaged_chunks or 0, f"{bag.damaged_chunks}")
    span_ns = bag.lost_span_ns or 0
    yield _loss(span_ns, f"{span_ns / _NS_PER_MS:.0f} ms{' + end' if bag.is_torn else ''}")
    yield _loss(bag.lost_bytes or 0, decimal(bag.lost_bytes or 0))


def _loss(amount: int, text: str) -> Text:
    return Text(text, style="yellow" if amount else "")


def _lines(bag: BagOutcome) -> Iterator[Text]:
    if bag.result == FAILED:
        yield Text.assemble(("✗ ", "bold red"), bag.problem)
        if bag.remedy:
            yield Text.assemble(("  what to do: ", "bold"), bag.remedy)
        return
    said = {
        "whole": "is whole; nothing was changed",
        "recoverable": "can be recovered",
        "recovered": "opened again, read through and counted",
    }[bag.result]
    yield Text.assemble(("✓ ", "bold green"), f"{bag.directory}: {said}")
    if bag.lost_messages:
        yield Text(f"  {bag.lost_messages:,} messages are lost", style="yellow")
    if bag.orphans:
        yield Text(f"  {bag.orphans:,} messages are left out: what says of which topic they are is destroyed")
    for note in bag.notes:
        yield Text(f"  {note}", style="yellow")
    if bag.original is not None:
        yield Text(f"  the original is kept in {bag.original}", style="dim")
