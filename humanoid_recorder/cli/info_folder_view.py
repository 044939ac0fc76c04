"""The table of many bags, for people."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, Group
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.info_folder import FolderReport, TotalsReport
from humanoid_recorder.cli.info_models import InfoReport

_STYLES = {"success": "green", "failure": "red"}


def show_folder(report: FolderReport, console: Console) -> None:
    """Print a row for each bag, what is wrong with those that are not whole, and the totals."""
    console.print(Text(report.path, style="bold"), soft_wrap=True)
    if not report.bags:
        console.print("There is no bag in it.")
        return
    console.print(_table(report))
    problems = [_problem(bag, Path(report.path)) for bag in report.bags if not bag.whole]
    console.print(Group(Text(), *problems, *(Text.from_markup(line) for line in _totals(report.totals))))


def _table(report: FolderReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("bag", overflow="fold")
    table.add_column("task", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    for name in ("s", "messages", "size", "lost", "drop"):
        table.add_column(name, justify="right", no_wrap=True)
    for bag in report.bags:
        table.add_row(*_row(bag))
    return table


def _row(bag: InfoReport) -> Iterator[Text]:
    episode = bag.episode
    yield Text("✓", "green") if bag.whole else Text("✗", "bold red")
    yield Text(Path(bag.path).name, style="" if bag.readable else "yellow")
    yield Text(episode.labels.task if episode else "")
    outcome = episode.outcome.value if episode else ""
    yield Text(outcome, style=_STYLES.get(outcome, "dim"))
    yield Text("" if bag.duration_s is None else f"{bag.duration_s:.1f}")
    yield Text("" if bag.messages is None else f"{bag.messages:,}")
    yield Text("" if bag.size_bytes is None else decimal(bag.size_bytes))
    if not bag.readable or episode is None:
        yield from (Text("?", "yellow") if bag.readable else Text(), Text())
        return
    yield Text("?", "yellow") if episode.lost is None else _count(episode.lost)
    yield _count(episode.dropped or 0)


def _count(count: int) -> Text:
    return Text(f"{count:,}", style="bold red" if count else "green")


def _short(bag: InfoReport, folder: Path) -> str:
    path = Path(bag.path)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _problem(bag: InfoReport, folder: Path) -> Text:
    first = bag.problems[0] if bag.problems else ""
    more = f" (and {len(bag.problems) - 1} more)" if len(bag.problems) > 1 else ""
    remedy = f" [bold]what to do:[/] {escape(bag.remedy)}" if bag.remedy else ""
    return Text.from_markup(f"[bold red]✗[/] {escape(_short(bag, folder))}: {escape(first)}{more}{remedy}")


def _totals(totals: TotalsReport) -> Iterator[str]:
    hours, seconds = divmod(round(totals.duration_s), 3600)
    yield (
        f"[bold]{totals.bags:,} bags[/], {totals.whole:,} whole: {hours}:{seconds // 60:02}:{seconds % 60:02} h, "
        f"{totals.messages:,} messages, {decimal(totals.size_bytes)}, {totals.lost:,} lost, {totals.dropped:,} dropped"
    )
    if totals.lost_unknown:
        yield f"[yellow]? of {totals.lost_unknown:,} the loss is not known[/]"
    for title, counted in (("outcomes", totals.outcomes), ("tasks", totals.tasks)):
        if counted:
            yield f"{title}: " + ", ".join(f"{escape(name)} {count:,}" for name, count in sorted(counted.items()))
